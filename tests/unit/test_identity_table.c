/*
 * test_identity_table - the tables of docs/event-identity.md, row by row
 *
 * Each row there has its name here, which tests/lint/test_identity.py holds them to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_store.h"
#include "worker/event.h"

enum { HEADERS_MAX = 3, PLACES_MAX = 4 };

#define TEXT_512 TEXT_128 TEXT_128 TEXT_128 TEXT_128
#define TEXT_128                                                                                   \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                         \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct row {
	const char *name;
	struct source_header headers[HEADERS_MAX];
	struct slice value;
	/* NULL: the default */
	const struct config_id_source *ids, *sources;
	enum event_problem problem;
	const char *id, *source; /* source NULL: the topic, orders */
	const char *fault;
	bool is_replay;
};

#define H(name, value)                                                                             \
	{                                                                                          \
		SLICE_LITERAL(name), SLICE_LITERAL(value)                                          \
	}
#define V(text) .value = SLICE_LITERAL(text)
#define BAD(text) .problem = EVENT_UNDECODABLE, .fault = text
#define NO_ID .problem = EVENT_NO_ID
#define ENVELOPE V("{\"event_id\":\"e\",\"payload\":{}}")

static const struct config_id_source default_ids[] = { { ID_SOURCE_BINARY, (char *)"" },
	{ ID_SOURCE_HEADER, (char *)"event_id" }, { ID_SOURCE_JSON, (char *)"event_id" },
	{ ID_SOURCE_STRUCTURED, (char *)"" }, { 0 } };
static const struct config_id_source default_sources[] = { { ID_SOURCE_CLOUDEVENTS, (char *)"" },
	{ ID_SOURCE_TOPIC, (char *)"" }, { 0 } };
static const struct config_id_source debezium[] = { { ID_SOURCE_HEADER, (char *)"id" }, { 0 } };
static const struct config_id_source deep[] = { { ID_SOURCE_JSON, (char *)"payload.meta.0.id" },
	{ 0 } };
static const struct config_id_source dotted[] = { { ID_SOURCE_JSON, (char *)"meta\\.id" }, { 0 } };
static const struct config_id_source json_first[] = { { ID_SOURCE_JSON, (char *)"event_id" },
	{ ID_SOURCE_HEADER, (char *)"event_id" }, { 0 } };
static const struct config_id_source tenant[] = { { ID_SOURCE_HEADER, (char *)"tenant" },
	{ ID_SOURCE_JSON, (char *)"tenant" }, { 0 } };
static const struct config_id_source tenant_or_topic[] = { { ID_SOURCE_HEADER, (char *)"tenant" },
	{ ID_SOURCE_TOPIC, (char *)"" }, { 0 } };

