/*
 * path_set - the wanted paths as a trie, one node a member name
 *
 * Private to daemon/event: scan.c walks it, everyone else uses scan.h. Immutable once built, so any
 * number of threads may scan with it. Nodes are numbered, root is 0, so that a scan can keep a bit
 * for each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATH_NODES_MAX = 4096 };

struct path_node {
	char *name; /* owned; NULL for the root */
	size_t name_len;
	int64_t element; /* the array element this name stands for; -1: none */
	int ref; /* index of the path that ends here; -1: none */
	unsigned number;
	struct path_node *children;
	size_t child_count, child_capacity;
	uint64_t child_lengths; /* bit (length & 63) of every child's name: most keys end here */
	bool has_elements; /* a child may stand for an array element */
};

struct path_set {
	struct path_node root;
	unsigned node_count, path_count;
};

/*
 * The child for an object's key, given as it stands between the quotes; NULL when nobody wants it.
 * Keys are compared with their escapes replaced.
 */
const struct path_node *path_node_member(const struct path_node *node, const char *key, size_t len,
	bool has_escapes);

/* The child for an array's element. */
const struct path_node *path_node_element(const struct path_node *node, int64_t element);
