/*
 * sched - which records a lane works next
 *
 * Records come in and go out here; every wait of a strand begins and ends here.
 */
#include "core/sched.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "core/sched_private.h"

struct sched *sched_new(enum sched_order order, const struct sched_limits *limits)
{
	struct sched *sched = NEW(struct sched);
	sched->order = order;
	sched->limits = *limits;
	strand_table_init(&sched->table);
	return sched;
}

void sched_free(struct sched *sched)
{
	if (!sched) {
		return;
	}
	for (size_t i = 0; i < sched->slot_count; i++) {
		free(sched->slots[i].dead);
	}
	free(sched->slots);
	pace_keys_fini(&sched->marks);
	strand_heap_fini(&sched->parked);
	strand_table_fini(&sched->table);
	free(sched);
}

void sched_limit(struct sched *sched, const struct pace *all, const struct pace *each)
{
	sched->pace_all = *all;
	if (sched->order == SCHED_ORDER_KEY) {
		sched->pace_each = *each;
	}
}

bool sched_has_room(const struct sched *sched)
{
	uint64_t in_flight = sched->queued + sched->given_out;
	return in_flight == 0 ||
		(in_flight < sched->limits.in_flight_max &&
			sched->bytes < sched->limits.in_flight_bytes);
}

/* ---- in and out ---- */

void sched_put(struct sched *sched, struct sched_item *item)
{
	struct sched_slot *slot = sched_slot(sched, item->slot);
	assert(sched_slot_has_live(slot, item->epoch) && item->offset > slot->last_offset);
	slot->last_offset = item->offset;
	struct sched_strand *strand =
		sched_strand_get(sched, item->slot, sched_key(sched, item->key_hash, item->offset));
	item->strand = strand;
	item->next = NULL;
	if (strand->tail) {
		strand->tail->next = item;
	} else {
		strand->head = item;
	}
	strand->tail = item;
	strand->count++;
	sched->records_in[strand->state]++;
	sched->queued++;
	sched->bytes += item->bytes;
	sched->has_alone |= item->is_alone;
	if (strand->state == STRAND_IDLE) {
		sched_strand_leave_state(sched, strand);
		sched_strand_settle_state(sched, strand, false);
	}
}

/* The first `count` items of a ready strand leave its queue for a lane. */
static void sched_strand_give_out(
	struct sched *sched, struct sched_strand *strand, struct sched_item **items, unsigned count)
{
	sched_strand_leave_state(sched, strand);
	struct sched_item *item = strand->head;
	for (unsigned i = 0; i < count; i++) {
		items[i] = item;
		item = item->next;
	}
	strand->head = item;
	if (!item) {
		strand->tail = NULL;
	}
	strand->count -= count;
	strand->given_out = count;
	sched_strand_enter_state(sched, strand, STRAND_GIVEN_OUT);
	sched->slots[strand->slot].given_out += count;
	sched->queued -= count;
	sched->given_out += count;
}

/* How many of its first items may join a batch of `taken`, up to `room`. */
static unsigned sched_run_length(
	const struct sched *sched, const struct sched_strand *strand, unsigned taken, unsigned room)
{
	unsigned length = 0;
	if (!sched->has_alone) {
		return strand->count < room ? strand->count : room;
	}
	if (strand->head->is_alone) {
		return taken == 0;
	}
	for (const struct sched_item *item = strand->head; item && !item->is_alone && length < room;
		item = item->next) {
		length++;
	}
	return length;
}

/* Of a ready strand's run of `count` as many as its key may have now; with none it parks. */
static unsigned sched_within_pace(struct sched *sched, struct sched_strand *strand, unsigned count)
{
	uint64_t key = strand->key ^ (uint64_t)strand->slot << 40;
	pace_mark_ns *mark;
	unsigned most;

	if (!pace_is_limited(&sched->pace_each)) {
		return count;
	}
	mark = pace_keys_get(&sched->marks, key, sched->now_us);
	most = pace_allows(&sched->pace_each, *mark, sched->now_us);
	if (most == 0) {
		sched_strand_leave_state(sched, strand);
		strand->due_us = pace_due_us(&sched->pace_each, *mark);
		sched_strand_settle_state(sched, strand, true);
		return 0;
	}
	count = count < most ? count : most;
	*mark = pace_spend(&sched->pace_each, *mark, sched->now_us, count);
	return count;
}

static unsigned sched_most(const struct sched *sched, unsigned max)
{
	unsigned most = pace_allows(&sched->pace_all, sched->mark, sched->now_us);

	max = max < sched->limits.batch_max ? max : sched->limits.batch_max;
	return max < most ? max : most;
}

