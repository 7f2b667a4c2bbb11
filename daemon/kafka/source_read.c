/*
 * source_read - records of the partitions' queues, and their headers
 *
 * Runs in: worker, main thread; source_release() and source_headers() on any.
 */
#include "kafka/source_private.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* How many records one partition may give in a row before the next one has its turn. */
enum { TURN_MAX = 512 };

static void on_error_message(
	struct source *source, const struct kafka_partition *p, const rd_kafka_message_t *message)
{
	struct err err = ERR_INIT;

	switch (message->err) {
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		return;
	case RD_KAFKA_RESP_ERR__FATAL:
		source_on_fatal(source);
		return;
	default:
		break;
	}
	kafka_err(&err, 0, message->err, rd_kafka_message_errstr(message));
	if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && p && p->is_assigned) {
		source_emit_error(source, SOURCE_RANGE, p, &err);
		return;
	}
	source_tell(source, p, message->err,
		message->rkt ? rd_kafka_topic_name(message->rkt) : NULL,
		rd_kafka_message_errstr(message));
}

/* False: it was no record, and is freed. */
static bool take_message(struct source *source, struct kafka_partition *p,
	rd_kafka_message_t *message, struct source_record *ret)
{
	rd_kafka_timestamp_type_t type;

	if (message->err) {
		on_error_message(source, p, message);
		rd_kafka_message_destroy(message);
		return false;
	}
	if (!p || !p->is_started || message->offset < p->next) {
		rd_kafka_message_destroy(message); /* from before a restart: comes again */
		return false;
	}
	p->next = message->offset + 1;
	ret->handle = message;
	ret->slot = p->id.slot;
	ret->epoch = p->id.epoch;
	ret->offset = message->offset;
	ret->timestamp_ms = rd_kafka_message_timestamp(message, &type);
	ret->key = slice_from(message->key, message->key_len);
	ret->value = slice_from(message->payload, message->len);
	return true;
}

static unsigned read_queue(struct source *source, struct kafka_partition *p,
	struct source_record *records, unsigned max)
{
	rd_kafka_message_t *messages[TURN_MAX];
	uint32_t epoch = p->id.epoch;
	unsigned count = 0;
	ssize_t n;

	if (rd_kafka_queue_length(p->queue) == 0) {
		return 0;
	}
	n = rd_kafka_consume_batch_queue(p->queue, 0, messages, max < TURN_MAX ? max : TURN_MAX);
	for (ssize_t i = 0; i < n; i++) {
		/* an event among them may have ended the epoch */
		if (p->id.epoch != epoch || !p->is_started) {
			rd_kafka_message_destroy(messages[i]);
			continue;
		}
		count += take_message(source, p, messages[i], &records[count]);
	}
	return count;
}

static unsigned read_partitions(struct source *source, struct source_record *records, unsigned max,
	bool (*is_open)(void *context, uint32_t slot), void *context)
{
	size_t n = source->partitions.count;
	unsigned count = 0;

	for (size_t i = 0; i < n && count < max; i++) {
		struct kafka_partition *p = source->partitions.items[(source->next_turn + i) % n];
		if (p->queue && is_open(context, p->id.slot)) {
			count += read_queue(source, p, records + count, max - count);
		}
	}
	if (n) {
		source->next_turn = (source->next_turn + 1) % n;
	}
	return count;
}

/*
 * Rebalances, answers and errors; a record here would be one of a partition without its own queue,
 * and comes again.
 */
static bool serve_events(struct source *source)
{
	bool served = source_take_answers(source, 0);
	rd_kafka_message_t *message;

	while ((message = rd_kafka_consumer_poll(source->rk, 0))) {
		const struct kafka_partition *p = message->rkt
			? kafka_partitions_find(&source->partitions,
				  rd_kafka_topic_name(message->rkt), message->partition)
			: NULL;
		if (message->err) {
			on_error_message(source, p, message);
		}
		rd_kafka_message_destroy(message);
		served = true;
	}
	return served;
}

static void wait_for_wake(struct source *source, int timeout_ms)
{
	struct pollfd fd = { .fd = source->wake_fd, .events = POLLIN };
	uint64_t count;

	if (poll(&fd, 1, timeout_ms) > 0) {
		ssize_t n = read(source->wake_fd, &count, sizeof(count));
		(void)n; /* nothing to read is as good as read */
	}
}

unsigned source_poll(struct source *source, struct source_record *records, unsigned max,
	int timeout_ms, bool (*is_open)(void *context, uint32_t slot), void *context)
{
	unsigned count;

	if (source->is_explicit && !source->is_listed) {
		source_give_listed(source);
	}
	serve_events(source);
	source_tell_offers(source);
	source_rejoin_tick(source);
	if (source->needs_restart && !source->is_over) {
		source_restart(source);
	}
	count = read_partitions(source, records, max, is_open, context);
	timeout_ms = source_refill(source, count > 0, timeout_ms);
	if (count || timeout_ms == 0 || source->is_over) {
		return count;
	}
	wait_for_wake(source, timeout_ms);
	if (serve_events(source)) {
		return 0; /* the world may have changed: let the caller look first */
	}
	return read_partitions(source, records, max, is_open, context);
}

void source_release(struct source *source, void *handle)
{
	rd_kafka_message_destroy(handle);
}

int source_headers(void *handle, struct source_header *headers, size_t max)
{
	rd_kafka_headers_t *parsed;
	size_t count = 0;
	const char *name;
	const void *value;
	size_t len;
	rd_kafka_resp_err_t code = rd_kafka_message_headers(handle, &parsed);

	if (code == RD_KAFKA_RESP_ERR__NOENT) {
		return 0;
	}
	if (code) {
		return -EBADMSG;
	}
	while (rd_kafka_header_get_all(parsed, count, &name, &value, &len) == 0) {
		if (count < max) {
			headers[count].name = slice_from_str(name);
			headers[count].value = slice_from(value, value ? len : 0);
		}
		count++;
	}
	return (int)count;
}
