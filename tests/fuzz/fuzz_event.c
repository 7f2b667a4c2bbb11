/*
 * fuzz_event - a record with headers on its way to an event, and into a dead letter
 *
 * See tests/support/fuzz_driver.h for how to run it. An input is "name: value" lines, an empty
 * line, the value. What holds: an event that is decoded has an id and a source within their bounds,
 * in UTF-8 and without a NUL; any other says why. Its dead letter has the record's headers byte for
 * byte, in their order, and each of ours once.
 */
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "event/event_id.h"
#include "event/utf8.h"
#include "fake_store.h"
#include "fuzz_driver.h"
#include "handlers/builtins.h"
#include "worker/event.h"
#include "worker/letter_headers.h"

enum { HEADERS_MAX = 32 };

static const struct slice records[] = {
	SLICE_LITERAL("event_id: a-1\n\n{\"payload\":{\"n\":1}}"),
	SLICE_LITERAL("\n{\"event_id\":\"caf\\u00e9 \\ud83d\\ude00\",\"event_type\":\"order\","
		      "\"payload\":{\"id\":7}}"),
	SLICE_LITERAL("ce_id: 1\nce_source: /shop\nce_type: t\n\nnot JSON"),
	SLICE_LITERAL("content-type: application/cloudevents+json\n\n{\"specversion\":\"1.0\","
		      "\"id\":\"x\",\"source\":\"/s\",\"type\":\"t\",\"data\":{\"a\":[1,2]}}"),
	SLICE_LITERAL("onced-replay: 1/2\nonced-event-id: old\nonced-reason: rejected\n\n{}"),
	SLICE_LITERAL("event_id: a\nevent_id: b\nx: \n\n[]"),
	SLICE_LITERAL("\n{\"event_id\":{\"no\":1}}"),
	SLICE_LITERAL("\n"),
};

