/*
 * source - records in, offsets out: the consumer side of librdkafka
 *
 * Runs in: worker, main thread, but for release(), headers(), committed() and wake(). Owns the
 * consumer handle and the queues of its partitions. It commits what it is told and nothing else;
 * the library's own offset store and reset policy are off. Callbacks of the library run inside
 * poll() and close() only.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "kafka/conf.h"
#include "kafka/kafka.h"
#include "kafka/partitions.h"

/* How many records one partition may give in a row before the next one has its turn. */
enum { TURN_MAX = 512 };

struct source {
	rd_kafka_t *rk;
	rd_kafka_queue_t *events; /* the consumer queue: rebalances, answers, errors */
	struct source_options options;
	struct source_listener listener;
	struct kafka_partitions partitions;
	size_t next_turn;
	int wake_fd;
	bool is_explicit; /* partitions are listed, the group only keeps offsets */
	bool is_listed; /* those were given out, at the first poll */
	bool needs_restart; /* start() was called since the last assignment */
	bool is_over; /* fenced or fatal */
};

static bool is_incremental(const struct source *source)
{
	return source->options.consumer->assignment == ASSIGNMENT_COOPERATIVE &&
		!source->is_explicit;
}

static void emit(struct source *source, const struct source_event *event)
{
	source->listener.on_event(source->listener.context, event);
}

static void emit_error(struct source *source, enum source_event_kind kind,
	const struct kafka_partition *partition, const struct err *err)
{
	struct source_event event = { .kind = kind, .err = *err };

	if (partition) {
		event.partitions = &partition->id;
		event.partition_count = 1;
	}
	emit(source, &event);
}

/* ---- what the library tells ---- */

static bool is_fencing(rd_kafka_resp_err_t code)
{
	/* UNRELEASED_INSTANCE_ID (111) has no name in older headers */
	return code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID || (int)code == 111;
}

static void on_fatal(struct source *source)
{
	char text[512];
	struct err err = ERR_INIT;
	rd_kafka_resp_err_t code = rd_kafka_fatal_error(source->rk, text, sizeof(text));

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR || source->is_over) {
		return;
	}
	source->is_over = true;
	kafka_err(&err, 0, code, text);
	emit_error(source, is_fencing(code) ? SOURCE_FENCED : SOURCE_FATAL, NULL, &err);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct source *source = opaque;
	struct source_event event = { .kind = SOURCE_ERROR };

	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		on_fatal(source);
		return;
	}
	event.is_broker_down = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
	kafka_err(&event.err, 0, code, reason);
	if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION && rd_kafka_version() < 0x020601ff) {
		err_set(&event.err, 0,
			"%s (with SCRAM: librdkafka %s cannot log in to Kafka 4.x although the "
			"password is right; "
			"use 2.6.1 or newer, or PLAIN over TLS)",
			reason, rd_kafka_version_str());
	}
	emit(source, &event);
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code,
	rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
	struct source *source = opaque;
	struct source_event event = { .kind = SOURCE_COMMITTED };

	for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && offsets && i < offsets->cnt; i++) {
		code = offsets->elems[i].err;
	}
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
	case RD_KAFKA_RESP_ERR__NO_OFFSET:
		break;
	case RD_KAFKA_RESP_ERR__STATE:
	case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
	case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
	case RD_KAFKA_RESP_ERR__FATAL:
		event.commit_result = -ESTALE;
		break;
	default:
		event.commit_result = -EAGAIN;
		break;
	}
	if (event.commit_result < 0) {
		kafka_err(&event.err, 0, code, "offset commit");
	}
	emit(source, &event);
	on_fatal(source);
}

/* ---- assignment ---- */

static void set_paused(struct source *source, struct kafka_partition *p, bool is_paused)
{
	rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(one, p->id.topic, p->id.partition);
	if (is_paused) {
		rd_kafka_pause_partitions(source->rk, one);
	} else {
		rd_kafka_resume_partitions(source->rk, one);
	}
	rd_kafka_topic_partition_list_destroy(one);
	p->is_paused = is_paused;
}

static struct source_partition *collect(
	struct source *source, const rd_kafka_topic_partition_list_t *list, bool is_new)
{
	struct source_partition *ids = xcalloc((size_t)list->cnt + 1, sizeof(*ids));

	for (int i = 0; i < list->cnt; i++) {
		struct kafka_partition *p = kafka_partitions_get(
			&source->partitions, list->elems[i].topic, list->elems[i].partition);
		if (is_new) {
			kafka_partition_assign(&source->partitions, p);
		}
		ids[i] = p->id;
	}
	return ids;
}

