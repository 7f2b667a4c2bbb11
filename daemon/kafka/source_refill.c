/*
 * source_refill - wake the fetcher of an older library when a queue runs low
 *
 * Runs in: worker, main thread. When all queues of a broker are full, librdkafka before 2.2 looks
 * at them again only after up to a second, or when its broker thread wakes for another reason.
 * Small queues would then throttle a fast consumer to one bound a second. Any request to the
 * partition's leader wakes that thread: we ask for the end of the log and do not wait for the
 * answer, which the library allows for. Newer ones have fetch.queue.backoff.ms.
 *
 * A partition that nothing comes from may have no leader, or one that is away: each question then
 * is one for metadata, or waits with the others for that broker. It is asked for ever more seldom.
 */
#include "base/clock.h"
#include "kafka/source_private.h"

/* Between two looks; doubled while nothing comes of it. */
#define REFILL_FIRST_US ((int64_t)8 * 1000)
#define REFILL_MAX_US ((int64_t)1000 * 1000)

/* The log goes on behind what is queued, as far as the last answer told. */
static bool has_more(const struct source *source, const struct kafka_partition *p, size_t queued)
{
	int64_t low, high;

	return rd_kafka_get_watermark_offsets(
		       source->rk, p->id.topic, p->id.partition, &low, &high) == 0 &&
		high > p->next + (int64_t)queued;
}

static int64_t doubled_us(int64_t us)
{
	return 2 * us < REFILL_MAX_US ? 2 * us : REFILL_MAX_US;
}

/* Something came since it was last asked for, or that is long enough ago. */
static bool is_due(struct kafka_partition *p, int64_t now_us)
{
	if (p->next != p->refill.next) {
		p->refill = (struct kafka_refill){ .next = p->next };
	}
	return now_us >= p->refill.due_us;
}

static void note_asked(struct kafka_partition *p, int64_t now_us)
{
	p->refill.wait_us = p->refill.wait_us ? doubled_us(p->refill.wait_us) : REFILL_FIRST_US;
	p->refill.due_us = now_us + p->refill.wait_us;
}

static bool is_low(struct source *source, const struct kafka_partition *p)
{
	size_t queued;

	if (!p->queue || p->is_paused) {
		return false;
	}
	queued = rd_kafka_queue_length(p->queue);
	return queued < source->refill_below && has_more(source, p, queued);
}

static void ask(struct source *source, rd_kafka_topic_partition_list_t *low)
{
	for (int i = 0; i < low->cnt; i++) {
		low->elems[i].offset = RD_KAFKA_OFFSET_END;
	}
	rd_kafka_offsets_for_times(source->rk, low, 0);
}

static rd_kafka_topic_partition_list_t *find_low(struct source *source, int64_t now_us)
{
	rd_kafka_topic_partition_list_t *low = rd_kafka_topic_partition_list_new(0);

	for (size_t i = 0; i < source->partitions.count; i++) {
		struct kafka_partition *p = source->partitions.items[i];
		if (is_due(p, now_us) && is_low(source, p)) {
			note_asked(p, now_us);
			rd_kafka_topic_partition_list_add(low, p->id.topic, p->id.partition);
		}
	}
	return low;
}

/* As long as nobody looks, nobody may sleep for longer than this. */
static int until_next_look_ms(const struct source *source, int64_t now_us, int timeout_ms)
{
	int64_t left_us = source->refilled_us + source->refill_interval_us - now_us;
	int left_ms = (int)((left_us + 999) / 1000);

	return left_ms < timeout_ms ? left_ms : timeout_ms;
}

int source_refill(struct source *source, bool has_read, int timeout_ms)
{
	rd_kafka_topic_partition_list_t *low;
	int64_t now_us;

	if (source->refill_below == 0 || source->is_over) {
		return timeout_ms;
	}
	now_us = clock_mono_us();
	if (has_read) {
		source->refill_interval_us = REFILL_FIRST_US;
	}
	if (now_us < source->refilled_us + source->refill_interval_us) {
		return until_next_look_ms(source, now_us, timeout_ms);
	}
	source->refilled_us = now_us;
	low = find_low(source, now_us);
	if (low->cnt) {
		ask(source, low);
		source->refill_interval_us = doubled_us(source->refill_interval_us);
		timeout_ms = until_next_look_ms(source, now_us, timeout_ms);
	}
	rd_kafka_topic_partition_list_destroy(low);
	return timeout_ms;
}
