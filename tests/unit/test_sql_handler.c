/*
 * test_sql_handler - the built-in `sql`: its parameters, the values it binds, what it rejects
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_host.h"
#include "handlers/builtins.h"
#include "handlers/text.h"

static struct fake_host host;

/* The handler's configuration of a test; NULL leaves a parameter out. */
static struct onced_param params[4];

static void configure(const char *statement, const char *missing, const char *rows)
{
	const struct onced_param all[] = { { "statement", statement }, { "missing", missing },
		{ "rows", rows } };
	size_t count = 0;

	for (size_t i = 0; i < 3; i++) {
		if (all[i].value) {
			params[count++] = all[i];
		}
	}
	params[count].name = NULL;
	fake_host_init(&host, builtin_handler_find("sql"), params);
}

static void open_with(const char *statement, const char *missing, const char *rows)
{
	configure(statement, missing, rows);
	assert_int_equal(fake_host_check(&host), 0);
	assert_int_equal(fake_host_open(&host), 0);
}

static void open_statement(const char *statement)
{
	open_with(statement, NULL, NULL);
}

static int teardown(void **state)
{
	fake_host_fini(&host);
	return 0;
}

static struct fake_event event_of(const char *value)
{
	return (struct fake_event){
		.topic = "orders",
		.partition = 3,
		.offset = 42,
		.timestamp_ms = 1767323045678,
		.key = SLICE_LITERAL("k-1"),
		.value = slice_from_str(value),
		.id = SLICE_LITERAL("e-1"),
		.type = SLICE_LITERAL("order.created"),
		.source = SLICE_LITERAL("shop"),
		.attempt = 2,
	};
}

static void assert_value(size_t sent, size_t i, enum onced_value_kind kind, const char *text)
{
	const struct onced_value *value;

	assert_true(sent < host.sent_count && i < host.sent[sent].count);
	value = &host.sent[sent].values[i];
	assert_int_equal(value->kind, kind);
	if (!text) {
		assert_null(value->text.data);
		return;
	}
	assert_int_equal(value->text.len, strlen(text));
	assert_memory_equal(value->text.data, text, value->text.len);
}

static void handle_done(const struct fake_event *event)
{
	struct onced_outcome outcome = fake_host_handle(&host, event);

	if (outcome.result != ONCED_DONE) {
		fail_msg("%s", outcome.reason);
	}
}

static void assert_rejected(const struct fake_event *event, const char *code, const char *reason)
{
	struct onced_outcome outcome = fake_host_handle(&host, event);

	assert_int_equal(outcome.result, ONCED_REJECT);
	assert_string_equal(outcome.code, code);
	assert_string_equal(outcome.reason, reason);
	assert_int_equal(host.sent_count, 0);
}

/* ---- values ---- */

static void every_kind_of_json_is_bound_exactly(void **state)
{
	struct fake_event event =
		event_of("{\"payload\":{\"s\":\"a\\u00e9\\n\\\"\",\"e\":\"\",\"n\":1.10,"
			 "\"big\":123456789012345678901234567890,\"t\":true,"
			 "\"f\":false,\"z\":null,\"o\":{ \"k\" : 1 },\"a\":[1, 2]}}");

	open_statement("f(:payload.s,:payload.e,:payload.n,:payload.big,:payload.t,:payload.f,"
		       ":payload.z,:payload.o,:payload.a)");
	handle_done(&event);
	assert_int_equal(host.sent_count, 1);
	assert_int_equal(host.sent[0].count, 9);
	assert_value(0, 0, ONCED_VALUE_TEXT, "a\xc3\xa9\n\"");
	assert_value(0, 1, ONCED_VALUE_TEXT, "");
	assert_value(0, 2, ONCED_VALUE_NUMBER, "1.10");
	assert_value(0, 3, ONCED_VALUE_NUMBER, "123456789012345678901234567890");
	assert_value(0, 4, ONCED_VALUE_BOOL, "true");
	assert_value(0, 5, ONCED_VALUE_BOOL, "false");
	assert_value(0, 6, ONCED_VALUE_NULL, NULL);
	assert_value(0, 7, ONCED_VALUE_JSON, "{ \"k\" : 1 }");
	assert_value(0, 8, ONCED_VALUE_JSON, "[1, 2]");
}

