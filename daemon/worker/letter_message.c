/*
 * letter_message - what a dead letter, or a record for a retry topic, is as a message
 *
 * Runs in: worker, main thread; a transactional consumer's lane.
 */
#include "base/clock.h"
#include "worker/letter_headers.h"
#include "worker/worker_private.h"

static const struct config_tier *tier_of(
	const struct worker *worker, const struct dead_letter *letter)
{
	return letter->tier >= 0 ? &worker->consumer->tiers.items[letter->tier] : NULL;
}

const char *dead_letter_target(const struct worker *worker, const struct dead_letter *letter)
{
	const struct config_tier *tier = tier_of(worker, letter);

	return tier ? tier->topic : worker->consumer->dlq_topic;
}

static int32_t target_partition(
	const struct worker *worker, const struct dead_letter *letter, const struct partition *p)
{
	int32_t count =
		letter->tier >= 0 ? worker->tier_partitions[letter->tier] : worker->dlq_partitions;

	/* the same number where the topics are alike, else by key */
	return p->known_count > 0 && count == p->topic_count ? p->id.partition : -1;
}

void dead_letter_compose(const struct worker *worker, const struct dead_letter *letter,
	struct letter_headers *headers, struct sink_message *message)
{
	struct record *record = letter->record;
	const struct partition *p = worker->partitions[record->item.slot];
	const struct record_origin *origin = record->origin;
	const struct config_tier *tier = tier_of(worker, letter);
	int64_t now_ms = clock_wall_ms();
	const struct letter_facts facts = { .record = record,
		.reason = letter->reason,
		.code = letter->code,
		.text = letter->text,
		.topic = origin ? origin->topic : p->id.topic,
		.partition = origin ? origin->partition : p->id.partition,
		.offset = record_offset(record),
		.due_ms = tier ? now_ms + tier->delay_us / 1000 : 0,
		.consumer = worker->consumer->name,
		.handler = letter->handler,
		.host = worker->start.host,
		.event_id = slice_from(letter->event_id, letter->event_id_len),
		.is_oversized = letter->is_oversized,
		.extra = worker->consumer->dlq_headers };
	const struct source_header *originals;
	int count = record_headers(record, &originals);

	letter_headers_init(headers, &facts, originals, count);
	*message = (struct sink_message){ .topic = dead_letter_target(worker, letter),
		.partition = target_partition(worker, letter, p),
		.key = record->key,
		.value = letter->is_oversized ? SLICE_NULL : record->value,
		/* what waits is not to be as old as its event: logs forget by that time */
		.timestamp_ms = tier ? now_ms : record->timestamp_ms,
		.headers = headers->items,
		.header_count = headers->count,
		.tag = (void *)(uintptr_t)letter };
}