/* Tell the library what we read now; what is not started yet is ours but not fetched. */
static void log_if_refused(rd_kafka_error_t *error, const char *what)
{
	if (error) {
		log_warning("assignment refused by librdkafka", LOG_STR("call", what),
			LOG_STR("error", rd_kafka_error_string(error)));
		rd_kafka_error_destroy(error);
	}
}

static void apply_assignment(struct source *source, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t code = rd_kafka_assign(source->rk, list);

	if (code) {
		log_warning("assignment refused by librdkafka",
			LOG_STR("error", rd_kafka_err2name(code)));
	}
}

static void on_assign(struct source *source, rd_kafka_topic_partition_list_t *list)
{
	struct source_partition *ids = collect(source, list, true);
	struct source_event event = {
		.kind = SOURCE_ASSIGNED, .partitions = ids, .partition_count = (size_t)list->cnt
	};

	if (source->is_explicit || !is_incremental(source)) {
		rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
		apply_assignment(source, none);
		rd_kafka_topic_partition_list_destroy(none);
	} else {
		rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
		log_if_refused(rd_kafka_incremental_assign(source->rk, none), "incremental_assign");
		rd_kafka_topic_partition_list_destroy(none);
	}
	emit(source, &event);
	free(ids);
}

/* Only what was started is known to the library's incremental assignment. */
static void incremental_unassign(struct source *source, const rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_topic_partition_list_t *started = rd_kafka_topic_partition_list_new(list->cnt);

	for (int i = 0; i < list->cnt; i++) {
		const struct kafka_partition *p = kafka_partitions_find(
			&source->partitions, list->elems[i].topic, list->elems[i].partition);
		if (p && p->queue) {
			rd_kafka_topic_partition_list_add(started, p->id.topic, p->id.partition);
		}
	}
	log_if_refused(rd_kafka_incremental_unassign(source->rk, started), "incremental_unassign");
	rd_kafka_topic_partition_list_destroy(started);
}

static void on_revoke(struct source *source, rd_kafka_topic_partition_list_t *list, bool is_lost)
{
	struct source_partition *ids = collect(source, list, false);
	struct source_event event = { .kind = SOURCE_REVOKED,
		.partitions = ids,
		.partition_count = (size_t)list->cnt,
		.is_lost = is_lost };

	emit(source, &event);
	if (is_incremental(source)) {
		incremental_unassign(source, list);
	}
	for (int i = 0; i < list->cnt; i++) {
		struct kafka_partition *p = source->partitions.items[ids[i].slot];
		if (p->is_paused) {
			set_paused(source, p,
				false); /* the library would remember it for the next time */
		}
		kafka_partition_revoke(p, source->rk);
	}
	if (!is_incremental(source)) {
		apply_assignment(source, NULL);
	}
	free(ids);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
	rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct source *source = opaque;

	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		on_assign(source, list);
	} else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
		on_revoke(source, list, rd_kafka_assignment_lost(rk));
	} else {
		log_warning("rebalance failed", LOG_STR("error", rd_kafka_err2name(code)));
		on_revoke(source, list, true);
	}
}

/* A round trip through the library's main thread: what was enqueued there before has been done. */
static void wait_for_library(struct source *source)
{
	rd_kafka_topic_partition_list_t *ignored;

	if (rd_kafka_assignment(source->rk, &ignored) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		rd_kafka_topic_partition_list_destroy(ignored);
	}
}

/*
 * Stop fetching what has a queue (eager: everything, the assignment stays ours). A fetcher that
 * stops takes the forwarding off its partition's queue, and does so on the library's main thread:
 * only after that may a new one be set.
 */
static void stop_fetching(struct source *source)
{
	rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);

	if (!is_incremental(source)) {
		apply_assignment(source, none);
	}
	rd_kafka_topic_partition_list_destroy(none);
	wait_for_library(source);
}

/*
 * Under the eager protocol only a full assignment can start one partition: the others are passed
 * with their next offset. Each gets a fresh queue, so that nothing fetched before can be read
 * after.
 */
static void restart_all(struct source *source)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	bool only_new = is_incremental(source);

	stop_fetching(source);
	for (size_t i = 0; i < source->partitions.count; i++) {
		struct kafka_partition *p = source->partitions.items[i];
		if (!p->is_assigned || !p->is_started || (only_new && p->queue)) {
			continue;
		}
		if (kafka_partition_open_queue(p, source->rk, source->wake_fd) == 0) {
			rd_kafka_topic_partition_list_add(list, p->id.topic, p->id.partition)
				->offset = p->next;
		}
	}
	if (only_new) {
		log_if_refused(rd_kafka_incremental_assign(source->rk, list), "incremental_assign");
	} else {
		apply_assignment(source, list);
	}
	rd_kafka_topic_partition_list_destroy(list);
	source->needs_restart = false;
}

