/*
 * tree - the memory of one configuration
 *
 * Everything a configuration owns is allocated here and freed together. All of it is overwritten
 * first: passwords lie among the other strings. One thread.
 */
#pragma once

#include <stddef.h>

struct tree_block;

struct tree {
	struct tree_block *blocks;
};

#define TREE_INIT ((struct tree){ NULL })

/* Zeroed, aligned for any type. */
void *tree_alloc(struct tree *tree, size_t size);

/* A copy of `len` bytes, followed by a NUL. */
char *tree_copy(struct tree *tree, const char *data, size_t len);
char *tree_strdup(struct tree *tree, const char *s);
char *tree_printf(struct tree *tree, const char *format, ...) __attribute__((format(printf, 2, 3)));

void config_tree_fini(struct tree *tree);
