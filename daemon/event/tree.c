#include "event/tree.h"

#include <jansson.h>

/* jansson's own sentences quote the text. */
static const char *why(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_duplicate_key:
		return "an object has a key twice";
	case json_error_numeric_overflow:
		return "a number is too large";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "a string holds a zero byte";
	case json_error_stack_overflow:
		return "it is nested too deeply";
	default:
		return "it is no JSON text";
	}
}

struct json_t *tree_new(struct slice text, const char **ret_why)
{
	json_error_t error;
	json_t *tree = NULL;

	if (slice_is_null(text)) {
		if (ret_why) {
			*ret_why = "there is no value";
		}
		return NULL;
	}
	tree = json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
	if (!tree && ret_why) {
		*ret_why = why(&error);
	}
	return tree;
}

void tree_free(struct json_t *tree)
{
	json_decref(tree);
}
