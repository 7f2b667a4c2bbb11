/*
 * test_scan - the JSON scanner: grammar, paths, refusals, and that it never reads too far
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/memory.h"
#include "event/scan.h"
#include "guard_page.h"
#include "json_cases.h"
#include "json_differential.h"

/* Scan `text` for up to four paths (NULL ends the list). */
struct found {
	enum scan_result result;
	size_t offset;
	struct json_ref refs[4];
};

static struct found scan_for(const char *text, const char *const paths[4])
{
	struct path_set *set = path_set_new();
	struct found found = { .offset = SIZE_MAX };

	for (int i = 0; i < 4 && paths[i]; i++) {
		assert_int_equal(path_set_add(set, paths[i]), i);
	}
	found.result = scan_json(set, slice_from_str(text), found.refs, &found.offset);
	path_set_free(set);
	return found;
}

#define SCAN_FOR(text, ...) scan_for((text), (const char *const[4]){ __VA_ARGS__ })

static void assert_ref(const struct json_ref *ref, enum json_kind kind, const char *text)
{
	assert_int_equal(ref->kind, kind);
	assert_int_equal(ref->text.len, strlen(text));
	assert_memory_equal(ref->text.data, text, ref->text.len);
}

static void assert_absent(const struct json_ref *ref)
{
	assert_int_equal(ref->kind, JSON_KIND_ABSENT);
	assert_true(slice_is_null(ref->text));
}

/* ---- grammar ---- */

static void every_case_of_the_grammar_gets_its_answer(void **state)
{
	struct path_set *set = path_set_new();
	struct guard_page guard;

	guard_page_init(&guard, 4096);
	for (size_t i = 0; i < json_case_count; i++) {
		const struct json_case *c = &json_cases[i];
		const char *text = guard_page_place(&guard, c->text, c->len);
		enum scan_result result = scan_json(set, slice_from(text, c->len), NULL, NULL);

		if (result != c->result) {
			fail_msg("%s: it \"%s\"", c->name, scan_result_text(result));
		}
	}
	guard_page_fini(&guard);
	path_set_free(set);
}