static void the_record_itself_is_bound(void **state)
{
	const struct event_header headers[] = {
		{ SLICE_LITERAL("trace"), SLICE_LITERAL("old") },
		{ SLICE_LITERAL("trace"), SLICE_LITERAL("t-1") },
		{ SLICE_LITERAL("nil"), SLICE_NULL },
	};
	struct fake_event event = event_of("{\"payload\":{\"a\":1}}");

	event.headers = headers;
	event.header_count = 3;
	open_statement("f(:event_id,:event_type,:source,:key,:topic,:partition,:offset,:timestamp,"
		       ":timestamp_ms,:attempt,:headers.trace,:headers.nil,:value,:payload)");
	handle_done(&event);
	assert_value(0, 0, ONCED_VALUE_TEXT, "e-1");
	assert_value(0, 1, ONCED_VALUE_TEXT, "order.created");
	assert_value(0, 2, ONCED_VALUE_TEXT, "shop");
	assert_value(0, 3, ONCED_VALUE_TEXT, "k-1");
	assert_value(0, 4, ONCED_VALUE_TEXT, "orders");
	assert_value(0, 5, ONCED_VALUE_NUMBER, "3");
	assert_value(0, 6, ONCED_VALUE_NUMBER, "42");
	assert_value(0, 7, ONCED_VALUE_TEXT, "2026-01-02T03:04:05.678Z");
	assert_value(0, 8, ONCED_VALUE_NUMBER, "1767323045678");
	assert_value(0, 9, ONCED_VALUE_NUMBER, "2");
	assert_value(0, 10, ONCED_VALUE_TEXT, "t-1");
	assert_value(0, 11, ONCED_VALUE_NULL, NULL);
	assert_value(0, 12, ONCED_VALUE_TEXT, "{\"payload\":{\"a\":1}}");
	assert_value(0, 13, ONCED_VALUE_JSON, "{\"a\":1}");
}

static void json_without_an_envelope_is_reached_by_value(void **state)
{
	struct fake_event event = event_of("{\"a\":{\"b\":7},\"c.d\":8}");

	open_statement("f(:value.a.b, :value.\"c.d\")");
	handle_done(&event);
	assert_value(0, 0, ONCED_VALUE_NUMBER, "7");
	assert_value(0, 1, ONCED_VALUE_NUMBER, "8");
}

static void timestamps_are_written_in_utc(void **state)
{
	static const struct {
		int64_t time_ms;
		const char *text;
	} times[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ -2, "1969-12-31T23:59:59.998Z" },
		{ -86400001, "1969-12-30T23:59:59.999Z" },
		{ 951782400000, "2000-02-29T00:00:00.000Z" },
		{ 951868799999, "2000-02-29T23:59:59.999Z" },
		{ 951868800000, "2000-03-01T00:00:00.000Z" },
		{ 1709164800000, "2024-02-29T00:00:00.000Z" },
		{ 1735689599999, "2024-12-31T23:59:59.999Z" },
		{ 4107542400000, "2100-03-01T00:00:00.000Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
		{ -62135596800000, "0001-01-01T00:00:00.000Z" },
	};
	struct fake_event event = event_of("{}");

	open_statement("f(:timestamp)");
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		event.timestamp_ms = times[i].time_ms;
		handle_done(&event);
		assert_value(0, 0, ONCED_VALUE_TEXT, times[i].text);
	}
}

static void a_time_no_database_knows_is_rejected(void **state)
{
	static const int64_t times[] = { 253402300800000, -62135596800001, INT64_MAX, INT64_MIN };
	struct fake_event event = event_of("{}");

	open_statement("f(:timestamp)");
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		event.timestamp_ms = times[i];
		assert_rejected(
			&event, "timestamp", "parameter :timestamp is outside the years 1 to 9999");
	}
}

static void a_null_key_or_value_is_null(void **state)
{
	struct fake_event event = event_of(NULL);

	event.key = SLICE_NULL;
	open_statement("f(:key, :value)");
	handle_done(&event);
	assert_value(0, 0, ONCED_VALUE_NULL, NULL);
	assert_value(0, 1, ONCED_VALUE_NULL, NULL);
	event.key = event.value = SLICE_LITERAL("");
	handle_done(&event);
	assert_value(0, 0, ONCED_VALUE_TEXT, "");
	assert_value(0, 1, ONCED_VALUE_TEXT, "");
}

/* ---- missing ---- */

