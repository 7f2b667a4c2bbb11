/*
 * path_set - the wanted paths as a trie, one node a member name
 *
 * Runs in: worker, any thread. Owns its nodes and their names.
 */
#include "event/path_set.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "event/scan.h"
#include "event/unescape.h"

static void node_fini(struct path_node *node)
{
	for (size_t i = 0; i < node->child_count; i++) {
		node_fini(&node->children[i]);
	}
	free(node->children);
	free(node->name);
}

struct path_set *path_set_new(void)
{
	struct path_set *set = NEW(struct path_set);

	set->root = (struct path_node){ .element = -1, .ref = -1 };
	set->node_count = 1;
	return set;
}

void path_set_free(struct path_set *set)
{
	if (!set) {
		return;
	}
	node_fini(&set->root);
	free(set);
}

unsigned path_set_count(const struct path_set *set)
{
	return set->path_count;
}

/* "0", "17": an element; "", "007", "1x" and what no array can hold: -1. */
static int64_t element_of_name(const char *name, size_t len)
{
	int64_t element = 0;

	if (len == 0 || len > 10 || (len > 1 && name[0] == '0')) {
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9') {
			return -1;
		}
		element = element * 10 + (name[i] - '0');
	}
	return element;
}

static bool name_is(const struct path_node *node, const char *name, size_t len)
{
	return node->name_len == len && memcmp(node->name, name, len) == 0;
}

static struct path_node *child_find(const struct path_node *node, const char *name, size_t len)
{
	for (size_t i = 0; i < node->child_count; i++) {
		if (name_is(&node->children[i], name, len)) {
			return &node->children[i];
		}
	}
	return NULL;
}

static struct path_node *child_add(
	struct path_set *set, struct path_node *node, const char *name, size_t len)
{
	struct path_node *child;

	ARRAY_GROW(node->children, node->child_count, node->child_capacity);
	child = &node->children[node->child_count++];
	*child = (struct path_node){
		.name = xstrndup(name, len),
		.name_len = len,
		.element = element_of_name(name, len),
		.ref = -1,
		.number = set->node_count++,
	};
	node->child_lengths |= UINT64_C(1) << (len & 63);
	node->has_elements |= child->element >= 0;
	return child;
}

/*
 * Copy the member name at *path to `name`, escapes replaced, and step behind it and its dot. The
 * length, or -EINVAL.
 */
static int next_name(const char **path, char *name)
{
	const char *p = *path;
	int len = 0;

	for (; *p && *p != '.'; p++) {
		if (*p == '\\') {
			p++;
			if (*p != '.' && *p != '\\') {
				return -EINVAL;
			}
		}
		name[len++] = *p;
	}
	if (len == 0 || (p[0] == '.' && p[1] == '\0')) {
		return -EINVAL;
	}
	*path = *p == '.' ? p + 1 : p;
	return len;
}

/* The number of names in the path, or -EINVAL. */
static int path_depth(const char *path, char *name)
{
	int depth = 0;

	while (*path) {
		if (next_name(&path, name) < 0) {
			return -EINVAL;
		}
		depth++;
	}
	return depth;
}

/* The node at the end of a well-formed path, or NULL where it is not there yet. */
static struct path_node *path_find(struct path_set *set, const char *path, char *name)
{
	struct path_node *node = &set->root;

	while (node && *path) {
		int len = next_name(&path, name);

		node = child_find(node, name, (size_t)len);
	}
	return node;
}

static struct path_node *path_insert(struct path_set *set, const char *path, char *name)
{
	struct path_node *node = &set->root;

	while (*path) {
		int len = next_name(&path, name);
		struct path_node *child = child_find(node, name, (size_t)len);

		node = child ? child : child_add(set, node, name, (size_t)len);
	}
	return node;
}

int path_set_add(struct path_set *set, const char *path)
{
	_cleanup_free_ char *name = xmalloc(strlen(path) + 1);
	struct path_node *node;
	int depth = path_depth(path, name);

	if (depth < 0) {
		return depth;
	}
	node = path_find(set, path, name);
	if (node && node->ref >= 0) {
		return node->ref;
	}
	if (depth > SCAN_DEPTH_MAX || set->path_count >= SCAN_PATHS_MAX ||
		set->node_count + (unsigned)depth > PATH_NODES_MAX) {
		return -E2BIG;
	}
	node = path_insert(set, path, name);
	node->ref = (int)set->path_count++;
	return node->ref;
}

const struct path_node *path_node_member(
	const struct path_node *node, const char *key, size_t len, bool has_escapes)
{
	if (!has_escapes) {
		if (!(node->child_lengths >> (len & 63) & 1)) {
			return NULL;
		}
		return child_find(node, key, len);
	}
	for (size_t i = 0; i < node->child_count; i++) {
		const struct path_node *child = &node->children[i];

		if (unescape_equals(
			    slice_from(key, len), slice_from(child->name, child->name_len))) {
			return child;
		}
	}
	return NULL;
}

const struct path_node *path_node_element(const struct path_node *node, int64_t element)
{
	for (size_t i = 0; i < node->child_count; i++) {
		if (node->children[i].element == element) {
			return &node->children[i];
		}
	}
	return NULL;
}
