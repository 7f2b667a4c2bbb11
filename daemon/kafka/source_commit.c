/*
 * source_commit - offsets to and from the group
 *
 * Runs in: worker, main thread; source_committed() on any.
 */
#include "kafka/source_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

rd_kafka_topic_partition_list_t *source_commit_list(
	const struct source_commit *commits, size_t count)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);

	for (size_t i = 0; i < count; i++) {
		rd_kafka_topic_partition_t *tp = rd_kafka_topic_partition_list_add(
			list, commits[i].partition->topic, commits[i].partition->partition);
		tp->offset = commits[i].offset;
		if (commits[i].metadata) {
			tp->metadata = xstrdup(commits[i].metadata);
			/* with its NUL: clients that take it for a C string would read past it */
			tp->metadata_size = strlen(commits[i].metadata) + 1;
		}
	}
	return list;
}

static void on_answer(rd_kafka_t *rk, rd_kafka_resp_err_t code,
	rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
	struct source *source = opaque;

	for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && offsets && i < offsets->cnt; i++) {
		code = offsets->elems[i].err;
	}
	source->committing.is_under_way = false;
	source->committing.code = code;
	if (source->committing.is_told) {
		source_tell_commit(source, code);
	}
}

bool source_take_answers(struct source *source, int timeout_ms)
{
	return rd_kafka_queue_poll_callback(source->committing.answers, timeout_ms) > 0;
}

/* Whether there is none that has no answer yet. */
static bool wait_for_answer(struct source *source, int timeout_ms)
{
	int64_t until_us = clock_mono_us() + (int64_t)timeout_ms * 1000;

	source_take_answers(source, 0);
	while (source->committing.is_under_way && clock_mono_us() < until_us) {
		source_take_answers(source, (int)((until_us - clock_mono_us()) / 1000) + 1);
	}
	return !source->committing.is_under_way;
}

static int refuse_another(struct err *err)
{
	return err_set(err, -ETIMEDOUT, "an earlier offset commit is not answered");
}

int source_commit_wait(struct source *source, int timeout_ms, struct err *err)
{
	return wait_for_answer(source, timeout_ms) ? 0 : refuse_another(err);
}

static int hand_over(struct source *source, const struct source_commit *commits, size_t count,
	bool is_told, struct err *err)
{
	rd_kafka_topic_partition_list_t *list;

	if (source->committing.is_under_way) {
		return refuse_another(err);
	}
	list = source_commit_list(commits, count);
	source->committing.is_told = is_told;
	source->committing.code = rd_kafka_commit_queue(
		source->rk, list, source->committing.answers, on_answer, source);
	source->committing.is_under_way = source->committing.code == RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_topic_partition_list_destroy(list);
	return source->committing.is_under_way
		? 0
		: kafka_err(err, -EAGAIN, source->committing.code, "offset commit");
}

int source_commit(
	struct source *source, const struct source_commit *commits, size_t count, struct err *err)
{
	return hand_over(source, commits, count, true, err);
}

/* The library's own synchronous commit has no deadline. */
int source_commit_sync(struct source *source, const struct source_commit *commits, size_t count,
	int timeout_ms, struct err *err)
{
	rd_kafka_resp_err_t code;
	int r = hand_over(source, commits, count, false, err);

	if (r < 0) {
		return r;
	}
	if (!wait_for_answer(source, timeout_ms)) {
		return kafka_err(err, -ETIMEDOUT, RD_KAFKA_RESP_ERR__TIMED_OUT, "offset commit");
	}
	code = source->committing.code;
	return code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET
		? 0
		: kafka_err(err, -ESTALE, code, "offset commit");
}

int source_committed(struct source *source, struct source_offset *offsets, size_t count,
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
