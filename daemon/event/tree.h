/*
 * tree - the whole of a JSON text as a tree of jansson's
 *
 * Pure. Only for handlers that ask for one: it costs many times what the scanner does.
 */
#pragma once

#include "base/slice.h"

struct json_t;

/*
 * The tree of `text`, to be freed with tree_free(). NULL, and `ret_why` (static; may be NULL),
 * where the text is no JSON or a tree could not say what it says: a key twice in an object, an
 * integer beyond 64 bits, a number beyond a double, a zero byte in a string, too deep.
 */
struct json_t *tree_new(struct slice text, const char **ret_why);
void tree_free(struct json_t *tree); /* NULL: nothing */
