/*
 * test_filter - the grammar of `filter`, and which records its conditions let through
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_case.h"
#include "worker/event.h"
#include "worker/filter.h"

static struct config_case test;

static int set_up(void **state)
{
	config_case_begin(&test);
	return 0;
}

static int tear_down(void **state)
{
	config_case_end(&test);
	return 0;
}

/* Load a consumer with this filter; 0 or negative. */
static int load(const char *filter)
{
	_cleanup_(buffer_fini) struct buffer line = BUFFER_INIT;

	config_case_end(&test);
	config_case_begin(&test);
	buffer_printf(&line, "filter = %s\n", filter);
	return config_case_load_with(&test, "", "", buffer_str(&line), "");
}

/* ---- grammar ---- */

static void what_is_written_is_read_back(void **state)
{
	static const struct {
		const char *text, *written;
	} cases[] = {
		{ "key = a", "key = \"a\"" },
		{ "header:region=eu|us", "header:region = \"eu\" | \"us\"" },
		{ "json:a.b.0 != draft , key present", "json:a.b.0 != \"draft\", key present" },
		{ "json:a absent,\n    header:x = two words",
			"json:a absent, header:x = \"two words\"" },
		{ "key = \"a, b | c\" | \"\" | \"say \\\"x\\\" \\\\\"",
			"key = \"a, b | c\" | \"\" | \"say \\\"x\\\" \\\\\"" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

		if (load(cases[i].text) < 0) {
			fail_msg("%s: %s", cases[i].text, buffer_str(&test.errors.text));
		}
		config_dump(test.config, true, &out);
		if (!strstr(buffer_str(&out), cases[i].written)) {
			fail_msg("%s is not in\n%s", cases[i].written, buffer_str(&out));
		}
	}
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "region = eu",
			"\"region = eu\" does not begin with header:NAME, json:PATH or key" },
		{ "header: = eu", "does not begin with" },
		{ "key", "a condition is FIELD = VALUE" },
		{ "key presently", "\"presently\": a condition is" },
		{ "key > 3", "\"> 3\": a condition is" },
		{ "key =", "a value is missing" },
		{ "key = a | ", "a value is missing" },
		{ "key = a,", "does not begin with" },
		{ "key present key = a", "conditions are separated by commas" },
		{ "key = \"a", "does not end with one" },
		{ "key = \"a\" b", "conditions are separated by commas" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_not_equal(load(cases[i].text), 0);
		if (!strstr(buffer_str(&test.errors.text), cases[i].said)) {
			fail_msg("%s: said %s", cases[i].text, buffer_str(&test.errors.text));
		}
	}
}

/* ---- conditions ---- */

static const struct source_header headers[] = {
	{ SLICE_LITERAL("region"), SLICE_LITERAL("eu") },
	{ SLICE_LITERAL("region"), SLICE_LITERAL("us") },
	{ SLICE_LITERAL("empty"), SLICE_LITERAL("") },
	{ SLICE_LITERAL("null"), { NULL, 0 } },
};
static int header_count;

static int headers_of(void *handle, struct source_header *ret, size_t max)
{
	for (int i = 0; i < header_count && (size_t)i < max; i++) {
		ret[i] = headers[i];
	}
	return header_count;
}

static void release(struct source *source, void *handle)
{
}

static const struct source_ops source_ops = { .release = release, .headers = headers_of };

/* Does a record of key "k" with the headers above pass? `value` NULL: a tombstone. */
static bool passes(const char *text, const char *value)
{
	struct source_record polled = { .key = SLICE_LITERAL("k"), .value = slice_from_str(value) };
	struct json_ref refs[SCAN_PATHS_MAX] = { 0 };
	struct onced_event event = { .refs = refs };
	struct path_set *paths = path_set_new();
	struct filter filter;
	struct err err = ERR_INIT;
	bool is_scanned = true, ret;

	if (load(text) < 0) {
		fail_msg("%s: %s", text, buffer_str(&test.errors.text));
	}
	polled.handle = &event; /* any but NULL */
	event.record = record_new(&source_ops, NULL, &polled, 0);
	assert_int_equal(filter_init(&filter, &test.config->consumers[0].filter, paths, &err), 0);
	if (value) {
		is_scanned = scan_json(paths, polled.value, refs, NULL) == SCAN_OK;
	}
	ret = filter_passes(&filter, &event, is_scanned);
	filter_fini(&filter);
	path_set_free(paths);
	record_free(event.record);
	return ret;
}

static const char value[] =
	"{\"s\":\"a\\u00e9\",\"n\":1.50,\"t\":true,\"z\":null,\"o\":{\"x\":1},\"l\":[\"p\",\"q\"]}";

static void conditions_hold_or_not(void **state)
{
	static const struct {
		const char *filter, *value;
		bool passes;
	} cases[] = {
		{ "key = k", value, true },
		{ "key = x | k", value, true },
		{ "key = x", value, false },
		{ "key != k", value, false },
		{ "header:region = us", value, true },
		{ "header:region = asia", value, false },
		{ "header:region != us", value, false },
		{ "header:empty = \"\"", value, true },
		{ "header:empty present", value, true },
		{ "header:null present", value, false },
		{ "header:none != x", value, true },
		{ "header:none absent", value, true },
		{ "header:Region present", value, false },
		{ "json:s = a\xc3\xa9", value, true },
		{ "json:n = 1.50", value, true },
		{ "json:n = 1.5", value, false },
		{ "json:t = true", value, true },
		{ "json:z present", value, false },
		{ "json:z = null", value, false },
		{ "json:o present", value, true },
		{ "json:o = \"{\"", value, false },
		{ "json:o != a", value, true },
		{ "json:o.x = 1", value, true },
		{ "json:l.1 = q", value, true },
		{ "json:none = a", value, false },
		{ "json:none absent, key = k", value, true },
		{ "json:none absent, key = x", value, false },
		{ "json:s present", NULL, false },
		{ "json:s absent", NULL, true },
		/* the caller finds the value undecodable, unless another condition keeps it away */
		{ "json:s = b", "no json", true },
		{ "header:region = asia, json:s = b", "no json", false },
	};

	header_count = 4;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (passes(cases[i].filter, cases[i].value) != cases[i].passes) {
			fail_msg(
				"%s: %s", cases[i].filter, cases[i].passes ? "kept out" : "let in");
		}
	}
}

static void headers_that_cannot_be_parsed_keep_nobody_out(void **state)
{
	header_count = -1;
	assert_true(passes("header:region = asia", value));
	assert_false(passes("header:region = asia, key = x", value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(conditions_hold_or_not),
		cmocka_unit_test(headers_that_cannot_be_parsed_keep_nobody_out),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
