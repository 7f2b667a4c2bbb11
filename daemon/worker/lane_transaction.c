/*
 * lane_transaction - batches and offsets in one Kafka transaction
 *
 * Runs in: worker, the only lane of a transactional consumer. What the batch's handlers write, its
 * dead letters and the offsets behind it are committed together, and only then is anything of it
 * settled. A record that is refused spoils the transaction of all: they come again, and the next
 * batch is of one record, whose answers are waited for, so that it is known who is to blame.
 *
 * Records of a partition are worked in their order (ordering = partition), so that the ended ones
 * of a batch begin at the partition's first unsettled one: the offset behind them covers no other.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/letter_headers.h"
#include "worker/worker_private.h"

#define BACKOFF_FIRST_US ((int64_t)10 * 1000)
#define BACKOFF_MAX_US ((int64_t)1000 * 1000)
#define LOG_INTERVAL_US ((int64_t)10 * 1000 * 1000)
/* A strand whose dead letter cannot be written is looked at again after this. */
#define HOLD_US ((int64_t)1000 * 1000)
#define LETTER_TIMEOUT_US ((int64_t)5 * 1000 * 1000)

static struct publishing *publishing_of(const struct lane *lane)
{
	return &lane->worker->roster.publishing;
}

static bool is_ended(const struct unit_work *work)
{
	return work->end == UNIT_DONE || work->end == UNIT_DUPLICATE || work->end == UNIT_SKIPPED ||
		work->end == UNIT_DEAD;
}

/* ---- what is committed ---- */

static void begin_list(struct lane_transaction *t)
{
	if (!t->commits) {
		t->commits = xcalloc(PAGE_PARTITIONS_MAX, sizeof(*t->commits));
		t->ids = xcalloc(PAGE_PARTITIONS_MAX, sizeof(*t->ids));
		t->metadata = xcalloc(PAGE_PARTITIONS_MAX, sizeof(*t->metadata));
	}
	t->count = 0;
	t->is_committed = false;
}

static void list(struct lane_transaction *t, const struct partition *p, int64_t offset)
{
	t->ids[t->count] = p->id;
	t->commits[t->count] = (struct source_commit){ .partition = &t->ids[t->count],
		.offset = offset,
		.metadata = commit_metadata(p, t->metadata[t->count]) };
	t->count++;
}

/* Under the lock: the offsets behind the batch. False: an epoch is dead, they are not ours. */
static bool list_batch(struct lane *lane, unsigned count)
{
	struct lane_transaction *t = &lane->transaction;
	const struct unit_work *works = lane->unit.works;

	begin_list(t);
	for (unsigned i = 0; i < count; i++) {
		const struct sched_item *item = &works[i].record->item;
		const struct sched_item *before = i ? &works[i - 1].record->item : NULL;
		bool is_first = !before || before->slot != item->slot;
		const struct partition *p =
			partition_if_live(lane->worker, item->slot, item->epoch);

		if (!p) {
			return false;
		}
		if (!is_ended(&works[i])) {
			continue;
		}
		assert(is_first ? item->offset == tracker_committable(p->tracker)
				: is_ended(&works[i - 1]));
		if (is_first) {
			list(t, p, item->offset + 1);
		} else {
			t->commits[t->count - 1].offset = item->offset + 1;
		}
	}
	return true;
}

/* Under the lock: partitions that begin without an offset of the group's. */
static void list_due(struct lane *lane)
{
	struct worker *worker = lane->worker;

	begin_list(&lane->transaction);
	worker->are_offsets_due = false;
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		const struct partition *p = worker->partitions[i];

		if (p->tracker && tracker_committable(p->tracker) > p->transacted) {
			list(&lane->transaction, p, tracker_committable(p->tracker));
		}
	}
}

/* Under the lock: the group knows us by the assignment that this was read under. */
static bool take_membership(struct lane *lane)
{
	struct worker *worker = lane->worker;

	if (!worker->membership) {
		return false;
	}
	lane->transaction.membership = worker->wiring->source->membership_hold(worker->membership);
	return true;
}

static void drop_membership(struct lane *lane)
{
	lane->worker->wiring->source->membership_drop(lane->transaction.membership);
	lane->transaction.membership = NULL;
}