static int source_start(
	struct source *source, uint32_t slot, int64_t offset, uint32_t *ret_epoch, struct err *err)
{
	struct kafka_partition *p =
		slot < source->partitions.count ? source->partitions.items[slot] : NULL;

	if (!p || !p->is_assigned) {
		return err_set(err, -ESTALE, "the partition is not assigned");
	}
	if (p->queue && is_incremental(source)) {
		rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
		rd_kafka_topic_partition_list_add(one, p->id.topic, p->id.partition);
		log_if_refused(
			rd_kafka_incremental_unassign(source->rk, one), "incremental_unassign");
		rd_kafka_topic_partition_list_destroy(one);
		kafka_partition_close_queue(p, source->rk);
	}
	*ret_epoch = p->id.epoch = ++source->partitions.last_epoch;
	p->next = offset;
	p->is_started = true;
	if (p->is_paused) {
		set_paused(source, p, false);
	}
	source->needs_restart = true;
	return 0;
}

static int source_pause(struct source *source, uint32_t slot, bool is_paused)
{
	struct kafka_partition *p =
		slot < source->partitions.count ? source->partitions.items[slot] : NULL;

	/* resuming what was never paused refetches old offsets in older libraries */
	if (p && p->queue && p->is_paused != is_paused) {
		set_paused(source, p, is_paused);
	}
	return 0;
}

/* ---- reading ---- */

static void on_error_message(
	struct source *source, const struct kafka_partition *p, const rd_kafka_message_t *message)
{
	struct err err = ERR_INIT;

	switch (message->err) {
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		return;
	case RD_KAFKA_RESP_ERR__FATAL:
		on_fatal(source);
		return;
	default:
		break;
	}
	kafka_err(&err, 0, message->err, rd_kafka_message_errstr(message));
	if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && p && p->is_assigned) {
		emit_error(source, SOURCE_RANGE, p, &err);
		return;
	}
	emit_error(source, SOURCE_ERROR, p, &err);
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
	bool served = false;
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

static rd_kafka_topic_partition_list_t *listed_partitions(const struct source_options *options)
{
	const struct config_partition_group *group = &options->consumer->groups[options->slot];
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);

	for (size_t t = 0; t < options->consumer->topics.count; t++) {
		for (size_t i = 0; i < group->count; i++) {
			rd_kafka_topic_partition_list_add(
				list, options->consumer->topics.items[t], group->partitions[i]);
		}
	}
	return list;
}

/* Not when opening: what is told must find its listener complete. */
static void give_listed(struct source *source)
{
	rd_kafka_topic_partition_list_t *list = listed_partitions(&source->options);

	source->is_listed = true;
	on_assign(source, list);
	rd_kafka_topic_partition_list_destroy(list);
}

static unsigned source_poll(struct source *source, struct source_record *records, unsigned max,
	int timeout_ms, bool (*is_open)(void *context, uint32_t slot), void *context)
{
	unsigned count;

	if (source->is_explicit && !source->is_listed) {
		give_listed(source);
	}
	serve_events(source);
	if (source->needs_restart && !source->is_over) {
		restart_all(source);
	}
	count = read_partitions(source, records, max, is_open, context);
	if (count || timeout_ms == 0 || source->is_over) {
		return count;
	}
	wait_for_wake(source, timeout_ms);
	if (serve_events(source)) {
		return 0; /* the world may have changed: let the caller look first */
	}
	return read_partitions(source, records, max, is_open, context);
}

static void source_wake(struct source *source)
{
	static const uint64_t one = 1;
	ssize_t n = write(source->wake_fd, &one, sizeof(one));

	(void)n; /* a full counter wakes too */
}

static void source_release(struct source *source, void *handle)
{
	rd_kafka_message_destroy(handle);
}

static int source_headers(void *handle, struct source_header *headers, size_t max)
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

/* ---- offsets ---- */

static rd_kafka_topic_partition_list_t *commit_list(
	const struct source_commit *commits, size_t count)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);

	for (size_t i = 0; i < count; i++) {
		rd_kafka_topic_partition_t *tp = rd_kafka_topic_partition_list_add(
			list, commits[i].partition->topic, commits[i].partition->partition);
		tp->offset = commits[i].offset;
		if (commits[i].metadata) {
			tp->metadata = strdup(commits[i].metadata);
			/* with its NUL: clients that take it for a C string would read past it */
			tp->metadata_size = strlen(commits[i].metadata) + 1;
		}
	}
	return list;
}