const struct slice fuzz_words[] = {
	SLICE_LITERAL("event_id: "),
	SLICE_LITERAL("ce_id: "),
	SLICE_LITERAL("ce_source: "),
	SLICE_LITERAL("onced-event-id: "),
	SLICE_LITERAL("onced-replay: "),
	SLICE_LITERAL("onced-"),
	SLICE_LITERAL("\n"),
	SLICE_LITERAL("\n\n"),
	SLICE_LITERAL("\"event_id\":"),
	SLICE_LITERAL("\"specversion\":\"1.0\","),
	SLICE_LITERAL("\"id\":\"\","),
	SLICE_LITERAL("\\u0000"),
	SLICE_LITERAL("\\ud800"),
	SLICE_LITERAL("\xff"),
	SLICE_LITERAL("{"),
	SLICE_LITERAL("}"),
	SLICE_LITERAL("\""),
	SLICE_LITERAL("null"),
	SLICE_LITERAL("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return sizeof(records) / sizeof(records[0]);
}

struct slice fuzz_corpus_at(size_t i)
{
	return records[i];
}

/* ---- the record ---- */

struct message {
	struct source_header headers[HEADERS_MAX];
	int count;
	struct slice value;
};

static void release(struct source *source, void *handle)
{
}

static int copy_headers(void *handle, struct source_header *headers, size_t max)
{
	const struct message *message = handle;

	for (size_t i = 0; i < max && i < (size_t)message->count; i++) {
		headers[i] = message->headers[i];
	}
	return message->count;
}

static const struct source_ops source_ops = { .release = release, .headers = copy_headers };

static void read_header(struct message *message, struct slice line)
{
	const char *colon = memmem(line.data, line.len, ": ", 2);
	size_t name = colon ? (size_t)(colon - line.data) : line.len;

	if (message->count == HEADERS_MAX) {
		return;
	}
	/* without a colon its value is null, which a header of Kafka may be */
	message->headers[message->count++] = (struct source_header){ slice_from(line.data, name),
		colon ? slice_from(colon + 2, line.len - name - 2) : SLICE_NULL };
}

static void read_message(struct slice input, struct message *ret)
{
	const char *at = input.data, *end = input.data + input.len, *newline;

	*ret = (struct message){ 0 };
	while (at < end && (newline = memchr(at, '\n', (size_t)(end - at))) && newline > at) {
		read_header(ret, slice_from(at, (size_t)(newline - at)));
		at = newline + 1;
	}
	if (at < end && *at == '\n') {
		at++;
		ret->value = slice_from(at, (size_t)(end - at));
	}
}

/* ---- the consumer ---- */

static int find_handler(
	const struct config_handler *config, struct onced_handler *ret, struct err *err)
{
	*ret = *builtin_handler_find(config->type);
	return 0;
}

static const struct roster *roster(void)
{
	static struct config_id_source ids[] = { { ID_SOURCE_HEADER, (char *)"event_id" },
		{ ID_SOURCE_JSON, (char *)"event_id" }, { ID_SOURCE_BINARY, (char *)"" },
		{ ID_SOURCE_STRUCTURED, (char *)"" } };
	static struct config_id_source sources[] = { { ID_SOURCE_CLOUDEVENTS, (char *)"" },
		{ ID_SOURCE_TOPIC, (char *)"" } };
	static struct config_handler handler = { .name = (char *)"h", .type = (char *)"log" };
	static struct config_retry retry = { .attempts = 1 };
	static struct config_consumer consumer = { .name = (char *)"c",
		.handler = &handler,
		.retry = &retry,
		.event_id = { ids, 4 },
		.event_source = { sources, 2 },
		.event_digest = EVENT_DIGEST_VALUE };
	static struct roster opened;
	static bool is_open;
	struct err err = ERR_INIT;

	if (!is_open &&
		roster_open(&opened, &consumer, 1, &fake_store_ops, true, find_handler, &err) < 0) {
		fuzz_fail(err.text, SLICE_NULL);
	}
	is_open = true;
	return &opened;
}

/* ---- what must hold ---- */

static const char *check_name(struct slice name)
{
	if (name.len > EVENT_ID_MAX) {
		return "an id or a source out of bounds";
	}
	return memchr(name.data, '\0', name.len) || !utf8_is_valid(name)
		? "an id or a source of bad bytes"
		: NULL;
}

static const char *check_event(
	const struct onced_event *event, enum event_problem problem, const char *text)
{
	uint8_t digest[STORE_DIGEST_SIZE];

	if (problem == EVENT_UNDECODABLE) {
		return text && text[0] ? NULL : "undecodable for no reason";
	}
	if (problem == EVENT_NO_ID) {
		return slice_is_null(event->id) ? NULL : "an id where there is none";
	}
	if (problem != EVENT_OK || event->id.len == 0 || slice_is_null(event->source)) {
		return "decoded without an id or a source";
	}
	(void)event_digest(event, roster(), digest);
	return check_name(event->id) ? check_name(event->id) : check_name(event->source);
}

static bool is_ours(struct slice name)
{
	return name.len >= 6 && memcmp(name.data, "onced-", 6) == 0;
}

static const char *check_ours(const struct letter_headers *letter, size_t from)
{
	for (size_t i = from; i < letter->count; i++) {
		if (!is_ours(letter->items[i].name)) {
			return "a header out of nowhere";
		}
		for (size_t j = from; j < i; j++) {
			if (slice_equal(letter->items[i].name, letter->items[j].name)) {
				return "a header of ours twice";
			}
		}
	}
	return NULL;
}

static const char *check_letter(
	const struct message *message, struct record *record, const struct onced_event *event)
{
	const struct letter_facts facts = { .record = record,
		.reason = PAGE_REJECTED,
		.code = "",
		.text = "why",
		.topic = "t",
		.consumer = "c",
		.handler = "h",
		.host = "host",
		.event_id = event->id };
	struct letter_headers letter;
	const char *wrong = NULL;
	size_t kept = 0;

	letter_headers_init(&letter, &facts, message->headers, message->count);
	for (int i = 0; i < message->count && !wrong; i++) {
		const struct source_header *was = &message->headers[i];

		if (is_ours(was->name)) {
			continue;
		}
		if (!slice_equal(letter.items[kept].name, was->name) ||
			letter.items[kept].value.data != was->value.data ||
			letter.items[kept].value.len != was->value.len) {
			wrong = "a header that was changed";
		}
		kept++;
	}
	wrong = wrong ? wrong : check_ours(&letter, kept);
	letter_headers_fini(&letter);
	return wrong;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_from((const char *)data, size);
	struct arena arena = ARENA_INIT;
	struct message message;
	struct source_record polled;
	struct onced_event event;
	const char *text = NULL, *wrong;
	enum event_problem problem;

	read_message(input, &message);
	polled = (struct source_record){ .handle = &message, .epoch = 1, .value = message.value };
	event = (struct onced_event){ .roster = roster(),
		.topic = SLICE_LITERAL("t"),
		.record = record_new(&source_ops, NULL, &polled, 1),
		.arena = &arena };
	problem = event_decode(&event, event.roster, &text);
	(void)event_type(&event);
	wrong = check_event(&event, problem, text);
	wrong = wrong ? wrong : check_letter(&message, event.record, &event);
	record_free(event.record);
	arena_fini(&arena);
	if (wrong) {
		fuzz_fail(wrong, input);
	}
	return 0;
}