static void what_is_missing_is_rejected_by_name(void **state)
{
	struct fake_event event = event_of("{\"payload\":{\"a\":1}}");

	open_statement("f(:payload.a, :payload.order.id)");
	assert_rejected(&event, "missing", "parameter :payload.order.id is missing in the event");
}

static void each_thing_that_can_be_missing_is(void **state)
{
	static const char *const written[] = { ":event_id", ":event_type", ":source", ":timestamp",
		":timestamp_ms", ":headers.trace", ":payload" };
	struct fake_event event = event_of("{}");
	char statement[64], reason[96];

	event.id = event.type = event.source = SLICE_NULL;
	event.timestamp_ms = -1;
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		snprintf(statement, sizeof(statement), "f(%s)", written[i]);
		snprintf(
			reason, sizeof(reason), "parameter %s is missing in the event", written[i]);
		open_statement(statement);
		assert_rejected(&event, "missing", reason);
		fake_host_fini(&host);
	}
	configure("f(:key)", NULL, NULL);
}

static void a_question_mark_makes_what_is_missing_null(void **state)
{
	struct fake_event event = event_of("{\"payload\":{\"a\":1}}");

	open_statement("f(:payload.a, :payload.note?, :headers.trace?)");
	handle_done(&event);
	assert_value(0, 0, ONCED_VALUE_NUMBER, "1");
	assert_value(0, 1, ONCED_VALUE_NULL, NULL);
	assert_value(0, 2, ONCED_VALUE_NULL, NULL);
}

static void missing_null_does_it_for_all(void **state)
{
	struct fake_event event = event_of("{}");

	open_with("f(:payload.a, :payload)", "null", NULL);
	handle_done(&event);
	assert_value(0, 0, ONCED_VALUE_NULL, NULL);
	assert_value(0, 1, ONCED_VALUE_NULL, NULL);
}

/* ---- text ---- */

static void text_that_no_database_holds_is_rejected(void **state)
{
	struct fake_event event = event_of("{\"payload\":{\"s\":\"a\\u0000b\"}}");

	open_statement("f(:payload.s?)");
	assert_rejected(&event, "text",
		"parameter :payload.s holds a NUL or invalid UTF-8, which no text value can");
	fake_host_fini(&host);

	open_statement("f(:key)");
	event.key = SLICE_LITERAL("a\0b");
	assert_rejected(&event, "text",
		"parameter :key holds a NUL or invalid UTF-8, which no text value can");
	event.key = SLICE_LITERAL("a\xff");
	assert_int_equal(fake_host_handle(&host, &event).result, ONCED_REJECT);
	fake_host_fini(&host);

	open_statement("f(:value)");
	event.value = SLICE_LITERAL("\xc3");
	assert_int_equal(fake_host_handle(&host, &event).result, ONCED_REJECT);
}

static void storable_text_is_utf8_without_nul(void **state)
{
	static const char *const good[] = { "", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
		"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3\x41",
		"\xe0\x9f\xbf", "\xe2\x82", "\xe2\x82\x41", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
		"\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(text_is_storable((struct onced_bytes){ good[i], strlen(good[i]) }));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(text_is_storable((struct onced_bytes){ bad[i], strlen(bad[i]) }));
	}
	assert_false(text_is_storable((struct onced_bytes){ "a\0", 2 }));
	assert_true(text_is_storable((struct onced_bytes){ NULL, 0 }));
	configure("f(:key)", NULL, NULL);
}

/* ---- statements ---- */

static void statements_are_sent_in_order_with_their_own_values(void **state)
{
	struct fake_event event = event_of("{\"payload\":{\"a\":1,\"b\":2}}");

	open_with("INSERT INTO t VALUES (:payload.a, :payload.b, :payload.a);"
		  "UPDATE u SET b = :payload.b; DELETE FROM v",
		NULL, "some");
	assert_int_equal(host.statement_count, 3);
	assert_string_equal(host.statements[0].sql, "INSERT INTO t VALUES ($1, $2, $1)");
	assert_string_equal(host.statements[1].sql, "UPDATE u SET b = $1");
	assert_string_equal(host.statements[2].sql, "DELETE FROM v");
	handle_done(&event);
	assert_int_equal(host.sent_count, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(host.sent[i].statement, i);
	}
	assert_int_equal(host.sent[0].count, 2);
	assert_value(0, 1, ONCED_VALUE_NUMBER, "2");
	assert_value(1, 0, ONCED_VALUE_NUMBER, "2");
	assert_int_equal(host.sent[2].count, 0);
}

