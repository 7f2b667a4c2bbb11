/*
 * tree - the memory of one configuration
 */
#include "config/tree.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct tree_block {
	struct tree_block *next;
	size_t size;
	max_align_t data[];
};

void *tree_alloc(struct tree *tree, size_t size)
{
	struct tree_block *block = xcalloc(1, sizeof(*block) + size);

	block->size = size;
	block->next = tree->blocks;
	tree->blocks = block;
	return block->data;
}

char *tree_copy(struct tree *tree, const char *data, size_t len)
{
	char *copy = tree_alloc(tree, len + 1);

	if (len > 0) {
		memcpy(copy, data, len);
	}
	return copy;
}

char *tree_strdup(struct tree *tree, const char *s)
{
	return tree_copy(tree, s, strlen(s));
}

char *tree_printf(struct tree *tree, const char *format, ...)
{
	va_list args, again;
	int len;
	char *text;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = tree_alloc(tree, (size_t)(len < 0 ? 0 : len) + 1);
	if (len > 0) {
		vsnprintf(text, (size_t)len + 1, format, again);
	}
	va_end(again);
	return text;
}

void config_tree_fini(struct tree *tree)
{
	while (tree->blocks) {
		struct tree_block *block = tree->blocks;

		tree->blocks = block->next;
		explicit_bzero(block->data, block->size);
		free(block);
	}
}