/* ---- ends of a transaction ---- */

static enum transactor_result begin(struct lane *lane, struct err *err)
{
	const struct publishing *publishing = publishing_of(lane);

	return publishing->transactor_ops->begin(publishing->transactor, err);
}

/* It is aborted, and `why` is said, unless there is worse to say. */
static enum transactor_result give_up(struct lane *lane, struct err *why)
{
	const struct publishing *publishing = publishing_of(lane);
	struct err err = ERR_INIT;
	enum transactor_result result =
		publishing->transactor_ops->abort(publishing->transactor, &err);

	if (result != TRANSACTOR_OK) {
		*why = err;
		return result;
	}
	return TRANSACTOR_AGAIN;
}

/* A record of it was not acknowledged. */
static bool is_spoiled(const struct lane *lane)
{
	const struct publishing *publishing = publishing_of(lane);

	return publishing->transactor_ops->is_spoiled(publishing->transactor);
}

/* A new one, in place of one that can only be aborted. */
static enum transactor_result begin_anew(struct lane *lane, struct err *err)
{
	const struct publishing *publishing = publishing_of(lane);
	enum transactor_result result =
		publishing->transactor_ops->abort(publishing->transactor, err);

	return result ? result : begin(lane, err);
}

static enum transactor_result commit_listed(struct lane *lane, struct err *err)
{
	const struct publishing *publishing = publishing_of(lane);
	struct lane_transaction *t = &lane->transaction;
	enum transactor_result result = publishing->transactor_ops->commit(
		publishing->transactor, t->membership, t->commits, t->count, err);

	if (result == TRANSACTOR_OK) {
		t->is_committed = true;
		page_add(&lane->worker->page->commits, 1);
	}
	return result;
}

static enum transactor_result commit_batch(struct lane *lane, unsigned count, struct err *err)
{
	struct worker *worker = lane->worker;
	enum transactor_result result;
	bool is_live;

	unit_stage(&lane->unit, PAGE_STAGE_COMMIT, NULL);
	pthread_mutex_lock(&worker->lock);
	is_live = list_batch(lane, count);
	pthread_mutex_unlock(&worker->lock);
	if (!is_live) {
		err_set(err, 0, "the partitions were taken away meanwhile");
		return give_up(lane, err);
	}
	if (lane->transaction.count == 0) {
		result = give_up(lane, err); /* nothing ended, and nothing was written */
		return result == TRANSACTOR_AGAIN ? TRANSACTOR_OK : result;
	}
	result = commit_listed(lane, err);
	for (unsigned i = 0; result == TRANSACTOR_OK && i < count; i++) {
		lane->unit.works[i].is_written = lane->unit.works[i].end == UNIT_DEAD;
	}
	return result;
}

/* ---- dead letters ---- */

static enum publisher_result send_letter(
	struct lane *lane, const struct unit_work *work, bool is_oversized, struct err *err)
{
	const struct publishing *publishing = publishing_of(lane);
	const struct dead_letter letter = { .record = work->record,
		.reason = work->reason,
		.tier = -1,
		.text = (char *)(uintptr_t)work->text,
		.event_id = (char *)(uintptr_t)work->event.id.data,
		.event_id_len = work->event.id.len,
		.handler = work->handler ? work->handler->config->name : "",
		.is_oversized = is_oversized };
	struct dead_letter coded = letter;
	struct letter_headers headers;
	struct sink_message message;
	enum publisher_result result;

	memcpy(coded.code, work->code, sizeof(coded.code));
	dead_letter_compose(lane->worker, &coded, &headers, &message);
	result = publishing->transactor_ops->send(publishing->transactor, &message, err);
	letter_headers_fini(&headers);
	return result;
}

/* Of a batch of one: its answer is its own. */
static enum publisher_result deliver_letter(
	struct lane *lane, const struct unit_work *work, bool is_oversized, struct err *err)
{
	const struct publishing *publishing = publishing_of(lane);
	enum publisher_result result = send_letter(lane, work, is_oversized, err);

