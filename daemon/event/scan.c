/*
 * scan - find a few JSON paths in a value, strictly, without a tree
 *
 * Runs in: worker, any thread (pure). One function a grammar rule; each takes the place where its
 * text starts, returns the place behind it, or NULL after fault(). A rule is given the trie's node
 * for what it reads, NULL where nobody wants anything below; the grammar is checked all the same.
 * Invariant: a byte is read only after `p < end` was seen for it.
 */
#include "event/scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "event/path_set.h"
#include "event/unescape.h"
#include "event/utf8.h"

struct scan {
	const char *start, *end;
	struct json_ref *refs;
	enum scan_result result;
	const char *fault;
	uint64_t seen[PATH_NODES_MAX / 64]; /* a bit a node: its key was met */
};

enum { CHAR_SPACE = 1, CHAR_PLAIN = 2, CHAR_DIGIT = 4 };

/* CHAR_PLAIN: ASCII that stands for itself in a string. */
static const uint8_t char_class[256] = {
	['\t'] = CHAR_SPACE,
	['\n'] = CHAR_SPACE,
	['\r'] = CHAR_SPACE,
	[' '] = CHAR_SPACE | CHAR_PLAIN,
	['!'] = CHAR_PLAIN,
	['#' ... '/'] = CHAR_PLAIN,
	['0' ... '9'] = CHAR_PLAIN | CHAR_DIGIT,
	[':' ... '['] = CHAR_PLAIN,
	[']' ... 0x7f] = CHAR_PLAIN,
};

static bool char_is(const char *p, uint8_t class)
{
	return char_class[(unsigned char)*p] & class;
}

static const char *fault(struct scan *scan, enum scan_result result, const char *at)
{
	scan->result = result;
	scan->fault = at;
	return NULL;
}

static inline const char *skip_space(const char *p, const char *end)
{
	while (p < end && char_is(p, CHAR_SPACE)) {
		p++;
	}
	return p;
}

