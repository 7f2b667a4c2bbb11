/*
 * scan - find a few JSON paths in a value, strictly, without a tree
 *
 * Runs in: worker, any thread (pure; a path_set is immutable once built). RFC 8259 grammar, one
 * pass, no allocation: what is found are slices of the caller's bytes, numbers stay text. A value
 * that is not one complete JSON text is an error wherever the fault is, also behind the last path.
 * Refused beyond the grammar: nesting over SCAN_DEPTH_MAX, invalid UTF-8, lone surrogates in
 * escapes, and a key repeated in an object on the way to a wanted path (SCAN_DUPLICATE_KEY): a
 * repeated id would be a way around dedup. \u0000 in a string is grammar; sinks that cannot hold
 * it refuse it themselves.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum { SCAN_DEPTH_MAX = 128, SCAN_PATHS_MAX = 256 };

enum json_kind {
	JSON_KIND_ABSENT, /* the path is not in the value */
	JSON_KIND_NULL,
	JSON_KIND_TRUE,
	JSON_KIND_FALSE,
	JSON_KIND_NUMBER, /* text: the number as written */
	JSON_KIND_STRING, /* text: between the quotes, escapes not yet replaced if has_escapes */
	JSON_KIND_OBJECT, /* text: the whole object, braces included */
	JSON_KIND_ARRAY,
};

struct json_ref {
	enum json_kind kind;
	bool has_escapes;
	struct slice text;
};

enum scan_result {
	SCAN_OK = 0,
	SCAN_INVALID, /* not JSON */
	SCAN_TOO_DEEP,
	SCAN_BAD_UTF8, /* invalid UTF-8 in a string, or half of an escaped surrogate pair */
	SCAN_DUPLICATE_KEY,
	SCAN_EMPTY, /* no byte but white space */
	SCAN_FRAMED, /* starts with a schema registry's magic byte 0 */
};

/*
 * A set of wanted paths, compiled to a trie. Index = order of adding; adding the same path again
 * gives the same index.
 */
struct path_set;

struct path_set *path_set_new(void);
void path_set_free(struct path_set *set);

/*
 * `path` is "a.b.c" (object members; "\." for a dot in a name, "\\" for a backslash). A name of
 * digits alone is an element where the value is an array ("items.0.sku") and a member where it is
 * an object. "" is the whole value. Returns the index, or -EINVAL (empty name, bad escape), or
 * -E2BIG (over SCAN_PATHS_MAX paths, or deeper than SCAN_DEPTH_MAX).
 */
int path_set_add(struct path_set *set, const char *path);
unsigned path_set_count(const struct path_set *set);

/*
 * Scan `value` and fill refs[0 .. path_set_count-1]. On an error `ret_offset` (may be NULL) gets
 * the byte where it was seen and refs must not be used. Never reads past value.len.
 */
enum scan_result scan_json(const struct path_set *set, struct slice value, struct json_ref *refs,
	size_t *ret_offset);

/* One sentence part for a result: "is not valid JSON", "repeats a key on the path of ..." */
const char *scan_result_text(enum scan_result result);

/* Replace the escapes of a string found by scan_json (appends UTF-8 to out). */
void scan_unescape(struct slice escaped, struct buffer *out);
