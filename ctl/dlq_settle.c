#include "dlq_settle.h"

#include <stdlib.h>

#include "base/failpoint.h"
#include "base/memory.h"

static int by_offset(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return a < b ? -1 : a > b;
}

static int send_mark(struct dlq_session *session, struct dlq_sender *sender, size_t partition,
	const struct dlq_mark *mark, struct err *err)
{
	const struct dlq_offsets *done = &sender->done[partition];
	const struct source_header header = { slice_from_str(DLQ_MARK_HEADER),
		slice_from_str(dlq_state_name(mark->state)) };
	/* a key of its own: a topic that is compacted takes none without, and must keep them all */
	_cleanup_free_ char *key =
		xasprintf("%s-%zu-%lld", mark->id, partition, (long long)done->items[0]);
	struct buffer value = BUFFER_INIT;
	int r;

	dlq_mark_write(mark, done->items, done->count, &value);
	const struct sink_message message = { .topic = session->topic,
		.partition = (int32_t)partition,
		.key = slice_from_str(key),
		.value = slice_from(value.data, value.len),
		.timestamp_ms = mark->at_ms,
		.headers = &header,
		.header_count = 1 };
	r = dlq_sender_send(sender, &message, -1, 0, err);
	buffer_fini(&value);
	return r;
}

static int send_marks(struct dlq_session *session, struct dlq_sender *sender,
	const struct dlq_mark *mark, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < sender->partition_count && r == 0; i++) {
		struct dlq_offsets *done = &sender->done[i];

		if (done->count > 0) {
			qsort(done->items, done->count, sizeof(*done->items), by_offset);
			r = send_mark(session, sender, i, mark, err);
			FAILPOINT("dlq_mark_sent");
		}
	}
	return r == 0 ? dlq_sender_wait(sender, err) : r;
}

static void book_done(struct dlq_session *session, struct dlq_sender *sender, enum dlq_state state)
{
	for (size_t i = 0; i < sender->partition_count; i++) {
		struct dlq_offsets *done = &sender->done[i];

		for (size_t k = 0; k < done->count; k++) {
			dlq_book_set(&session->book, i, done->items[k], done->items[k], state);
		}
		done->count = 0;
	}
	sender->done_count = 0;
}

int dlq_settle(struct dlq_session *session, struct dlq_sender *sender, const struct dlq_mark *mark)
{
	struct err err = ERR_INIT, mark_err = ERR_INIT;
	int status, r = dlq_sender_wait(sender, &err);
	int marked;

	FAILPOINT("dlq_acknowledged");
	/* what was accepted is done, even where something else was refused */
	marked = send_marks(session, sender, mark, &mark_err);
	if (marked < 0) {
		return dlq_session_fail(session, marked, &mark_err);
	}
	FAILPOINT("dlq_marked");
	book_done(session, sender, mark->state);
	status = dlq_session_commit(session);
	FAILPOINT("dlq_committed");
	return r < 0 ? dlq_session_fail(session, r, &err) : status;
}

int dlq_settle_finish(struct dlq_session *session)
{
	int status = dlq_session_catch_up(session);

	return status ? status : dlq_session_commit(session);
}
