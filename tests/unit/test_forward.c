/*
 * test_forward - the record that the handler `forward` makes of another
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_host.h"
#include "handlers/builtins.h"

#define HEADER(header_name, ...)                                                                   \
	{                                                                                          \
		SLICE_LITERAL(header_name),                                                        \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

static const char binary[] = "\xff\x00\xfe";

static const struct event_header headers[] = {
	HEADER("trace", "1", 1),
	HEADER("onced-replay", "yes", 3),
	HEADER("trace", binary, 3),
	HEADER("null", NULL, 0),
	HEADER("", "", 0),
	HEADER("tenant", "old", 3),
	HEADER("onced-event-id", "e-1", 3),
	HEADER("Tenant", "another name", 12),
	HEADER("tenant", "older", 5),
};

static const struct fake_event event = {
	.topic = "orders",
	.partition = 3,
	.offset = 42,
	.timestamp_ms = 1700000000123,
	.key = { binary, 3 },
	.value = SLICE_LITERAL("{\"event_id\":\"e-1\",\"payload\":{\"n\":7,\"note\":null,"
			       "\"name\":\"a\\u0062c\"}}"),
	.id = SLICE_LITERAL("e-1"),
	.headers = headers,
	.header_count = sizeof(headers) / sizeof(headers[0]),
};

struct bench {
	struct fake_host host;
	struct onced_param params[8];
};

static void begin(struct bench *bench, const struct onced_param *more)
{
	size_t count = 0;

	*bench = (struct bench){ .params = { { "topic", "copies" } } };
	for (count = 1; more && more->name; more++) {
		bench->params[count++] = *more;
	}
	fake_host_init(&bench->host, &forward_handler, bench->params);
}

static const struct onced_record *forward(
	struct bench *bench, const struct onced_param *more, const struct fake_event *given)
{
	struct onced_outcome outcome;

	begin(bench, more);
	assert_int_equal(fake_host_check(&bench->host), 0);
	assert_int_equal(fake_host_open(&bench->host), 0);
	outcome = fake_host_handle(&bench->host, given);
	assert_string_equal(outcome.reason, "");
	assert_int_equal(outcome.result, ONCED_DONE);
	assert_int_equal(bench->host.published_count, 1);
	assert_string_equal(bench->host.topics[bench->host.published.topic], "copies");
	return &bench->host.published.record;
}

static void assert_bytes(struct onced_bytes got, const char *data, size_t len)
{
	assert_int_equal(got.data == NULL, data == NULL);
	assert_int_equal(got.len, len);
	if (data) {
		assert_memory_equal(got.data, data, len);
	}
}

static void assert_text(struct onced_bytes got, const char *text)
{
	assert_bytes(got, text, strlen(text));
}

static void assert_same_header(struct onced_header got, const struct event_header *expected)
{
	assert_bytes(got.name, expected->name.data, expected->name.len);
	assert_bytes(got.value, expected->value.data, expected->value.len);
}

/* ---- */

static void a_record_goes_on_as_it_came_without_onceds_own_headers(void **state)
{
	static const unsigned kept[] = { 0, 2, 3, 4, 5, 7, 8 };
	struct bench bench;
	const struct onced_record *record = forward(&bench, NULL, &event);

	assert_bytes(record->key, binary, 3);
	assert_bytes(record->value, event.value.data, event.value.len);
	assert_int_equal(record->timestamp_ms, 1700000000123);
	assert_int_equal(record->partition, -1);
	assert_int_equal(record->header_count, sizeof(kept) / sizeof(kept[0]));
	for (size_t i = 0; i < record->header_count; i++) {
		assert_same_header(record->headers[i], &headers[kept[i]]);
	}
	fake_host_fini(&bench.host);
}

static void a_tombstone_stays_one(void **state)
{
	const struct fake_event tombstone = { .topic = "orders", .key = SLICE_LITERAL("") };
	struct bench bench;
	const struct onced_record *record = forward(&bench, NULL, &tombstone);

	assert_bytes(record->value, NULL, 0);
	assert_bytes(record->key, "", 0);
	assert_int_equal(record->header_count, 0);
	fake_host_fini(&bench.host);
}

static void a_configured_header_takes_the_place_of_all_of_its_name(void **state)
{
	static const struct onced_param params[] = { { "headers.tenant", "t-{payload.n}" },
		{ "headers.event_id", "{event_id}" }, { NULL, NULL } };
	static const unsigned kept[] = { 0, 2, 3, 4, 7 };
	struct bench bench;
	const struct onced_record *record = forward(&bench, params, &event);

	assert_int_equal(record->header_count, 7);
	for (size_t i = 0; i < 5; i++) {
		assert_same_header(record->headers[i], &headers[kept[i]]);
	}
	assert_text(record->headers[5].name, "tenant");
	assert_text(record->headers[5].value, "t-7");
	assert_text(record->headers[6].name, "event_id");
	assert_text(record->headers[6].value, "e-1");
	fake_host_fini(&bench.host);
}

