#include "worker/retry_topic.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "worker/letter_headers.h"

enum { NUMBER_MAX = 20 };

struct headers {
	const struct source_header *items;
	int count;
};

static struct slice find(const struct headers *headers, const char *name)
{
	for (int i = 0; i < headers->count; i++) {
		if (slice_equal_str(headers->items[i].name, name)) {
			return headers->items[i].value;
		}
	}
	return SLICE_NULL;
}

static bool read_int(
	const struct headers *headers, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	struct slice text = find(headers, name);
	char copy[NUMBER_MAX + 1], *end;

	if (!text.data || text.len == 0 || text.len > NUMBER_MAX ||
		(text.data[0] != '-' && (text.data[0] < '0' || text.data[0] > '9'))) {
		return false;
	}
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	errno = 0;
	*ret = strtoll(copy, &end, 10);
	return errno == 0 && *end == '\0' && end == copy + text.len && *ret >= min && *ret <= max;
}

static bool read_time(const struct headers *headers, const char *name, int64_t *ret)
{
	return clock_parse_rfc3339(find(headers, name), ret) == 0;
}

/* NULL: it is no topic's name. Freed by the caller. */
static char *read_topic(const struct headers *headers)
{
	struct slice name = find(headers, "onced-topic");
	char *topic;

	if (!name.data || name.len == 0 || memchr(name.data, '\0', name.len)) {
		return NULL;
	}
	topic = xmalloc(name.len + 1);
	memcpy(topic, name.data, name.len);
	topic[name.len] = '\0';
	if (!config_is_topic_name(topic)) {
		free(topic);
		return NULL;
	}
	return topic;
}

/* What a record of a retry topic says of itself. */
struct told {
	int64_t due_ms, attempts, first_failure_ms, last_failure_ms;
	int64_t partition, offset, timestamp_ms;
};

static bool read_told(const struct headers *headers, struct told *ret)
{
	return read_time(headers, LETTER_DUE_HEADER, &ret->due_ms) &&
		read_time(headers, "onced-first-failure", &ret->first_failure_ms) &&
		read_time(headers, "onced-last-failure", &ret->last_failure_ms) &&
		read_int(headers, "onced-attempts", 1, UINT32_MAX / 2, &ret->attempts) &&
		read_int(headers, "onced-partition", 0, INT32_MAX, &ret->partition) &&
		read_int(headers, "onced-offset", 0, INT64_MAX, &ret->offset) &&
		read_int(headers, "onced-timestamp", -1, INT64_MAX, &ret->timestamp_ms);
}

static void restore(struct record *record, char *take_topic, const struct told *told,
	int64_t believed_ms, int64_t now_us)
{
	record->origin = NEW(struct record_origin);
	*record->origin =
		(struct record_origin){ take_topic, (int32_t)told->partition, told->offset };
	record->timestamp_ms = told->timestamp_ms;
	record->attempts = (unsigned)told->attempts;
	record->first_failure_ms = told->first_failure_ms;
	record->last_failure_ms = told->last_failure_ms;
	/* for who asks whether another one succeeded since */
	record->first_failure_us = now_us - (believed_ms - told->first_failure_ms) * 1000;
	record->outage.has_failed = true;
}

void retry_topic_read(struct record *record, int64_t delay_us, int64_t believed_ms, int64_t now_us)
{
	struct headers headers;
	struct told told;
	char *topic;

	record->ripe_us = now_us;
	headers.count = record_headers(record, &headers.items);
	topic = headers.count > 0 ? read_topic(&headers) : NULL;
	if (!topic || !read_told(&headers, &told)) {
		free(topic);
		record->fault = "a record in a retry topic without the headers of one";
		return;
	}
	const struct tier_stamp stamp = { told.due_ms, record->timestamp_ms };
	record->ripe_us = tier_due_us(&stamp, delay_us, believed_ms, now_us);
	restore(record, topic, &told, believed_ms, now_us);
}
