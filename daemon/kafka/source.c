/*
 * source - records in, offsets out: the consumer side of librdkafka
 *
 * Runs in: worker, main thread, but for release(), headers(), committed() and wake(). Owns the
 * consumer handle and the queues of its partitions. It commits what it is told and nothing else;
 * the library's own offset store and reset policy are off. Callbacks of the library run inside
 * poll(), commit_wait(), commit_sync() and close() only.
 */
#include "kafka/source_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "kafka/conf.h"
#include "kafka/kafka.h"
#include "kafka/membership.h"

static void source_wake(struct source *source)
{
	static const uint64_t one = 1;
	ssize_t n = write(source->wake_fd, &one, sizeof(one));

	(void)n; /* a full counter wakes too */
}

static unsigned source_assigned_count(const struct source *source)
{
	unsigned count = 0;

	for (size_t i = 0; i < source->partitions.count; i++) {
		count += source->partitions.items[i]->is_assigned;
	}
	return count;
}

static int64_t source_prefetch_bound(const struct source *source)
{
	return kafka_queue_memory_bytes(&source->options) * source_assigned_count(source);
}

/* ---- life ---- */

static int source_check(const struct source_options *options, struct err *err)
{
	rd_kafka_conf_t *conf;
	int r = kafka_conf_consumer(options, &conf, err);

	if (r == 0) {
		rd_kafka_conf_destroy(conf);
	}
	return r;
}

int source_subscribe(struct source *source, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	rd_kafka_resp_err_t code;
	const char *topic;

	for (size_t i = 0; (topic = config_consumer_topic(source->options.consumer, i)); i++) {
		rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
	}
	code = rd_kafka_subscribe(source->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err(err, -EINVAL, code, "subscribing") : 0;
}

static void source_close(struct source *source);

static int on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *error, int depth,
	const char *der, size_t size, char *text, size_t text_size, void *opaque)
{
	struct source *source = opaque;

	return kafka_witness_judge(&source->witness, *error, text, text_size);
}

static int open_conf(struct source *source, rd_kafka_conf_t **ret, struct err *err)
{
	int r = kafka_conf_consumer(&source->options, ret, err);

	if (r == 0 && !source->is_explicit &&
		source->options.consumer->assignment == ASSIGNMENT_CONSUMER) {
		r = kafka_offers_listen(&source->offers, *ret, err);
		if (r < 0) {
			rd_kafka_conf_destroy(*ret);
		}
	}
	return r;
}

static int source_open(const struct source_options *options, struct source **ret, struct err *err)
{
	static const uint64_t one = 1;
	struct source *source = NEW(struct source);
	rd_kafka_conf_t *conf;
	char text[512];
	int r;

	source->options = *options;
	source->listener = *options->listener;
	source->is_explicit = options->consumer->groups != NULL;
	if (rd_kafka_version() < KAFKA_VERSION_QUEUE_BACKOFF) {
		source->refill_below = KAFKA_QUEUE_MESSAGES;
	}
	source->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = source->wake_fd < 0 ? -errno : open_conf(source, &conf, err);
	if (r < 0) {
		source_close(source);
		return r;
	}
	rd_kafka_conf_set_opaque(conf, source);
	rd_kafka_conf_set_rebalance_cb(conf, source_on_rebalance);
	rd_kafka_conf_set_error_cb(conf, source_on_error);
	rd_kafka_conf_set_log_cb(conf, source_on_log);
	kafka_witness_watch(conf, &source->witness, on_certificate);
	source->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (!source->rk) {
		r = kafka_no_client("kafka", text, err);
		rd_kafka_conf_destroy(conf);
		source_close(source);
		return r;
	}
	rd_kafka_poll_set_consumer(source->rk);
	source->events = rd_kafka_queue_get_consumer(source->rk);
	rd_kafka_queue_io_event_enable(source->events, source->wake_fd, &one, sizeof(one));
	source->committing.answers = rd_kafka_queue_new(source->rk);
	rd_kafka_queue_io_event_enable(
		source->committing.answers, source->wake_fd, &one, sizeof(one));
	r = source->is_explicit ? 0 : source_subscribe(source, err);
	if (r < 0) {
		source_close(source);
		return r;
	}
	*ret = source;
	return 0;
}

static void source_close(struct source *source)
{
	if (source->rk) {
		if (source->is_listed) {
			source_revoke_listed(source);
		}
		rd_kafka_consumer_close(source->rk);
		for (size_t i = 0; i < source->partitions.count; i++) {
			kafka_partition_revoke(source->partitions.items[i], source->rk);
		}
		rd_kafka_queue_io_event_enable(source->events, -1, NULL, 0);
		rd_kafka_queue_destroy(source->events);
		rd_kafka_queue_io_event_enable(source->committing.answers, -1, NULL, 0);
		rd_kafka_queue_destroy(source->committing.answers);
		rd_kafka_destroy_flags(source->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	}
	if (source->wake_fd >= 0) {
		close(source->wake_fd);
	}
	kafka_partitions_fini(&source->partitions);
	free(source);
}

const struct source_ops kafka_source_ops = {
	.check = source_check,
	.open = source_open,
	.poll = source_poll,
	.wake = source_wake,
	.start = source_start,
	.pause = source_pause,
	.release = source_release,
	.headers = source_headers,
	.commit_wait = source_commit_wait,
	.commit = source_commit,
	.commit_sync = source_commit_sync,
	.committed = source_committed,
	.membership = membership_new,
	.membership_hold = membership_hold,
	.membership_drop = membership_drop,
	.assigned_count = source_assigned_count,
	.prefetch_bound_bytes = source_prefetch_bound,
	.rejoin = source_rejoin,
	.leave = source_leave,
	.close = source_close,
};