static int source_commit_async(
	struct source *source, const struct source_commit *commits, size_t count, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = commit_list(commits, count);
	rd_kafka_resp_err_t code = rd_kafka_commit(source->rk, list, 1);

	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err(err, -EAGAIN, code, "offset commit") : 0;
}

struct commit_wait {
	bool is_done;
	rd_kafka_resp_err_t code;
};

static void on_commit_sync(rd_kafka_t *rk, rd_kafka_resp_err_t code,
	rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
	struct commit_wait *wait = opaque;

	for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && offsets && i < offsets->cnt; i++) {
		code = offsets->elems[i].err;
	}
	wait->is_done = true;
	wait->code = code;
}

/* The library's own synchronous commit has no deadline: wait on a queue that can be left. */
static int source_commit_sync(struct source *source, const struct source_commit *commits,
	size_t count, int timeout_ms, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = commit_list(commits, count);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(source->rk);
	struct commit_wait *wait = NEW(struct commit_wait);
	rd_kafka_resp_err_t code =
		rd_kafka_commit_queue(source->rk, list, queue, on_commit_sync, wait);
	int r = 0;

	rd_kafka_topic_partition_list_destroy(list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
		rd_kafka_queue_poll_callback(queue, timeout_ms);
		code = wait->is_done ? wait->code : RD_KAFKA_RESP_ERR__TIMED_OUT;
	} else {
		wait->is_done = true;
	}
	if (code && code != RD_KAFKA_RESP_ERR__NO_OFFSET) {
		r = kafka_err(err, code == RD_KAFKA_RESP_ERR__TIMED_OUT ? -ETIMEDOUT : -ESTALE,
			code, "offset commit");
	}
	rd_kafka_queue_destroy(queue);
	if (wait->is_done) {
		free(wait); /* else an answer may still come for it */
	}
	return r;
}

static int source_committed(struct source *source, struct source_offset *offsets, size_t count,
	int timeout_ms, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < count; i++) {
		rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].partition);
	}
	code = rd_kafka_committed(source->rk, list, timeout_ms);
	for (size_t i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < count; i++) {
		const rd_kafka_topic_partition_t *tp = &list->elems[i];
		offsets[i].result = tp->err ? -EAGAIN : 0;
		offsets[i].offset = tp->offset >= 0 ? tp->offset : SOURCE_OFFSET_NONE;
		offsets[i].metadata =
			tp->metadata_size ? xstrndup(tp->metadata, tp->metadata_size) : NULL;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err(err, -EAGAIN, code, "asking for committed offsets") : 0;
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

static int subscribe(struct source *source, struct err *err)
{
	const struct config_strings *topics = &source->options.consumer->topics;
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new((int)topics->count);
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < topics->count; i++) {
		rd_kafka_topic_partition_list_add(list, topics->items[i], RD_KAFKA_PARTITION_UA);
	}
	code = rd_kafka_subscribe(source->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err(err, -EINVAL, code, "subscribing") : 0;
}

static void source_close(struct source *source);

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
	source->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = source->wake_fd < 0 ? -errno : kafka_conf_consumer(options, &conf, err);
	if (r < 0) {
		source_close(source);
		return r;
	}
	rd_kafka_conf_set_opaque(conf, source);
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
	rd_kafka_conf_set_error_cb(conf, on_error);
	source->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (!source->rk) {
		rd_kafka_conf_destroy(conf);
		source_close(source);
		return err_set(err, -EINVAL, "[kafka]: %s", text);
	}
	rd_kafka_poll_set_consumer(source->rk);
	source->events = rd_kafka_queue_get_consumer(source->rk);
	rd_kafka_queue_io_event_enable(source->events, source->wake_fd, &one, sizeof(one));
	r = source->is_explicit ? 0 : subscribe(source, err);
	if (r < 0) {
		source_close(source);
		return r;
	}
	*ret = source;
	return 0;
}

static void revoke_listed(struct source *source)
{
	rd_kafka_topic_partition_list_t *list = listed_partitions(&source->options);

	on_revoke(source, list, false);
	rd_kafka_topic_partition_list_destroy(list);
}

static void source_close(struct source *source)
{
	if (source->rk) {
		if (source->is_listed) {
			revoke_listed(source);
		}
		rd_kafka_consumer_close(source->rk);
		for (size_t i = 0; i < source->partitions.count; i++) {
			kafka_partition_revoke(source->partitions.items[i], source->rk);
		}
		rd_kafka_queue_io_event_enable(source->events, -1, NULL, 0);
		rd_kafka_queue_destroy(source->events);
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
	.commit = source_commit_async,
	.commit_sync = source_commit_sync,
	.committed = source_committed,
	.assigned_count = source_assigned_count,
	.prefetch_bound_bytes = source_prefetch_bound,
	.close = source_close,
};