/* Past what stands for itself in a string: to a quote, backslash, control, non-ASCII or the end. */
static inline const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
	const __m128i space = _mm_set1_epi8(' ');

	while (end - p >= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* signed: what is not ASCII is below a blank too */
		__m128i special = _mm_or_si128(_mm_cmplt_epi8(bytes, space),
			_mm_or_si128(
				_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
		int mask = _mm_movemask_epi8(special);

		if (mask) {
			return p + __builtin_ctz((unsigned)mask);
		}
		p += 16;
	}
#endif
	while (p < end && char_is(p, CHAR_PLAIN)) {
		p++;
	}
	return p;
}

/* "\uXXXX", or the pair of them that one character above U+FFFF needs. */
static const char *scan_unicode_escape(struct scan *scan, const char *p)
{
	int unit, low;

	if (scan->end - p < 6 || (unit = unescape_hex4(p + 2)) < 0) {
		return fault(scan, SCAN_INVALID, p);
	}
	if ((unit & 0xf800) != 0xd800) {
		return p + 6;
	}
	if ((unit & 0xfc00) == 0xdc00 || scan->end - p < 12 || p[6] != '\\' || p[7] != 'u') {
		return fault(scan, SCAN_BAD_UTF8, p);
	}
	low = unescape_hex4(p + 8);
	if (low < 0) {
		return fault(scan, SCAN_INVALID, p + 6);
	}
	if ((low & 0xfc00) != 0xdc00) {
		return fault(scan, SCAN_BAD_UTF8, p);
	}
	return p + 12;
}

static const char *scan_escape(struct scan *scan, const char *p)
{
	if (scan->end - p < 2) {
		return fault(scan, SCAN_INVALID, p);
	}
	switch (p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return p + 2;
	case 'u':
		return scan_unicode_escape(scan, p);
	default:
		return fault(scan, SCAN_INVALID, p);
	}
}

/* Past a run of non-ASCII characters, the first of which is at `p`. */
static const char *scan_non_ascii(struct scan *scan, const char *p)
{
	do {
		unsigned length = utf8_sequence(p, scan->end);

		if (length == 0) {
			return fault(scan, SCAN_BAD_UTF8, p);
		}
		p += length;
	} while (p < scan->end && (unsigned char)*p >= 0x80);
	return p;
}

static const char *scan_string(struct scan *scan, const char *p, bool *ret_has_escapes)
{
	const char *end = scan->end;

	*ret_has_escapes = false;
	p++;
	while (p) {
		p = skip_plain(p, end);
		if (p == end) {
			return fault(scan, SCAN_INVALID, end);
		}
		if (*p == '"') {
			return p + 1;
		}
		if (*p == '\\') {
			*ret_has_escapes = true;
			p = scan_escape(scan, p);
		} else if ((unsigned char)*p >= 0x80) {
			p = scan_non_ascii(scan, p);
		} else {
			return fault(scan, SCAN_INVALID, p);
		}
	}
	return NULL;
}

/* One digit or more. */
static const char *scan_digits(struct scan *scan, const char *p)
{
	if (p == scan->end || !char_is(p, CHAR_DIGIT)) {
		return fault(scan, SCAN_INVALID, p);
	}
	while (p < scan->end && char_is(p, CHAR_DIGIT)) {
		p++;
	}
	return p;
}

static const char *scan_exponent(struct scan *scan, const char *p)
{
	p++;
	if (p < scan->end && (*p == '+' || *p == '-')) {
		p++;
	}
	return scan_digits(scan, p);
}

static const char *scan_number(struct scan *scan, const char *p)
{
	const char *end = scan->end;

	if (*p == '-') {
		p++;
	}
	if (p < end && *p == '0') {
		p++; /* a digit behind it is what the caller does not expect */
	} else {
		p = scan_digits(scan, p);
	}
	if (p && p < end && *p == '.') {
		p = scan_digits(scan, p + 1);
	}
	if (p && p < end && (*p == 'e' || *p == 'E')) {
		p = scan_exponent(scan, p);
	}
	return p;
}

static const char *scan_word(struct scan *scan, const char *p, struct slice word)
{
	if ((size_t)(scan->end - p) < word.len || memcmp(p, word.data, word.len) != 0) {
		return fault(scan, SCAN_INVALID, p);
	}
	return p + word.len;
}

static const char *scan_value(
	struct scan *scan, const char *p, const struct path_node *node, unsigned depth);

/* The child that wants this key, once; a second time is a fault. NULL in *ret when nobody does. */
static bool find_member(struct scan *scan, const struct path_node *node, struct slice key,
	bool has_escapes, const struct path_node **ret)
{
	const struct path_node *child = path_node_member(node, key.data, key.len, has_escapes);

	*ret = child;
	if (!child) {
		return true;
	}
	if (scan->seen[child->number / 64] >> (child->number % 64) & 1) {
		fault(scan, SCAN_DUPLICATE_KEY, key.data - 1);
		return false;
	}
	scan->seen[child->number / 64] |= UINT64_C(1) << (child->number % 64);
	return true;
}

/* `"key": value` */
static const char *scan_member(
	struct scan *scan, const char *p, const struct path_node *node, unsigned depth)
{
	const struct path_node *child = NULL;
	const char *key = p + 1;
	bool has_escapes;

	if (p == scan->end || *p != '"') {
		return fault(scan, SCAN_INVALID, p);
	}
	p = scan_string(scan, p, &has_escapes);
	if (!p) {
		return NULL;
	}
	if (node && node->child_count > 0 &&
		!find_member(
			scan, node, slice_from(key, (size_t)(p - 1 - key)), has_escapes, &child)) {
		return NULL;
	}
	p = skip_space(p, scan->end);
	if (p == scan->end || *p != ':') {
		return fault(scan, SCAN_INVALID, p);
	}
	return scan_value(scan, skip_space(p + 1, scan->end), child, depth);
}

/* Behind a member or element: a comma (steps over it and blanks, *ret_more) or `close`. */
static const char *scan_separator(struct scan *scan, const char *p, char close, bool *ret_more)
{
	p = skip_space(p, scan->end);
	if (p < scan->end && *p == ',') {
		*ret_more = true;
		return skip_space(p + 1, scan->end);
	}
	*ret_more = false;
	if (p < scan->end && *p == close) {
		return p + 1;
	}
	return fault(scan, SCAN_INVALID, p);
}

static const char *scan_object(
	struct scan *scan, const char *p, const struct path_node *node, unsigned depth)
{
	bool is_more = true;

	p = skip_space(p + 1, scan->end);
	if (p < scan->end && *p == '}') {
		return p + 1;
	}
	while (p && is_more) {
		p = scan_member(scan, p, node, depth);
		if (p) {
			p = scan_separator(scan, p, '}', &is_more);
		}
	}
	return p;
}

static const char *scan_array(
	struct scan *scan, const char *p, const struct path_node *node, unsigned depth)
{
	bool has_wanted = node && node->has_elements;
	bool is_more = true;

	p = skip_space(p + 1, scan->end);
	if (p < scan->end && *p == ']') {
		return p + 1;
	}
	for (int64_t i = 0; p && is_more; i++) {
		p = scan_value(scan, p, has_wanted ? path_node_element(node, i) : NULL, depth);
		if (p) {
			p = scan_separator(scan, p, ']', &is_more);
		}
	}
	return p;
}

/* The whole of a value, its kind in *ret; see scan_value(). */
static const char *scan_any(struct scan *scan, const char *p, const struct path_node *node,
	unsigned depth, struct json_ref *ret)
{
	switch (*p) {
	case '"':
		ret->kind = JSON_KIND_STRING;
		return scan_string(scan, p, &ret->has_escapes);
	case '{':
		ret->kind = JSON_KIND_OBJECT;
		return depth < SCAN_DEPTH_MAX ? scan_object(scan, p, node, depth + 1)
					      : fault(scan, SCAN_TOO_DEEP, p);
	case '[':
		ret->kind = JSON_KIND_ARRAY;
		return depth < SCAN_DEPTH_MAX ? scan_array(scan, p, node, depth + 1)
					      : fault(scan, SCAN_TOO_DEEP, p);
	case 't':
		ret->kind = JSON_KIND_TRUE;
		return scan_word(scan, p, SLICE_LITERAL("true"));
	case 'f':
		ret->kind = JSON_KIND_FALSE;
		return scan_word(scan, p, SLICE_LITERAL("false"));
	case 'n':
		ret->kind = JSON_KIND_NULL;
		return scan_word(scan, p, SLICE_LITERAL("null"));
	default:
		ret->kind = JSON_KIND_NUMBER;
		return scan_number(scan, p);
	}
}

/* A value `depth` containers deep; it is noted down where a path ends at `node`. */
static const char *scan_value(
	struct scan *scan, const char *p, const struct path_node *node, unsigned depth)
{
	struct json_ref ref = { .has_escapes = false };
	const char *begin = p;

	if (p == scan->end) {
		return fault(scan, SCAN_INVALID, p);
	}
	p = scan_any(scan, p, node, depth, &ref);
	if (p && node && node->ref >= 0) {
		size_t quote = ref.kind == JSON_KIND_STRING;

		ref.text = slice_from(begin + quote, (size_t)(p - begin) - 2 * quote);
		scan->refs[node->ref] = ref;
	}
	return p;
}

static void scan_text(struct scan *scan, const struct path_node *root)
{
	const char *p = skip_space(scan->start, scan->end);

	if (p == scan->end) {
		fault(scan, SCAN_EMPTY, p);
		return;
	}
	if (*scan->start == '\0') {
		fault(scan, SCAN_FRAMED, scan->start);
		return;
	}
	p = scan_value(scan, p, root, 0);
	if (!p) {
		return;
	}
	p = skip_space(p, scan->end);
	if (p < scan->end) {
		fault(scan, SCAN_INVALID, p);
	}
}

enum scan_result scan_json(
	const struct path_set *set, struct slice value, struct json_ref *refs, size_t *ret_offset)
{
	struct scan scan;

	if (slice_is_null(value)) {
		value = SLICE_LITERAL("");
	}
	scan.start = value.data;
	scan.end = value.data + value.len;
	scan.refs = refs;
	scan.result = SCAN_OK;
	scan.fault = scan.start;
	memset(scan.seen, 0, (set->node_count + 63) / 64 * sizeof(scan.seen[0]));
	for (unsigned i = 0; i < set->path_count; i++) {
		refs[i] = (struct json_ref){ .kind = JSON_KIND_ABSENT };
	}

	scan_text(&scan, &set->root);
	if (ret_offset && scan.result != SCAN_OK) {
		*ret_offset = (size_t)(scan.fault - scan.start);
	}
	return scan.result;
}

const char *scan_result_text(enum scan_result result)
{
	static const char *const texts[] = {
		[SCAN_OK] = "is valid JSON",
		[SCAN_INVALID] = "is not valid JSON",
		[SCAN_TOO_DEEP] = "is JSON nested over 128 levels",
		[SCAN_BAD_UTF8] = "is JSON with a string that is not valid Unicode",
		[SCAN_DUPLICATE_KEY] = "repeats a key on the path of a wanted member",
		[SCAN_EMPTY] = "is empty",
		[SCAN_FRAMED] = "starts with a schema registry's magic byte, not with JSON",
	};

	return texts[result];
}
