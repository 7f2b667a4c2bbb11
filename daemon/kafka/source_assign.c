/*
 * source_assign - which partitions are fetched, and from where
 *
 * Runs in: worker, main thread. The group protocol (or the configuration) says what is ours;
 * nothing of it is fetched before the worker said where it starts.
 */
#include "kafka/source_private.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

static bool is_incremental(const struct source *source)
{
	return source->options.consumer->assignment != ASSIGNMENT_EAGER && !source->is_explicit;
}

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
	source_emit(source, &event);
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

	source_emit(source, &event);
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
		source->needs_restart = false; /* nothing is left of what was started */
	}
	free(ids);
}

void source_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
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
void source_restart(struct source *source)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	bool only_new = is_incremental(source);
	struct err err = ERR_INIT;

	stop_fetching(source);
	for (size_t i = 0; i < source->partitions.count; i++) {
		struct kafka_partition *p = source->partitions.items[i];
		if (!p->is_assigned || !p->is_started || (only_new && p->queue)) {
			continue;
		}
		if (kafka_partition_open_queue(p, source->rk, source->wake_fd) < 0) {
			/* not read, and so not to be taken for one without records: open it anew */
			err_set(&err, 0, "librdkafka has no queue for the partition");
			source_emit_error(source, SOURCE_RANGE, p, &err);
			continue;
		}
		rd_kafka_topic_partition_list_add(list, p->id.topic, p->id.partition)->offset =
			p->next;
	}
	if (only_new) {
		log_if_refused(rd_kafka_incremental_assign(source->rk, list), "incremental_assign");
	} else {
		apply_assignment(source, list);
	}
	rd_kafka_topic_partition_list_destroy(list);
	source->needs_restart = false;
}

int source_start(
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

int source_pause(struct source *source, uint32_t slot, bool is_paused)
{
	struct kafka_partition *p =
		slot < source->partitions.count ? source->partitions.items[slot] : NULL;

	/* resuming what was never paused refetches old offsets in older libraries */
	if (p && p->queue && p->is_paused != is_paused) {
		set_paused(source, p, is_paused);
	}
	return 0;
}

/* ---- partitions that are written down ---- */

static rd_kafka_topic_partition_list_t *listed_partitions(const struct source_options *options)
{
	const struct config_partition_group *group = &options->consumer->groups[options->slot];
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	const char *topic;

	for (size_t t = 0; (topic = config_consumer_topic(options->consumer, t)); t++) {
		for (size_t i = 0; i < group->count; i++) {
			rd_kafka_topic_partition_list_add(list, topic, group->partitions[i]);
		}
	}
	return list;
}

/* Not when opening: what is told must find its listener complete. */
void source_give_listed(struct source *source)
{
	rd_kafka_topic_partition_list_t *list = listed_partitions(&source->options);

	source->is_listed = true;
	on_assign(source, list);
	rd_kafka_topic_partition_list_destroy(list);
}

void source_revoke_listed(struct source *source)
{
	rd_kafka_topic_partition_list_t *list = listed_partitions(&source->options);

	on_revoke(source, list, false);
	rd_kafka_topic_partition_list_destroy(list);
}