unsigned sched_take(struct sched *sched, struct sched_item **items, unsigned max)
{
	unsigned taken = 0;
	max = sched_most(sched, max);
	while (taken < max && sched_is_ready(sched)) {
		struct sched_strand *strand = sched->ready.head;
		bool is_alone = strand->head->is_alone;
		unsigned count = sched_run_length(sched, strand, taken, max - taken);
		if (count == 0) {
			break;
		}
		count = sched_within_pace(sched, strand, count);
		if (count == 0) {
			continue;
		}
		sched_strand_give_out(sched, strand, items + taken, count);
		taken += count;
		if (is_alone) {
			break;
		}
	}
	if (pace_is_limited(&sched->pace_all)) {
		sched->mark = pace_spend(&sched->pace_all, sched->mark, sched->now_us, taken);
	}
	return taken;
}

/* What became of one strand's run of a batch. */
struct strand_return {
	struct sched_item *head, *tail; /* unsettled, in order */
	unsigned count;
	const struct sched_return *ruling; /* the first that is not settled, NULL when all are */
};

static struct strand_return sched_collect(
	struct sched *sched, const struct sched_return *returns, unsigned count)
{
	struct strand_return back = { 0 };
	for (unsigned i = 0; i < count; i++) {
		struct sched_item *item = returns[i].item;
		item->next = NULL;
		if (returns[i].verdict == SCHED_SETTLED) {
			sched->bytes -= item->bytes;
			item->strand = NULL;
			continue;
		}
		if (!back.ruling) {
			back.ruling = &returns[i];
			back.head = item;
		} else {
			back.tail->next = item;
		}
		back.tail = item;
		back.count++;
	}
	return back;
}

/* Unsettled items go back before what came to the queue meanwhile. */
static void sched_strand_prepend(
	struct sched *sched, struct sched_strand *strand, const struct strand_return *back)
{
	back->tail->next = strand->head;
	strand->head = back->head;
	if (!strand->tail) {
		strand->tail = back->tail;
	}
	strand->count += back->count;
	sched->queued += back->count;
}

/* Unsettled items of a dead epoch are the caller's. */
static void sched_return_dead(
	struct sched *sched, const struct strand_return *back, struct sched_item **ret_dead)
{
	for (struct sched_item *item = back->head; item; item = item->next) {
		sched->bytes -= item->bytes;
		item->strand = NULL;
	}
	back->tail->next = *ret_dead;
	*ret_dead = back->head;
}

static void sched_give_back_run(struct sched *sched, const struct sched_return *returns,
	unsigned count, struct sched_item **ret_dead)
{
	struct sched_strand *strand = returns[0].item->strand;
	uint32_t epoch = returns[0].item->epoch;
	struct sched_slot *slot = &sched->slots[strand->slot];
	assert(strand->given_out == count);
	sched_strand_leave_state(sched, strand);
	strand->given_out = 0;
	sched->given_out -= count;
	sched_slot_returned(slot, epoch, count);

	struct strand_return back = sched_collect(sched, returns, count);
	bool is_parked = false;
	if (back.ruling && sched_slot_has_live(slot, epoch)) {
		sched_strand_prepend(sched, strand, &back);
		is_parked = back.ruling->verdict == SCHED_PARK;
		strand->due_us = back.ruling->due_us;
		strand->is_held = strand->is_held || back.ruling->verdict == SCHED_HOLD;
	} else if (back.ruling) {
		sched_return_dead(sched, &back, ret_dead);
	}
	sched_strand_settle_state(sched, strand, is_parked);
}

void sched_give_back(struct sched *sched, const struct sched_return *returns, unsigned count,
	struct sched_item **ret_dead)
{
	*ret_dead = NULL;
	for (unsigned at = 0; at < count;) {
		const struct sched_strand *strand = returns[at].item->strand;
		unsigned run = 1;
		while (at + run < count && returns[at + run].item->strand == strand) {
			run++;
		}
		sched_give_back_run(sched, returns + at, run, ret_dead);
		at += run;
	}
}

/* ---- waiting ---- */

unsigned sched_tick(struct sched *sched, int64_t now_us)
{
	bool was_ready = sched_is_ready(sched);
	unsigned woken = 0;
	if (now_us != INT64_MAX) {
		sched->now_us = now_us;
	}
	while (sched->parked.count > 0 && sched->parked.strands[0]->due_us <= now_us) {
		struct sched_strand *strand = sched->parked.strands[0];
		sched_strand_leave_state(sched, strand);
		sched_strand_settle_state(sched, strand, false);
		woken += strand->state == STRAND_READY;
	}
	/* a limit lets through again what was ready */
	return woken + (!was_ready && sched_is_ready(sched) && woken == 0);
}

int64_t sched_next_due_us(const struct sched *sched)
{
	int64_t due_us = sched->parked.count > 0 ? sched->parked.strands[0]->due_us : INT64_MAX;
	int64_t pace_us = INT64_MAX;
	if (sched->ready.head && !sched->is_paused && !sched_is_ready(sched)) {
		pace_us = pace_due_us(&sched->pace_all, sched->mark);
	}
	return due_us < pace_us ? due_us : pace_us;
}

