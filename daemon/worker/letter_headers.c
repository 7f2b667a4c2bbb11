#include "worker/letter_headers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define OWN_PREFIX "onced-"
/* Which replay it is of, and how many there were: kept, so that replays can be counted. */
#define REPLAY_HEADER "onced-replay"

static void add(struct letter_headers *headers, const char *name, struct slice value)
{
	headers->items[headers->count++] = (struct source_header){ slice_from_str(name), value };
}

static void add_str(struct letter_headers *headers, const char *name, const char *value)
{
	add(headers, name, slice_from_str(value));
}

static char *next_number(struct letter_headers *headers)
{
	assert(headers->number_count < LETTER_NUMBERS_MAX);
	return headers->numbers[headers->number_count++];
}

static void add_int(struct letter_headers *headers, const char *name, int64_t value)
{
	char *text = next_number(headers);

	snprintf(text, CLOCK_RFC3339_MAX, "%lld", (long long)value);
	add_str(headers, name, text);
}

static void add_time(struct letter_headers *headers, const char *name, int64_t wall_ms)
{
	add_str(headers, name, clock_format_rfc3339(wall_ms, next_number(headers)));
}

static bool is_own(struct slice name)
{
	return name.len >= strlen(OWN_PREFIX) &&
		memcmp(name.data, OWN_PREFIX, strlen(OWN_PREFIX)) == 0;
}

static void add_originals(
	struct letter_headers *headers, const struct source_header *originals, int count)
{
	for (int i = 0; i < count; i++) {
		if (!is_own(originals[i].name)) {
			headers->items[headers->count++] = originals[i];
		}
	}
}

static void add_replay(
	struct letter_headers *headers, const struct source_header *originals, int count)
{
	while (count-- > 0) {
		if (slice_equal_str(originals[count].name, REPLAY_HEADER)) {
			add(headers, REPLAY_HEADER, originals[count].value);
			return;
		}
	}
}

static void add_own(struct letter_headers *headers, const struct letter_facts *facts)
{
	const struct record *record = facts->record;

	if (facts->due_ms) {
		add_time(headers, LETTER_DUE_HEADER, facts->due_ms);
	} else {
		add_str(headers, "onced-reason", page_reason_names[facts->reason]);
	}
	add_str(headers, "onced-error", facts->text);
	if (facts->code[0]) {
		add_str(headers, "onced-code", facts->code);
	}
	add_int(headers, "onced-attempts", record->attempts);
	add_time(headers, "onced-first-failure", record->first_failure_ms);
	add_time(headers, "onced-last-failure", record->last_failure_ms);
	add_str(headers, "onced-topic", facts->topic);
	add_int(headers, "onced-partition", facts->partition);
	add_int(headers, "onced-offset", facts->offset);
	add_int(headers, "onced-timestamp", record->timestamp_ms);
	add_str(headers, "onced-consumer", facts->consumer);
	add_str(headers, "onced-handler", facts->handler);
	if (!slice_is_null(facts->event_id)) {
		add(headers, "onced-event-id", facts->event_id);
	}
	if (facts->is_oversized) {
		add_str(headers, "onced-oversized", "value left out");
	}
	add_str(headers, "onced-host", facts->host);
	add_str(headers, "onced-version", ONCED_VERSION);
}

/* The names that hand-written consumers use. */
static void add_plain(struct letter_headers *headers, const struct letter_facts *facts)
{
	add_str(headers, "x-original-topic", facts->topic);
	add_int(headers, "x-original-partition", facts->partition);
	add_int(headers, "x-original-offset", facts->offset);
	add_str(headers, "x-error", facts->text);
}

void letter_headers_init(struct letter_headers *headers, const struct letter_facts *facts,
	const struct source_header *originals, int original_count)
{
	size_t room = (size_t)(original_count < 0 ? 0 : original_count) + LETTER_OWN_HEADERS_MAX;

	headers->items = xcalloc(room, sizeof(*headers->items));
	headers->count = 0;
	headers->number_count = 0;
	add_originals(headers, originals, original_count);
	add_own(headers, facts);
	add_replay(headers, originals, original_count);
	if (facts->extra == DLQ_HEADERS_PLAIN && !facts->due_ms) {
		add_plain(headers, facts);
	}
}

void letter_headers_fini(struct letter_headers *headers)
{
	free(headers->items);
	headers->items = NULL;
}