	return result != PUBLISHER_ACKED
		? result
		: publishing->transactor_ops->wait(publishing->transactor, LETTER_TIMEOUT_US, err);
}

/* Its dead letter cannot be written: its strand waits, others go on. */
static void hold(struct lane *lane, struct unit_work *work, const struct err *err)
{
	const struct sched_item *item = &work->record->item;
	struct worker *worker = lane->worker;
	struct partition *p;

	pthread_mutex_lock(&worker->lock);
	p = partition_if_live(worker, item->slot, item->epoch);
	if (p) {
		p->unwritten = item->offset;
		worker->page->dlq_is_down = 1;
		page_text_set(
			&worker->page->dlq_text, "%s: %s", worker->consumer->dlq_topic, err->text);
	}
	pthread_mutex_unlock(&worker->lock);
	work->end = UNIT_HELD;
	work->due_us = clock_mono_us() + HOLD_US;
	work->text =
		arena_printf(&lane->unit.arena, "its dead letter cannot be written: %s", err->text);
	snprintf(work->code, sizeof(work->code), "%s", err->code);
}

/* The one record of the batch became a dead letter. */
static enum transactor_result write_alone(
	struct lane *lane, struct unit_work *work, struct err *err)
{
	bool may_shorten = lane->worker->consumer->dlq_oversized == DLQ_OVERSIZED_HEADERS_ONLY;
	enum publisher_result written = deliver_letter(lane, work, false, err);
	enum transactor_result result;

	if (written == PUBLISHER_REFUSED && may_shorten) {
		result = begin_anew(lane, err);
		if (result != TRANSACTOR_OK) {
			return result;
		}
		written = deliver_letter(lane, work, true, err);
	}
	if (written == PUBLISHER_ACKED) {
		return TRANSACTOR_OK;
	}
	hold(lane, work, err);
	return begin_anew(lane, err);
}

static enum transactor_result finish_one_work(struct lane *lane, struct err *err)
{
	struct unit_work *work = &lane->unit.works[0];
	enum transactor_result result = TRANSACTOR_OK;

	if (is_spoiled(lane) && work->end == UNIT_DONE) {
		return give_up(lane, err);
	}
	if (is_spoiled(lane)) {
		result = begin_anew(lane, err);
	}
	return result || work->end != UNIT_DEAD ? result : write_alone(lane, work, err);
}

static enum transactor_result finish_works(struct lane *lane, unsigned count, struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		const struct unit_work *work = &lane->unit.works[i];

		if (work->end == UNIT_DEAD &&
			send_letter(lane, work, false, err) != PUBLISHER_ACKED) {
			return give_up(lane, err);
		}
	}
	return TRANSACTOR_OK;
}

/* ---- a batch ---- */

static enum transactor_result transact(struct lane *lane, unsigned count, struct err *err)
{
	struct worker *worker = lane->worker;
	enum transactor_result result;
	bool is_member;

	pthread_mutex_lock(&worker->lock);
	is_member = take_membership(lane);
	pthread_mutex_unlock(&worker->lock);
	if (!is_member) {
		err_set(err, 0, "the group has not assigned these partitions to this worker");
		return TRANSACTOR_AGAIN;
	}
	result = begin(lane, err);
	if (result != TRANSACTOR_OK) {
		return result;
	}
	publishing_of(lane)->is_alone = count == 1;
	unit_run_opened(&lane->unit);
	result = count == 1 ? finish_one_work(lane, err) : finish_works(lane, count, err);
	return result ? result : commit_batch(lane, count, err);
}

static void send_back(struct lane *lane, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		lane->unit.works[i].end = UNIT_AGAIN;
	}
}

static void tell(struct lane *lane, enum transactor_result result, const struct err *err)
{
	struct worker *worker = lane->worker;
	uint64_t held_back;

	page_add(&worker->page->commit_errors, 1);
	if (result == TRANSACTOR_LOST) {
		lane->transaction.is_lost = true;
		pthread_mutex_lock(&worker->lock);
		worker->has_lost_transactor = true;
		worker->lost_why = *err;
		pthread_mutex_unlock(&worker->lock);
		worker->wiring->source->wake(worker->source);
		return;
	}
	if (log_every(&lane->transaction.limit, clock_mono_us(), LOG_INTERVAL_US, &held_back)) {
		log_warning("transaction aborted, its records come again",
			LOG_ID(TRANSACTION_ABORTED), LOG_STR("error", err->text),
			LOG_STR("code", err->code), LOG_INT("held_back", (int64_t)held_back));
	}
}