static const struct row rows[] = {
	/* ---- where ---- */
	{ "binary", { H("ce_id", "c"), H("ce_source", "/shop") }, V("anything"), .id = "c",
		.source = "/shop" },
	{ "binary-no-source", { H("ce_id", "c") }, V("{}"), .id = "c" },
	{ "header", { H("event_id", "h") }, V("{}"), .id = "h" },
	{ "json", .value = SLICE_LITERAL("{\"event_id\":\"e\"}"), .id = "e" },
	{ "structured", V("{\"specversion\":\"1.0\",\"id\":\"s\",\"source\":\"/shop\"}"), .id = "s",
		.source = "/shop" },
	{ "structured-content-type",
		{ H("content-type", "Application/CloudEvents+JSON; charset=utf-8") },
		V("{\"id\":\"s\",\"source\":\"/shop\"}"), .id = "s", .source = "/shop" },
	{ "structured-no-mark", V("{\"id\":\"s\",\"source\":\"/shop\"}"), NO_ID },
	{ "structured-no-source", V("{\"specversion\":\"1.0\",\"id\":\"s\"}"), .id = "s" },
	{ "structured-batch", { H("content-type", "application/cloudevents-batch+json") },
		V("[{\"id\":\"s\",\"specversion\":\"1.0\"}]"), NO_ID },
	{ "debezium", { H("id", "d") }, V("{}"), debezium, .id = "d" },
	{ "debezium-unnamed", { H("id", "d") }, V("{}"), NO_ID },
	{ "deep", V("{\"payload\":{\"meta\":[{\"id\":\"x\"}]}}"), deep, .id = "x" },
	{ "dotted", V("{\"meta.id\":\"x\"}"), dotted, .id = "x" },
	{ "order-default", { H("event_id", "h"), H("ce_id", "c") }, ENVELOPE, .id = "c" },
	{ "order-header", { H("event_id", "h") }, ENVELOPE, .id = "h" },
	{ "order-json-first", { H("event_id", "h") }, ENVELOPE, json_first, .id = "e" },
	{ "source-header", { H("tenant", "t") }, ENVELOPE, .sources = tenant, .id = "e",
		.source = "t" },
	{ "source-json", V("{\"event_id\":\"e\",\"tenant\":7}"), .sources = tenant, .id = "e",
		.source = "7" },
	{ "source-topic", ENVELOPE, .sources = tenant_or_topic, .id = "e" },
	{ "source-missing", ENVELOPE, .sources = tenant, BAD("event source is missing") },
	{ "source-bad", { H("tenant", "\xff") }, ENVELOPE, .sources = tenant_or_topic,
		BAD("event source holds a NUL or invalid UTF-8") },
	{ "replay", { H("onced-replay", "1"), H("onced-event-id", "r") }, ENVELOPE, .id = "r",
		.is_replay = true },
	{ "replay-own-id", { H("onced-replay", "") }, ENVELOPE, .id = "e", .is_replay = true },
	{ "replay-keeps-source",
		{ H("onced-replay", "1"), H("onced-event-id", "c"), H("onced-x", "") },
		V("{\"specversion\":\"1.0\",\"id\":\"c\",\"source\":\"/shop\"}"), .id = "c",
		.source = "/shop", .is_replay = true },
	{ "event-id-header-alone", { H("onced-event-id", "r") }, ENVELOPE, .id = "e" },

	/* ---- what ---- */
	{ "missing", V("{\"payload\":1}"), NO_ID },
	{ "missing-null-value", .value = { NULL, 0 }, NO_ID },
	{ "empty-header", { H("event_id", "") }, ENVELOPE, .id = "e" },
	{ "empty-json", V("{\"event_id\":\"\"}"), NO_ID },
	{ "null", V("{\"event_id\":null}"), NO_ID },
	{ "number", V("{\"event_id\":1.50e3}"), .id = "1.50e3" },
	{ "true", V("{\"event_id\":true}"), BAD("event id is neither a string nor a number") },
	{ "object", V("{\"event_id\":{}}"), BAD("event id is neither a string nor a number") },
	{ "array", V("{\"event_id\":[\"a\"]}"), BAD("event id is neither a string nor a number") },
	{ "longest", { H("event_id", TEXT_512) }, V("{}"), .id = TEXT_512 },
	{ "too-long", { H("event_id", TEXT_512 "x") }, V("{}"),
		BAD("event id is longer than 512 bytes") },
	{ "too-long-escaped", V("{\"event_id\":\"" TEXT_512 "\\u0061\"}"),
		BAD("event id is longer than 512 bytes") },
	{ "escape-in-id", V("{\"event_id\":\"\\u0061\\/\\ud83d\\ude00\"}"),
		.id = "a/\xf0\x9f\x98\x80" },
	{ "escape-in-key", V("{\"event\\u005fid\":\"e\"}"), .id = "e" },
	{ "nul-header", { H("event_id", "a\0b") }, V("{}"),
		BAD("event id holds a NUL or invalid UTF-8") },
	{ "nul-json", V("{\"event_id\":\"a\\u0000b\"}"),
		BAD("event id holds a NUL or invalid UTF-8") },
	{ "utf8-header", { H("event_id", "a\xc3") }, V("{}"),
		BAD("event id holds a NUL or invalid UTF-8") },
	{ "utf8-json", V("{\"event_id\":\"\xc3\"}"),
		BAD("the value is JSON with a string that is not valid Unicode (byte 13)") },
	{ "surrogate", V("{\"event_id\":\"\\ud83d\"}"),
		BAD("the value is JSON with a string that is not valid Unicode (byte 13)") },
	{ "twice-same", { H("event_id", "h"), H("event_id", "h") }, V("{}"), .id = "h" },
	{ "twice-other", { H("event_id", "h"), H("event_id", "i") }, V("{}"),
		BAD("event id header is there twice with different values") },
	{ "key-twice", V("{\"event_id\":\"a\",\"event_id\":\"a\"}"),
		BAD("the value repeats a key on the path of a wanted member (byte 16)") },
	{ "key-twice-escaped", V("{\"event_id\":\"a\",\"event\\u005fid\":\"b\"}"),
		BAD("the value repeats a key on the path of a wanted member (byte 16)") },
	{ "key-twice-above", V("{\"payload\":{\"meta\":[]},\"payload\":{}}"), deep,
		BAD("the value repeats a key on the path of a wanted member (byte 23)") },
	{ "key-twice-elsewhere", V("{\"event_id\":\"e\",\"x\":1,\"x\":2,\"y\":{\"event_id\":3}}"),
		.id = "e" },
	{ "not-json", V("hello"), BAD("the value is not valid JSON (byte 0)") },
	{ "not-json-with-header", { H("event_id", "h") }, V("hello"), .id = "h" },
	{ "not-json-headers-only", V("hello"), debezium, NO_ID },
	{ "framed", V("\0\0\0\0\7{\"event_id\":\"e\"}"),
		BAD("the value starts with a schema registry's magic byte, not with JSON (byte "
		    "0)") },
	{ "framed-with-header", { H("event_id", "h") }, V("\0\0\0\0\7x"), .id = "h" },
	{ "fault-first", { H("event_id", "\xff") }, ENVELOPE,
		BAD("event id holds a NUL or invalid UTF-8") },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct row *current;

static int headers_of(void *handle, struct source_header *headers, size_t room)
{
	int count = 0;

	for (; count < HEADERS_MAX && current->headers[count].name.data; count++) {
		if ((size_t)count < room) {
			headers[count] = current->headers[count];
		}
	}
	return count;
}

static void release(struct source *source, void *handle)
{
}

static const struct source_ops source = { .headers = headers_of, .release = release };

static struct config_id_sources list_of(const struct config_id_source *items)
{
	struct config_id_sources list = { (struct config_id_source *)(uintptr_t)items, 0 };

	while (items[list.count].name) {
		list.count++;
	}
	return list;
}

static void check_text(const char *what, struct slice found, const char *expected)
{
	if (!expected) {
		assert_true(slice_is_null(found));
	} else if (!slice_equal_str(found, expected)) {
		fail_msg("%s: %s is \"%.*s\"", current->name, what, (int)found.len,
			found.data ? found.data : "");
	}
}

static void check_row(const struct row *row)
{
	static struct config_retry retry;
	struct config_consumer consumer = { .name = (char *)"orders",
		.retry = &retry,
		.event_id = list_of(row->ids ? row->ids : default_ids),
		.event_source = list_of(row->sources ? row->sources : default_sources) };
	struct source_record polled = { .handle = &retry, .value = row->value };
	struct arena arena = ARENA_INIT;
	struct err err = ERR_INIT;
	struct onced_event event;
	struct roster roster;
	const char *fault = NULL;
	enum event_problem problem;

	current = row;
	assert_int_equal(roster_open(&roster, &consumer, 1, &fake_store_ops, true, NULL, &err), 0);
	event = (struct onced_event){ .record = record_new(&source, NULL, &polled, 1),
		.topic = SLICE_LITERAL("orders"),
		.arena = &arena };
	problem = event_decode(&event, &roster, &fault);
	if (problem != row->problem) {
		fail_msg("%s: problem %d, \"%s\"", row->name, (int)problem, fault ? fault : "");
	}
	check_text("the fault", slice_from_str(fault), row->fault);
	check_text("the id", event.id, row->id);
	check_text("the source", event.source,
		!row->id              ? NULL
			: row->source ? row->source
				      : "orders");
	assert_int_equal(event.is_replay, row->is_replay);
	record_free(event.record);
	roster_close(&roster);
	arena_fini(&arena);
}

static void every_row_of_the_tables_is_so(void **state)
{
	for (size_t i = 0; i < ROWS; i++) {
		check_row(&rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_tables_is_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
