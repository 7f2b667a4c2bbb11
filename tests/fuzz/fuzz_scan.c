/*
 * fuzz_scan - the JSON scanner against jansson
 *
 * See tests/support/fuzz_driver.h for how to run it.
 */
#include "fuzz_driver.h"
#include "json_cases.h"
#include "json_differential.h"

static const struct slice envelopes[] = {
	SLICE_LITERAL(
		"{\"event_id\":\"e-1\",\"event_type\":\"order.created\",\"payload\":{\"order_id\":"
		"\"o-1\",\"amount\":12.50,\"items\":[{\"sku\":\"A\"},{\"sku\":\"B\"}]}}"),
	SLICE_LITERAL("{\"event_id\":17,\"a\":{\"b\":[null,true,false]},\"0\":{},\"1\":[\"x\"]}"),
	SLICE_LITERAL(
		"{\"event\\u005fid\":\"caf\xc3\xa9 \\ud83d\\ude00\",\"payload\":\"\\u0000\"}"),
	SLICE_LITERAL("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
	SLICE_LITERAL("]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
};
enum { ENVELOPE_COUNT = sizeof(envelopes) / sizeof(envelopes[0]) };

const struct slice fuzz_words[] = {
	SLICE_LITERAL("\""),
	SLICE_LITERAL("\\"),
	SLICE_LITERAL("{"),
	SLICE_LITERAL("}"),
	SLICE_LITERAL("["),
	SLICE_LITERAL("]"),
	SLICE_LITERAL(","),
	SLICE_LITERAL(":"),
	SLICE_LITERAL("0"),
	SLICE_LITERAL("-"),
	SLICE_LITERAL("."),
	SLICE_LITERAL("e5"),
	SLICE_LITERAL("true"),
	SLICE_LITERAL("null"),
	SLICE_LITERAL(" "),
	SLICE_LITERAL("\\u0061"),
	SLICE_LITERAL("\\ud83d"),
	SLICE_LITERAL("\\ude00"),
	SLICE_LITERAL("\xc3\xa9"),
	SLICE_LITERAL("\xf0\x9f\x98\x80"),
	SLICE_LITERAL("\xed\xa0\x80"),
	SLICE_LITERAL("\"a\":"),
	SLICE_LITERAL("\"event_id\":1,"),
	SLICE_LITERAL("\"payload\":{\"order_id\":2},"),
	SLICE_LITERAL("0123456789abcdef"),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return json_case_count + ENVELOPE_COUNT;
}

struct slice fuzz_corpus_at(size_t i)
{
	if (i < json_case_count) {
		return slice_from(json_cases[i].text, json_cases[i].len);
	}
	return envelopes[i - json_case_count];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_from(data, size);
	const char *difference = json_differential(text);

	if (difference) {
		fuzz_fail(difference, text);
	}
	return 0;
}
