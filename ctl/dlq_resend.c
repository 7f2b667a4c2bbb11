#include "dlq_resend.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

enum { OWN_HEADERS = 2 };

static void add(struct dlq_resend *resend, struct source_header header)
{
	resend->headers[resend->message.header_count++] = header;
}

/* Null where it has none and shall have none. */
static struct slice event_id(struct dlq_resend *resend, const struct dlq_letter *letter)
{
	if (!slice_is_null(letter->event_id) || letter->format != DLQ_FORMAT_ONCED ||
		slice_equal_str(letter->reason, "undecodable") || letter->topic.len == 0 ||
		letter->partition < 0 || letter->offset < 0) {
		return letter->event_id;
	}
	/* offsets of a topic that is made anew repeat, with another time */
	snprintf(resend->position_id, sizeof(resend->position_id), "position %.*s:%lld:%lld:%lld",
		(int)letter->topic.len, letter->topic.data, (long long)letter->partition,
		(long long)letter->offset, (long long)letter->timestamp_ms);
	return slice_from_str(resend->position_id);
}

void dlq_resend_init(struct dlq_resend *resend, const struct dlq_letter *letter, const char *topic,
	int partition_count, const char *id)
{
	const struct kafka_reader_record *record = letter->record;
	struct slice id_header = event_id(resend, letter);
	bool keeps_partition = letter->partition >= 0 && letter->partition < partition_count;

	resend->headers = xcalloc(record->header_count + OWN_HEADERS, sizeof(*resend->headers));
	resend->message = (struct sink_message){
		.topic = topic,
		.partition = keeps_partition ? (int32_t)letter->partition : -1,
		.key = record->key,
		.value = record->value,
		.timestamp_ms = record->timestamp_ms,
		.headers = resend->headers,
	};
	snprintf(resend->replay, sizeof(resend->replay), "%s n=%lld", id,
		(long long)letter->replays + 1);
	for (size_t i = 0; i < record->header_count; i++) {
		if (!dlq_letter_adds(letter, i)) {
			add(resend, record->headers[i]);
		}
	}
	add(resend,
		(struct source_header){
			SLICE_LITERAL("onced-replay"), slice_from_str(resend->replay) });
	if (!slice_is_null(id_header)) {
		add(resend, (struct source_header){ SLICE_LITERAL("onced-event-id"), id_header });
	}
}

void dlq_resend_fini(struct dlq_resend *resend)
{
	free(resend->headers);
	resend->headers = NULL;
}