bool sched_is_ready(const struct sched *sched)
{
	return sched->ready.head && !sched->is_paused &&
		(!pace_is_limited(&sched->pace_all) ||
			pace_allows(&sched->pace_all, sched->mark, sched->now_us) > 0);
}

void sched_hold(struct sched *sched, uint32_t slot_index, uint32_t epoch, uint64_t key_hash)
{
	/* With no order there is no strand left to hold once its only record is gone. */
	if (sched->order == SCHED_ORDER_NONE ||
		!sched_slot_has_live(sched_slot(sched, slot_index), epoch)) {
		return;
	}
	struct sched_strand *strand =
		sched_strand_get(sched, slot_index, sched_key(sched, key_hash, 0));
	assert(strand->holds < UINT16_MAX);
	strand->holds++;
	if (strand->state == STRAND_READY || strand->state == STRAND_IDLE) {
		sched_strand_leave_state(sched, strand);
		sched_strand_settle_state(sched, strand, false);
	}
}

void sched_release(struct sched *sched, uint32_t slot_index, uint32_t epoch, uint64_t key_hash)
{
	if (sched->order == SCHED_ORDER_NONE ||
		!sched_slot_has_live(sched_slot(sched, slot_index), epoch)) {
		return;
	}
	struct sched_strand *strand =
		strand_table_find(&sched->table, slot_index, sched_key(sched, key_hash, 0));
	if (!strand) {
		return;
	}
	if (strand->holds > 0) {
		strand->holds--;
	} else {
		strand->is_held = false;
	}
	if (strand->state == STRAND_HELD) {
		sched_strand_leave_state(sched, strand);
		sched_strand_settle_state(sched, strand, false);
	}
}

static void sched_strand_release(struct sched_strand *strand, void *context)
{
	strand->is_held = false;
	if (strand->state == STRAND_HELD) {
		sched_strand_leave_state(context, strand);
		sched_strand_settle_state(context, strand, false);
	}
}

void sched_release_all(struct sched *sched)
{
	if (sched->strands_in[STRAND_HELD] > 0) {
		strand_table_each(&sched->table, sched_strand_release, sched);
	}
}

struct slot_visit {
	struct sched *sched;
	int64_t slot;
	int64_t offset;
	unsigned woken;
	struct sched_item *found;
};

static void sched_strand_retry(struct sched_strand *strand, void *context)
{
	struct slot_visit *visit = context;
	if ((visit->slot != SCHED_ALL_SLOTS && visit->slot != strand->slot) ||
		(strand->state != STRAND_PARKED && strand->state != STRAND_HELD)) {
		return;
	}
	sched_strand_leave_state(visit->sched, strand);
	strand->is_held = false;
	bool has_any = strand->count > 0;
	sched_strand_settle_state(visit->sched, strand, false);
	visit->woken += has_any && strand->state == STRAND_READY;
}

unsigned sched_retry(struct sched *sched, int64_t slot)
{
	struct slot_visit visit = { .sched = sched, .slot = slot };
	strand_table_each(&sched->table, sched_strand_retry, &visit);
	return visit.woken;
}

static void sched_strand_find(struct sched_strand *strand, void *context)
{
	struct slot_visit *visit = context;
	for (struct sched_item *item = strand->slot == visit->slot ? strand->head : NULL; item;
		item = item->next) {
		if (item->offset == visit->offset) {
			visit->found = item;
		}
	}
}

struct sched_item *sched_find(struct sched *sched, uint32_t slot, int64_t offset)
{
	struct slot_visit visit = { .slot = slot, .offset = offset };
	strand_table_each(&sched->table, sched_strand_find, &visit);
	return visit.found;
}

static void sched_strand_pause(struct sched_strand *strand, void *context)
{
	struct slot_visit *visit = context;
	if (visit->slot == strand->slot &&
		(strand->state == STRAND_READY || strand->state == STRAND_HELD)) {
		sched_strand_leave_state(visit->sched, strand);
		sched_strand_settle_state(visit->sched, strand, false);
	}
}

void sched_pause_slot(struct sched *sched, uint32_t slot_index, bool is_paused)
{
	struct sched_slot *slot = sched_slot(sched, slot_index);
	struct slot_visit visit = { .sched = sched, .slot = slot_index };
	if (slot && slot->is_paused != is_paused) {
		slot->is_paused = is_paused;
		strand_table_each(&sched->table, sched_strand_pause, &visit);
	}
}

void sched_pause_all(struct sched *sched, bool is_paused)
{
	sched->is_paused = is_paused;
}

void sched_get_stats(const struct sched *sched, struct sched_stats *ret)
{
	*ret = (struct sched_stats){
		.in_flight = sched->queued + sched->given_out,
		.in_flight_bytes = sched->bytes,
		.queued = sched->queued,
		.given_out = sched->given_out,
		.parked_strands = sched->strands_in[STRAND_PARKED],
		.held_strands = sched->strands_in[STRAND_HELD],
		.parked_records = sched->records_in[STRAND_PARKED],
		.held_records = sched->records_in[STRAND_HELD],
	};
}