void lane_transact(struct lane *lane, unsigned count)
{
	struct lane_transaction *t = &lane->transaction;
	struct err err = ERR_INIT;
	enum transactor_result result;

	begin_list(t);
	result = transact(lane, count, &err);
	drop_membership(lane);
	unit_stage(&lane->unit, PAGE_STAGE_IDLE, NULL);
	if (result != TRANSACTOR_OK) {
		send_back(lane, count);
		tell(lane, result, &err);
		lane->batch_limit = 1;
		t->backoff_us = t->backoff_us ? 2 * t->backoff_us : BACKOFF_FIRST_US;
		t->backoff_us = t->backoff_us < BACKOFF_MAX_US ? t->backoff_us : BACKOFF_MAX_US;
		return;
	}
	t->backoff_us = 0;
	lane->batch_limit = 2 * lane->batch_limit < lane->worker->batch_max
		? 2 * lane->batch_limit
		: lane->worker->batch_max;
}

static bool are_lanes_stopping(struct worker *worker)
{
	bool is_stopping;

	pthread_mutex_lock(&worker->lock);
	is_stopping = worker->lanes_stop;
	pthread_mutex_unlock(&worker->lock);
	return is_stopping;
}

/* Where our partitions start is not known while a predecessor's offsets are in the open. */
void lane_transaction_start(struct lane *lane)
{
	enum transactor_result result = TRANSACTOR_AGAIN;

	while (result == TRANSACTOR_AGAIN && !are_lanes_stopping(lane->worker)) {
		const struct publishing *publishing = publishing_of(lane);
		struct err err = ERR_INIT;

		result = begin(lane, &err);
		if (result == TRANSACTOR_OK) {
			result = publishing->transactor_ops->abort(publishing->transactor, &err);
		}
		if (result != TRANSACTOR_OK) {
			tell(lane, result, &err);
		}
	}
}

void lane_transaction_back_off(struct lane *lane)
{
	struct worker *worker = lane->worker;

	if (lane->transaction.backoff_us == 0) {
		return;
	}
	pthread_mutex_lock(&worker->lock);
	if (!worker->lanes_stop) {
		lane_wait_us(worker, &worker->lanes_end, lane->transaction.backoff_us);
	}
	pthread_mutex_unlock(&worker->lock);
}

/* ---- offsets alone ---- */

void lane_commit_offsets(struct lane *lane)
{
	struct worker *worker = lane->worker;
	struct err err = ERR_INIT;
	enum transactor_result result;
	bool is_member;

	pthread_mutex_lock(&worker->lock);
	list_due(lane);
	is_member = lane->transaction.count > 0 && take_membership(lane);
	pthread_mutex_unlock(&worker->lock);
	if (!is_member) {
		return;
	}
	result = begin(lane, &err);
	result = result ? result : commit_listed(lane, &err);
	drop_membership(lane);
	if (result != TRANSACTOR_OK) {
		tell(lane, result, &err);
		return;
	}
	pthread_mutex_lock(&worker->lock);
	lane_note_transacted(lane);
	pthread_cond_broadcast(&worker->returned);
	pthread_mutex_unlock(&worker->lock);
}

void lane_note_transacted(struct lane *lane)
{
	struct lane_transaction *t = &lane->transaction;

	for (size_t i = 0; t->is_committed && i < t->count; i++) {
		struct partition *p =
			partition_if_live(lane->worker, t->ids[i].slot, t->ids[i].epoch);

		if (p) {
			/* between the two there are no records: markers, or what was compacted */
			p->transacted = tracker_committable(p->tracker);
		}
	}
	t->is_committed = false;
}

void lane_transaction_fini(struct lane *lane)
{
	free(lane->transaction.commits);
	free(lane->transaction.ids);
	free(lane->transaction.metadata);
}