static bool jansson_takes(const struct json_case *c)
{
	json_t *json = json_loadb(c->text, c->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	json_decref(json);
	return json != NULL;
}

static void jansson_differs_exactly_where_it_is_listed(void **state)
{
	for (size_t i = 0; i < json_case_count; i++) {
		const struct json_case *c = &json_cases[i];
		bool is_same = jansson_takes(c) == (c->result == SCAN_OK);

		if (is_same != (c->why_jansson_differs == NULL)) {
			fail_msg("%s: jansson %s", c->name, is_same ? "agrees" : "disagrees");
		}
	}
}

static void values_found_are_those_that_jansson_finds(void **state)
{
	static const char *const texts[] = {
		"{\"event_id\":\"e-1\",\"event_type\":\"order\",\"payload\":{\"order_id\":17,"
		"\"amount\":12.50,\"items\":[{\"sku\":\"A\\u00e9\\ud83d\\ude00\"},[1,{}]]}}",
		"{\"a\":{\"b\":null},\"0\":[{}],\"1\":[true,false]}",
		"[[1,2],[-0.5e-3,\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\"]]",
		"{\"payload\":[],\"event\\u005fid\":\"hidden\"}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *difference = json_differential(slice_from_str(texts[i]));

		if (difference) {
			fail_msg("%s in %s", difference, texts[i]);
		}
	}
	for (size_t i = 0; i < json_case_count; i++) {
		const struct json_case *c = &json_cases[i];
		const char *difference = json_differential(slice_from(c->text, c->len));

		if (difference) {
			fail_msg("%s: %s", c->name, difference);
		}
	}
}

static const char envelope[] =
	"{\"event_id\":\"0b3e2c1a-6f1d-4d0e-9c1c-3f3a5d2b7e11\",\"event_type\":\"order.created\","
	"\"note\":\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \\n\\u00e9\\ud83d\\ude00\","
	"\"payload\":{\"order_id\":\"ord-1\",\"amount\":-123.45e+2,\"items\":[{\"sku\":\"A\"},null,"
	"true,false]}}";

static void every_prefix_of_a_text_is_refused_and_not_read_past(void **state)
{
	struct path_set *set = path_set_new();
	struct json_ref ref;
	struct guard_page guard;

	guard_page_init(&guard, sizeof(envelope));
	assert_int_equal(path_set_add(set, "payload.items.0.sku"), 0);
	for (size_t len = 0; len < sizeof(envelope) - 1; len++) {
		const char *text = guard_page_place(&guard, envelope, len);
		size_t offset = SIZE_MAX;

		assert_int_not_equal(scan_json(set, slice_from(text, len), &ref, &offset), SCAN_OK);
		assert_true(offset <= len);
	}
	assert_int_equal(
		scan_json(set,
			slice_from(guard_page_place(&guard, envelope, sizeof(envelope) - 1),
				sizeof(envelope) - 1),
			&ref, NULL),
		SCAN_OK);
	assert_ref(&ref, JSON_KIND_STRING, "A");
	guard_page_fini(&guard);
	path_set_free(set);
}

static void a_special_byte_is_seen_at_every_place_of_a_long_string(void **state)
{
	static const struct {
		char byte;
		enum scan_result result;
	} specials[] = {
		{ '\x01', SCAN_INVALID },
		{ '\x1f', SCAN_INVALID },
		{ '\0', SCAN_INVALID },
		{ '"', SCAN_INVALID },
		{ '\x80', SCAN_BAD_UTF8 },
		{ '\xff', SCAN_BAD_UTF8 },
		{ '\x7f', SCAN_OK },
		{ ' ', SCAN_OK },
		{ '!', SCAN_OK },
		{ '#', SCAN_OK },
	};
	struct path_set *set = path_set_new();
	char text[72];

	for (size_t s = 0; s < sizeof(specials) / sizeof(specials[0]); s++) {
		for (size_t at = 1; at < sizeof(text) - 1; at++) {
			size_t offset = at;

			memset(text, 'x', sizeof(text));
			text[0] = text[sizeof(text) - 1] = '"';
			text[at] = specials[s].byte;
			assert_int_equal(
				scan_json(set, slice_from(text, sizeof(text)), NULL, &offset),
				specials[s].result);
			assert_int_equal(offset, at + (specials[s].byte == '"'));
		}
	}
	path_set_free(set);
}

static char *nested(char open, char close, const char *inside, size_t depth)
{
	size_t len = strlen(inside);
	char *text = xmalloc(2 * depth + len + 1);

	memset(text, open, depth);
	memcpy(text + depth, inside, len);
	memset(text + depth + len, close, depth);
	text[2 * depth + len] = '\0';
	return text;
}

static void nesting_is_bounded(void **state)
{
	char *deepest = nested('[', ']', "", SCAN_DEPTH_MAX);
	char *too_deep = nested('[', ']', "", SCAN_DEPTH_MAX + 1);
	char *object_too_deep = nested('[', ']', "{}", SCAN_DEPTH_MAX);
	char *far_too_deep = nested('[', ']', "", 1000000);
	struct found found;

	assert_int_equal(SCAN_FOR(deepest, "").result, SCAN_OK);
	found = SCAN_FOR(too_deep, "");
	assert_int_equal(found.result, SCAN_TOO_DEEP);
	assert_int_equal(found.offset, SCAN_DEPTH_MAX);
	assert_int_equal(SCAN_FOR(object_too_deep, "").result, SCAN_TOO_DEEP);
	assert_int_equal(SCAN_FOR(far_too_deep, "").result, SCAN_TOO_DEEP);
	free(deepest);
	free(too_deep);
	free(object_too_deep);
	free(far_too_deep);
}

static void a_null_value_is_empty(void **state)
{
	struct path_set *set = path_set_new();
	struct json_ref ref;

	assert_int_equal(path_set_add(set, "a"), 0);
	assert_int_equal(scan_json(set, SLICE_NULL, &ref, NULL), SCAN_EMPTY);
	path_set_free(set);
}

/* ---- what is found ---- */

static void each_kind_is_found_with_its_text(void **state)
{
	struct found found =
		SCAN_FOR("{\"s\":\"x y\",\"n\":-1.50e+3,\"o\":{ \"k\":[] },\"a\":[ 1 ]}", "s", "n",
			"o", "a");

	assert_int_equal(found.result, SCAN_OK);
	assert_ref(&found.refs[0], JSON_KIND_STRING, "x y");
	assert_ref(&found.refs[1], JSON_KIND_NUMBER, "-1.50e+3");
	assert_ref(&found.refs[2], JSON_KIND_OBJECT, "{ \"k\":[] }");
	assert_ref(&found.refs[3], JSON_KIND_ARRAY, "[ 1 ]");

	found = SCAN_FOR("{\"t\":true,\"f\":false,\"z\":null}", "t", "f", "z", "other");
	assert_ref(&found.refs[0], JSON_KIND_TRUE, "true");
	assert_ref(&found.refs[1], JSON_KIND_FALSE, "false");
	assert_ref(&found.refs[2], JSON_KIND_NULL, "null");
	assert_absent(&found.refs[3]);
}

static void a_member_and_what_is_in_it_may_both_be_wanted(void **state)
{
	struct found found =
		SCAN_FOR(" {\"p\":{\"id\":1,\"x\":{\"y\":\"z\"}}} ", "p", "p.id", "p.x.y", "");

	assert_int_equal(found.result, SCAN_OK);
	assert_ref(&found.refs[0], JSON_KIND_OBJECT, "{\"id\":1,\"x\":{\"y\":\"z\"}}");
	assert_ref(&found.refs[1], JSON_KIND_NUMBER, "1");
	assert_ref(&found.refs[2], JSON_KIND_STRING, "z");
	assert_ref(&found.refs[3], JSON_KIND_OBJECT, "{\"p\":{\"id\":1,\"x\":{\"y\":\"z\"}}}");
}

static void the_whole_value_may_be_a_scalar(void **state)
{
	struct found found = SCAN_FOR(" \"text\" ", "", "a");

	assert_int_equal(found.result, SCAN_OK);
	assert_ref(&found.refs[0], JSON_KIND_STRING, "text");
	assert_absent(&found.refs[1]);
}

static void a_path_through_a_scalar_is_absent(void **state)
{
	struct found found = SCAN_FOR("{\"a\":\"b\",\"c\":[1]}", "a.b", "c.b", "a.0", "c.1");

	assert_int_equal(found.result, SCAN_OK);
	for (int i = 0; i < 4; i++) {
		assert_absent(&found.refs[i]);
	}
}

static void a_name_is_matched_at_its_own_level_only(void **state)
{
	struct found found =
		SCAN_FOR("{\"x\":{\"id\":1},\"y\":[{\"id\":2}],\"id2\":3,\"i\":4}", "id");

	assert_int_equal(found.result, SCAN_OK);
	assert_absent(&found.refs[0]);
}

static void digits_index_arrays_and_name_members(void **state)
{
	struct found found =
		SCAN_FOR("{\"a\":[{\"s\":\"x\"},[10,11]],\"o\":{\"0\":\"m\",\"00\":5}}", "a.0.s",
			"a.1.1", "o.0", "o.00");

	assert_int_equal(found.result, SCAN_OK);
	assert_ref(&found.refs[0], JSON_KIND_STRING, "x");
	assert_ref(&found.refs[1], JSON_KIND_NUMBER, "11");
	assert_ref(&found.refs[2], JSON_KIND_STRING, "m");
	assert_ref(&found.refs[3], JSON_KIND_NUMBER, "5");
	found = SCAN_FOR("[7]", "00", "0", "1", "99999999999999999999");
	assert_absent(&found.refs[0]);
	assert_ref(&found.refs[1], JSON_KIND_NUMBER, "7");
	assert_absent(&found.refs[2]);
	assert_absent(&found.refs[3]);
}

static void dots_and_backslashes_in_names_are_escaped_in_paths(void **state)
{
	struct found found = SCAN_FOR(
		"{\"a.b\":{\"c\":1},\"a\":{\"b\":2},\"x\\\\y\":3}", "a\\.b.c", "a.b", "x\\\\y");

	assert_int_equal(found.result, SCAN_OK);
	assert_ref(&found.refs[0], JSON_KIND_NUMBER, "1");
	assert_ref(&found.refs[1], JSON_KIND_NUMBER, "2");
	assert_ref(&found.refs[2], JSON_KIND_NUMBER, "3");
}

static void keys_are_compared_with_their_escapes_replaced(void **state)
{
	struct found found =
		SCAN_FOR("{\"event\\u005fid\":\"e\",\"\\u00e9\":1,\"\\ud83d\\ude00\":2}",
			"event_id", "\xc3\xa9", "\xf0\x9f\x98\x80");

	assert_int_equal(found.result, SCAN_OK);
	assert_ref(&found.refs[0], JSON_KIND_STRING, "e");
	assert_ref(&found.refs[1], JSON_KIND_NUMBER, "1");
	assert_ref(&found.refs[2], JSON_KIND_NUMBER, "2");
}

static void a_fault_behind_the_last_wanted_path_is_a_fault(void **state)
{
	struct found found = SCAN_FOR("{\"id\":1,\"rest\":[1,}", "id");

	assert_int_equal(found.result, SCAN_INVALID);
	assert_int_equal(found.offset, 18);
}

/* ---- repeated keys ---- */

static void a_repeated_wanted_key_is_refused(void **state)
{
	struct found found = SCAN_FOR("{\"id\":1,\"id\":1}", "id");

	assert_int_equal(found.result, SCAN_DUPLICATE_KEY);
	assert_int_equal(found.offset, 8);
	assert_int_equal(SCAN_FOR("{\"id\":1,\"i\\u0064\":2}", "id").result, SCAN_DUPLICATE_KEY);
	assert_int_equal(
		SCAN_FOR("{\"p\":{},\"p\":{\"id\":2}}", "p.id").result, SCAN_DUPLICATE_KEY);
	assert_int_equal(SCAN_FOR("{\"p\":1,\"p\":2}", "p.id").result, SCAN_DUPLICATE_KEY);
	assert_int_equal(SCAN_FOR("[{\"id\":1,\"id\":2}]", "0.id").result, SCAN_DUPLICATE_KEY);
}

static void a_key_repeated_where_nobody_looks_is_fine(void **state)
{
	struct found found =
		SCAN_FOR("{\"x\":1,\"x\":2,\"p\":{\"q\":{\"id\":1,\"id\":2},\"id\":3},\"id\":4}",
			"id", "p.id");

	assert_int_equal(found.result, SCAN_OK);
	assert_ref(&found.refs[0], JSON_KIND_NUMBER, "4");
	assert_ref(&found.refs[1], JSON_KIND_NUMBER, "3");
}

static void every_result_has_a_sentence(void **state)
{
	for (enum scan_result result = SCAN_OK; result <= SCAN_FRAMED; result++) {
		assert_non_null(scan_result_text(result));
	}
	assert_non_null(strstr(scan_result_text(SCAN_FRAMED), "schema registry"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_of_the_grammar_gets_its_answer),
		cmocka_unit_test(jansson_differs_exactly_where_it_is_listed),
		cmocka_unit_test(values_found_are_those_that_jansson_finds),
		cmocka_unit_test(every_prefix_of_a_text_is_refused_and_not_read_past),
		cmocka_unit_test(a_special_byte_is_seen_at_every_place_of_a_long_string),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(a_null_value_is_empty),
		cmocka_unit_test(each_kind_is_found_with_its_text),
		cmocka_unit_test(a_member_and_what_is_in_it_may_both_be_wanted),
		cmocka_unit_test(the_whole_value_may_be_a_scalar),
		cmocka_unit_test(a_path_through_a_scalar_is_absent),
		cmocka_unit_test(a_name_is_matched_at_its_own_level_only),
		cmocka_unit_test(digits_index_arrays_and_name_members),
		cmocka_unit_test(dots_and_backslashes_in_names_are_escaped_in_paths),
		cmocka_unit_test(keys_are_compared_with_their_escapes_replaced),
		cmocka_unit_test(a_fault_behind_the_last_wanted_path_is_a_fault),
		cmocka_unit_test(a_repeated_wanted_key_is_refused),
		cmocka_unit_test(a_key_repeated_where_nobody_looks_is_fine),
		cmocka_unit_test(every_result_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
