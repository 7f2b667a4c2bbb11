#include "dlq_watch.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "dlq_letter.h"

enum { POLL_MS = 200, SILENCE_MS = 30000 };

int dlq_watch_open(struct dlq_watch *watch, const struct config *config, const char *topic,
	const char *id, struct err *err)
{
	int r = kafka_reader_open(config, "onced-dlq-watch", &watch->reader, err);

	if (r < 0) {
		return r;
	}
	watch->topic = topic;
	watch->id = id;
	r = kafka_reader_partitions(watch->reader, topic, err);
	if (r < 0) {
		return r;
	}
	watch->partition_count = (size_t)r;
	watch->next = xcalloc(watch->partition_count + 1, sizeof(*watch->next));
	r = kafka_reader_log_offsets(watch->reader, topic, SOURCE_OFFSET_LATEST, watch->next,
		watch->partition_count, err);
	return r < 0 ? r
		     : kafka_reader_assign(
			       watch->reader, topic, watch->next, watch->partition_count, err);
}

void dlq_watch_close(struct dlq_watch *watch)
{
	kafka_reader_close(watch->reader);
	free(watch->next);
	*watch = DLQ_WATCH_INIT;
}

static void take(struct dlq_watch *watch, const struct kafka_reader_record *record)
{
	struct dlq_letter letter;

	watch->next[record->partition] = record->offset + 1;
	dlq_letter_read(record, &letter);
	watch->failed += slice_equal_str(letter.replay, watch->id);
}

/* A kafka_reader_result. */
static int look_once(struct dlq_watch *watch, int timeout_ms, struct err *err)
{
	struct kafka_reader_record record;
	int r = kafka_reader_next(watch->reader, timeout_ms, &record, err);

	if (r == KAFKA_READER_RECORD) {
		take(watch, &record);
	} else if (r == KAFKA_READER_END && record.offset > watch->next[record.partition]) {
		watch->next[record.partition] = record.offset;
	}
	return r;
}

int dlq_watch_look(struct dlq_watch *watch, int timeout_ms, struct err *err)
{
	int r = watch->reader ? look_once(watch, timeout_ms, err) : 0;

	while (r > 0) {
		r = look_once(watch, 0, err);
	}
	return r;
}

static bool has_reached(const struct dlq_watch *watch, const int64_t *ends)
{
	for (size_t i = 0; i < watch->partition_count; i++) {
		if (watch->next[i] < ends[i]) {
			return false;
		}
	}
	return true;
}

int dlq_watch_catch_up(struct dlq_watch *watch, struct err *err)
{
	_cleanup_free_ int64_t *ends = xcalloc(watch->partition_count + 1, sizeof(*ends));
	int silence_ms = 0, r;

	if (!watch->reader) {
		return 0;
	}
	r = kafka_reader_log_offsets(watch->reader, watch->topic, SOURCE_OFFSET_LATEST, ends,
		watch->partition_count, err);
	while (r >= 0 && !has_reached(watch, ends)) {
		r = look_once(watch, POLL_MS, err);
		silence_ms = r == KAFKA_READER_NOTHING ? silence_ms + POLL_MS : 0;
		if (silence_ms >= SILENCE_MS) {
			r = err_set(err, -EAGAIN, "topic %s: no answer for %d s", watch->topic,
				SILENCE_MS / 1000);
		}
	}
	return r < 0 ? r : 0;
}
