/*
 * test_path_set - building the set of wanted paths, and replacing the escapes of what was found
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "event/scan.h"
#include "guard_page.h"

/* ---- path sets ---- */

static void the_same_path_has_the_same_index(void **state)
{
	struct path_set *set = path_set_new();

	assert_int_equal(path_set_add(set, "a.b"), 0);
	assert_int_equal(path_set_add(set, "a"), 1);
	assert_int_equal(path_set_add(set, "a.b"), 0);
	assert_int_equal(path_set_add(set, ""), 2);
	assert_int_equal(path_set_add(set, ""), 2);
	assert_int_equal(path_set_count(set), 3);
	path_set_free(set);
}

static void malformed_paths_are_refused_and_change_nothing(void **state)
{
	static const char *const bad[] = { ".", "a.", ".a", "a..b", "a\\", "a\\b", "\\", "a.\\x" };
	struct path_set *set = path_set_new();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(path_set_add(set, bad[i]), -EINVAL);
	}
	assert_int_equal(path_set_count(set), 0);
	path_set_free(set);
	path_set_free(NULL);
}

static void path_sets_are_bounded(void **state)
{
	struct path_set *set = path_set_new();
	char path[2 * (SCAN_DEPTH_MAX + 1)];

	for (int i = 0; i <= SCAN_DEPTH_MAX; i++) {
		memcpy(path + 2 * i, "a.", 2);
	}
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(path_set_add(set, path), -E2BIG);
	path[sizeof(path) - 3] = '\0';
	assert_int_equal(path_set_add(set, path), 0);
	for (int i = 1; i < SCAN_PATHS_MAX; i++) {
		snprintf(path, sizeof(path), "k%d", i);
		assert_int_equal(path_set_add(set, path), i);
	}
	assert_int_equal(path_set_add(set, "one_more"), -E2BIG);
	assert_int_equal(path_set_add(set, "k7"), 7);
	path_set_free(set);
}

static void the_largest_set_of_deep_paths_is_scanned(void **state)
{
	struct path_set *set = path_set_new();
	struct json_ref refs[SCAN_PATHS_MAX];
	char path[3 * SCAN_DEPTH_MAX];
	int added = 0, r = 0;

	while (r >= 0) {
		int len = snprintf(path, sizeof(path), "k%d", added);

		while (len < 2 * SCAN_DEPTH_MAX) {
			memcpy(path + len, ".a", 3);
			len += 2;
		}
		r = path_set_add(set, path);
		added += r >= 0;
	}
	assert_int_equal(r, -E2BIG);
	assert_true(added > 30);
	assert_int_equal(
		scan_json(set, SLICE_LITERAL("{\"k30\":{\"a\":1},\"k0\":{\"a\":{\"a\":{}}}}"), refs,
			NULL),
		SCAN_OK);
	assert_int_equal(refs[0].kind, JSON_KIND_ABSENT);
	path_set_free(set);
}

/* ---- unescape ---- */

static void assert_unescaped(const char *escaped, const char *plain, size_t len)
{
	struct buffer out = BUFFER_INIT;

	buffer_append_str(&out, "before:");
	scan_unescape(slice_from_str(escaped), &out);
	assert_int_equal(out.len, 7 + len);
	assert_memory_equal(out.data + 7, plain, len);
	assert_int_equal(out.data[out.len], '\0');
	buffer_fini(&out);
}

static void escapes_become_utf8(void **state)
{
	assert_unescaped("", "", 0);
	assert_unescaped("plain", "plain", 5);
	assert_unescaped("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8);
	assert_unescaped("a\\u0000b", "a\0b", 3);
	assert_unescaped("\\u007f\\u0080\\u07ff\\u0800\\uFFFF",
		"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11);
	assert_unescaped("\\ud83d\\ude00\\udbff\\udfff", "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf", 8);
	assert_unescaped("caf\xc3\xa9\\u00e9", "caf\xc3\xa9\xc3\xa9", 7);
}

static void unescaping_refused_text_stays_inside_it(void **state)
{
	static const char *const texts[] = { "\\", "\\u", "\\u1", "\\u123", "\\ud83d", "\\ud83d\\",
		"\\ud83d\\u", "\\ud83d\\u12", "\\ud83d\\uzzzz", "\\uzzzz", "\\x" };
	struct guard_page guard;

	guard_page_init(&guard, 64);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buffer out = BUFFER_INIT;
		size_t len = strlen(texts[i]);

		scan_unescape(slice_from(guard_page_place(&guard, texts[i], len), len), &out);
		assert_true(out.len <= len);
		buffer_fini(&out);
	}
	guard_page_fini(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_path_has_the_same_index),
		cmocka_unit_test(malformed_paths_are_refused_and_change_nothing),
		cmocka_unit_test(path_sets_are_bounded),
		cmocka_unit_test(the_largest_set_of_deep_paths_is_scanned),
		cmocka_unit_test(escapes_become_utf8),
		cmocka_unit_test(unescaping_refused_text_stays_inside_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