static void a_rejected_event_sends_nothing(void **state)
{
	struct fake_event event = event_of("{\"payload\":{\"a\":1}}");

	open_statement("f(:payload.a); g(:payload.b)");
	assert_rejected(&event, "missing", "parameter :payload.b is missing in the event");
}

static void rows_say_how_many_may_be_affected(void **state)
{
	static const struct {
		const char *rows;
		long min, max;
	} all[] = { { NULL, 0, -1 }, { "any", 0, -1 }, { "some", 1, -1 }, { "1", 1, 1 },
		{ "0", 0, 0 }, { "12", 12, 12 } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		open_with("f(:key)", NULL, all[i].rows);
		assert_int_equal(host.statements[0].rows_min, all[i].min);
		assert_int_equal(host.statements[0].rows_max, all[i].max);
		fake_host_fini(&host);
	}
	configure("f(:key)", NULL, NULL);
}

/* ---- configuration ---- */

static void assert_config_refused(
	const char *statement, const char *missing, const char *rows, const char *reason)
{
	configure(statement, missing, rows);
	assert_int_equal(fake_host_check(&host), -1);
	assert_string_equal(host.setup.reason, reason);
	assert_int_equal(fake_host_open(&host), -1);
	assert_string_equal(host.setup.reason, reason);
	fake_host_fini(&host);
}

static void bad_configuration_is_refused_with_its_place(void **state)
{
	assert_config_refused(NULL, NULL, NULL, "statement is required");
	assert_config_refused("SELECT 1;\nCOMMIT", NULL, NULL,
		"statement, line 2, column 1: COMMIT is refused: onced begins and ends the "
		"transaction "
		"itself");
	assert_config_refused(
		"f()", "ignore", NULL, "missing: `ignore` is neither reject nor null");
	assert_config_refused("f()", NULL, "-1", "rows: `-1` is neither any, some nor a number");
	assert_config_refused("f()", NULL, "", "rows: `` is neither any, some nor a number");
	assert_config_refused("f()", NULL, "1x", "rows: `1x` is neither any, some nor a number");
	assert_config_refused("f()", NULL, "99999999999999999999",
		"rows: `99999999999999999999` is neither any, some nor a number");
	configure("f(:key)", NULL, NULL);
}

static void check_asks_for_nothing_from_the_store(void **state)
{
	configure("f(:payload.a)", NULL, NULL);
	host.is_transactional = false;
	assert_int_equal(fake_host_check(&host), 0);
	assert_int_equal(host.statement_count, 0);
	assert_int_equal(path_set_count(host.paths), 0);
}

static void open_fails_without_a_transactional_store(void **state)
{
	configure("f(:payload.a)", NULL, NULL);
	host.is_transactional = false;
	assert_int_equal(fake_host_open(&host), -1);
	assert_string_equal(host.setup.reason, "the store applies no effects");
}

static void open_fails_when_a_path_is_refused(void **state)
{
	char path[16];

	configure("f(:payload.a)", NULL, NULL);
	for (int i = 0; i < SCAN_PATHS_MAX; i++) {
		snprintf(path, sizeof(path), "p%d", i);
		assert_int_equal(path_set_add(host.paths, path), i);
	}
	assert_int_equal(fake_host_open(&host), -1);
	assert_string_equal(host.setup.reason, "path payload.a is refused");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_of_json_is_bound_exactly),
		TEST(the_record_itself_is_bound),
		TEST(json_without_an_envelope_is_reached_by_value),
		TEST(timestamps_are_written_in_utc),
		TEST(a_time_no_database_knows_is_rejected),
		TEST(a_null_key_or_value_is_null),
		TEST(what_is_missing_is_rejected_by_name),
		TEST(each_thing_that_can_be_missing_is),
		TEST(a_question_mark_makes_what_is_missing_null),
		TEST(missing_null_does_it_for_all),
		TEST(text_that_no_database_holds_is_rejected),
		TEST(storable_text_is_utf8_without_nul),
		TEST(statements_are_sent_in_order_with_their_own_values),
		TEST(a_rejected_event_sends_nothing),
		TEST(rows_say_how_many_may_be_affected),
		TEST(bad_configuration_is_refused_with_its_place),
		TEST(check_asks_for_nothing_from_the_store),
		TEST(open_fails_without_a_transactional_store),
		TEST(open_fails_when_a_path_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