static void a_field_alone_need_not_be_text_and_may_be_null(void **state)
{
	static const struct onced_param params[] = { { "key", "{payload.note?}" },
		{ "value", "{headers.trace}" }, { "headers.key", "{key}" },
		{ "headers.tenant", "{headers.gone?}" }, { NULL, NULL } };
	struct bench bench;
	const struct onced_record *record = forward(&bench, params, &event);

	assert_bytes(record->key, NULL, 0);
	assert_bytes(record->value, binary, 3);
	assert_int_equal(record->header_count, 6);
	assert_text(record->headers[5].name, "key");
	assert_bytes(record->headers[5].value, binary, 3);
	fake_host_fini(&bench.host);
}

static void key_and_value_are_made_of_the_event(void **state)
{
	static const struct onced_param params[] = { { "key", "{payload.name}/{offset}" },
		{ "value", "{payload}" }, { "partition", "same" }, { NULL, NULL } };
	struct bench bench;
	const struct onced_record *record = forward(&bench, params, &event);

	assert_text(record->key, "abc/42");
	assert_text(record->value, "{\"n\":7,\"note\":null,\"name\":\"a\\u0062c\"}");
	assert_int_equal(record->partition, 3);
	fake_host_fini(&bench.host);
}

static void what_a_template_lacks_rejects_the_event(void **state)
{
	static const struct onced_param cases[][2] = {
		{ { "key", "{payload.gone}" }, { NULL, NULL } },
		{ { "key", "{payload.note}" }, { NULL, NULL } },
		{ { "value", "{headers.gone}" }, { NULL, NULL } },
		{ { "headers.x", "{headers.null}" }, { NULL, NULL } },
		{ { "headers.x", "k={key}" }, { NULL, NULL } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench bench;
		struct onced_outcome outcome;

		begin(&bench, cases[i]);
		assert_int_equal(fake_host_open(&bench.host), 0);
		outcome = fake_host_handle(&bench.host, &event);
		assert_int_equal(outcome.result, ONCED_REJECT);
		assert_string_equal(outcome.code, i == 4 ? "text" : "missing");
		assert_int_equal(bench.host.published_count, 0);
		fake_host_fini(&bench.host);
	}
}

static void what_the_broker_says_is_the_outcome(void **state)
{
	struct onced_outcome outcome;
	struct bench bench;

	begin(&bench, NULL);
	bench.host.publish_result = ONCED_UNAVAILABLE;
	assert_int_equal(fake_host_open(&bench.host), 0);
	outcome = fake_host_handle(&bench.host, &event);
	assert_int_equal(outcome.result, ONCED_UNAVAILABLE);
	assert_string_equal(outcome.code, "CODE");
	fake_host_fini(&bench.host);
}

static void mistakes_are_told_with_their_place(void **state)
{
	static const struct {
		struct onced_param params[2];
		const char *reason;
	} cases[] = {
		{ { { "headers.onced-x", "1" }, { NULL, NULL } },
			"headers.onced-x cannot be set: headers named onced-... are onced's own" },
		{ { { "partition", "some" }, { NULL, NULL } },
			"partition: `some` is neither key nor same" },
		{ { { "key", "a\n{payload.x" }, { NULL, NULL } }, "key, line 2, column " },
		{ { { "headers.a", "{nothing}" }, { NULL, NULL } }, "headers.a, line 1, column " },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench bench;

		begin(&bench, cases[i].params);
		assert_int_equal(fake_host_check(&bench.host), -1);
		assert_memory_equal(
			bench.host.setup.reason, cases[i].reason, strlen(cases[i].reason));
		assert_int_equal(fake_host_open(&bench.host), -1);
		fake_host_fini(&bench.host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_goes_on_as_it_came_without_onceds_own_headers),
		cmocka_unit_test(a_tombstone_stays_one),
		cmocka_unit_test(a_configured_header_takes_the_place_of_all_of_its_name),
		cmocka_unit_test(a_field_alone_need_not_be_text_and_may_be_null),
		cmocka_unit_test(key_and_value_are_made_of_the_event),
		cmocka_unit_test(what_a_template_lacks_rejects_the_event),
		cmocka_unit_test(what_the_broker_says_is_the_outcome),
		cmocka_unit_test(mistakes_are_told_with_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
