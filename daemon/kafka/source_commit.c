/*
 * source_commit - offsets to and from the group
 *
 * Runs in: worker, main thread; source_committed() on any.
 */
#include "kafka/source_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int source_commit(
	struct source *source, const struct source_commit *commits, size_t count, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = source_commit_list(commits, count);
	rd_kafka_resp_err_t code = rd_kafka_commit(source->rk, list, 1);

	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err(err, -EAGAIN, code, "offset commit") : 0;
}

struct commit_wait {
	struct commit_wait *next; /* in the source's unanswered */
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
int source_commit_sync(struct source *source, const struct source_commit *commits, size_t count,
	int timeout_ms, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = source_commit_list(commits, count);
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
		free(wait);
	} else {
		wait->next = source->unanswered;
		source->unanswered = wait;
	}
	return r;
}

void source_forget_commits(struct source *source)
{
	while (source->unanswered) {
		struct commit_wait *wait = source->unanswered;
		source->unanswered = wait->next;
		free(wait);
	}
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
