/*
 * sched - which records a lane works next
 *
 * A strand is in exactly one state, and only strand_settle_state() decides which: given out before parked before
 * held before ready. What ends one reason to wait just asks again.
 */
#include "core/sched.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "core/sched_strand.h"

/* An epoch that ended while lanes still held items of it. */
struct dead_epoch {
	uint32_t epoch;
	unsigned given_out;
};

struct sched_slot {
	bool is_live, was_used;
	uint32_t epoch; /* the live or the last one */
	unsigned given_out; /* of the live epoch */
	int64_t last_offset; /* put last in the live epoch */
	struct sched_strand *strands;
	struct dead_epoch *dead;
	size_t dead_count, dead_capacity;
};

struct sched {
	enum sched_order order;
	struct sched_limits limits;
	struct sched_slot *slots;
	size_t slot_count;
	struct strand_table table;
	struct strand_queue ready;
	struct strand_heap parked;
	bool is_paused;
	uint64_t queued, given_out, bytes;
	uint64_t strands_in[STRAND_STATES],
		records_in[STRAND_STATES]; /* queued records by their strand's state */
};

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
	strand_heap_fini(&sched->parked);
	strand_table_fini(&sched->table);
	free(sched);
}

bool sched_has_room(const struct sched *sched)
{
	uint64_t in_flight = sched->queued + sched->given_out;
	return in_flight == 0 ||
		(in_flight < sched->limits.in_flight_max &&
			sched->bytes < sched->limits.in_flight_bytes);
}

/* ---- strands ---- */

static uint64_t sched_key(const struct sched *sched, uint64_t key_hash, int64_t offset)
{
	switch (sched->order) {
	case SCHED_ORDER_KEY:
		return key_hash;
	case SCHED_ORDER_NONE:
		return (uint64_t)offset;
	case SCHED_ORDER_PARTITION:
		break;
	}
	return 0;
}

static struct sched_strand *sched_strand_get(struct sched *sched, uint32_t slot_index, uint64_t key)
{
	bool is_new;
	struct sched_strand *strand = strand_table_get(&sched->table, slot_index, key, &is_new);
	if (is_new) {
		struct sched_slot *slot = &sched->slots[slot_index];
		strand->slot_next = slot->strands;
		if (slot->strands) {
			slot->strands->slot_prev = strand;
		}
		slot->strands = strand;
		sched->strands_in[STRAND_IDLE]++;
	}
	return strand;
}

static void sched_strand_forget(struct sched *sched, struct sched_strand *strand)
{
	struct sched_strand *next = strand->slot_next, *prev = strand->slot_prev;
	*(prev ? &prev->slot_next : &sched->slots[strand->slot].strands) = next;
	if (next) {
		next->slot_prev = prev;
	}
	sched->strands_in[STRAND_IDLE]--;
	strand_table_remove(&sched->table, strand);
}

/* Leave and enter keep queues and statistics; the caller decides. */
static void sched_strand_leave_state(struct sched *sched, struct sched_strand *strand)
{
	sched->strands_in[strand->state]--;
	sched->records_in[strand->state] -= strand->count;
	if (strand->state == STRAND_READY) {
		strand_queue_remove(&sched->ready, strand);
	} else if (strand->state == STRAND_PARKED) {
		strand_heap_remove(&sched->parked, strand);
	}
}

static void sched_strand_enter_state(
	struct sched *sched, struct sched_strand *strand, enum strand_state state)
{
	strand->state = state;
	sched->strands_in[state]++;
	sched->records_in[state] += strand->count;
	if (state == STRAND_READY) {
		strand_queue_push(&sched->ready, strand);
	} else if (state == STRAND_PARKED) {
		strand_heap_push(&sched->parked, strand);
	}
}

/* A strand that left its state goes where it belongs now; with nothing in it and nothing to wait for it is gone. */
static void sched_strand_settle_state(
	struct sched *sched, struct sched_strand *strand, bool is_parked)
{
	enum strand_state state = strand->given_out > 0 ? STRAND_GIVEN_OUT
		: is_parked                             ? STRAND_PARKED
		: strand->holds > 0 || strand->is_held  ? STRAND_HELD
		: strand->count > 0                     ? STRAND_READY
							: STRAND_IDLE;
	sched_strand_enter_state(sched, strand, state);
	if (state == STRAND_IDLE) {
		sched_strand_forget(sched, strand);
	}
}

/* ---- epochs ---- */

static struct sched_slot *sched_slot(const struct sched *sched, uint32_t slot)
{
	return slot < sched->slot_count ? &sched->slots[slot] : NULL;
}

static bool sched_slot_has_live(const struct sched_slot *slot, uint32_t epoch)
{
	return slot && slot->is_live && slot->epoch == epoch;
}

static struct dead_epoch *sched_find_dead(const struct sched_slot *slot, uint32_t epoch)
{
	for (size_t i = 0; i < slot->dead_count; i++) {
		if (slot->dead[i].epoch == epoch) {
			return &slot->dead[i];
		}
	}
	return NULL;
}

void sched_epoch_begin(struct sched *sched, uint32_t slot_index, uint32_t epoch)
{
	if (slot_index >= sched->slot_count) {
		size_t count = (size_t)slot_index + 1;
		sched->slots = xrealloc(sched->slots, count * sizeof(*sched->slots));
		memset(sched->slots + sched->slot_count, 0,
			(count - sched->slot_count) * sizeof(*sched->slots));
		sched->slot_count = count;
	}
	struct sched_slot *slot = &sched->slots[slot_index];
	assert(!slot->is_live && (!slot->was_used || epoch > slot->epoch));
	slot->is_live = slot->was_used = true;
	slot->epoch = epoch;
	slot->given_out = 0;
	slot->last_offset = -1;
}

/* Take the queued items out of a strand, and its reasons to wait, which were the epoch's. */
static struct sched_item *sched_strand_empty(
	struct sched *sched, struct sched_strand *strand, struct sched_item *list)
{
	sched_strand_leave_state(sched, strand);
	for (struct sched_item *item = strand->head; item; item = item->next) {
		sched->bytes -= item->bytes;
		item->strand = NULL;
	}
	if (strand->head) {
		strand->tail->next = list;
		list = strand->head;
	}
	sched->queued -= strand->count;
	strand->head = strand->tail = NULL;
	strand->count = strand->holds = 0;
	strand->is_held = false;
	sched_strand_settle_state(sched, strand, false);
	return list;
}

struct sched_item *sched_epoch_end(struct sched *sched, uint32_t slot_index, uint32_t epoch)
{
	struct sched_slot *slot = sched_slot(sched, slot_index);
	if (!sched_slot_has_live(slot, epoch)) {
		return NULL;
	}
	slot->is_live = false;
	if (slot->given_out > 0) {
		ARRAY_GROW(slot->dead, slot->dead_count, slot->dead_capacity);
		slot->dead[slot->dead_count++] = (struct dead_epoch){ epoch, slot->given_out };
	}
	struct sched_item *list = NULL;
	for (struct sched_strand *strand = slot->strands; strand;) {
		struct sched_strand *next = strand->slot_next;
		list = sched_strand_empty(sched, strand, list);
		strand = next;
	}
	return list;
}

unsigned sched_epoch_given_out(const struct sched *sched, uint32_t slot_index, uint32_t epoch)
{
	const struct sched_slot *slot = sched_slot(sched, slot_index);
	if (!slot) {
		return 0;
	}
	if (sched_slot_has_live(slot, epoch)) {
		return slot->given_out;
	}
	const struct dead_epoch *dead = sched_find_dead(slot, epoch);
	return dead ? dead->given_out : 0;
}

/* `count` items of an epoch came back. */
static void sched_slot_returned(struct sched_slot *slot, uint32_t epoch, unsigned count)
{
	if (sched_slot_has_live(slot, epoch)) {
		slot->given_out -= count;
		return;
	}
	struct dead_epoch *dead = sched_find_dead(slot, epoch);
	assert(dead && dead->given_out >= count);
	dead->given_out -= count;
	if (dead->given_out == 0) {
		*dead = slot->dead[--slot->dead_count];
	}
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

unsigned sched_take(struct sched *sched, struct sched_item **items, unsigned max)
{
	unsigned taken = 0;
	max = max < sched->limits.batch_max ? max : sched->limits.batch_max;
	while (taken < max && sched_is_ready(sched)) {
		struct sched_strand *strand = sched->ready.head;
		unsigned count = strand->count < max - taken ? strand->count : max - taken;
		sched_strand_give_out(sched, strand, items + taken, count);
		taken += count;
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
	unsigned woken = 0;
	while (sched->parked.count > 0 && sched->parked.strands[0]->due_us <= now_us) {
		struct sched_strand *strand = sched->parked.strands[0];
		sched_strand_leave_state(sched, strand);
		sched_strand_settle_state(sched, strand, false);
		woken += strand->state == STRAND_READY;
	}
	return woken;
}

int64_t sched_next_due_us(const struct sched *sched)
{
	return sched->parked.count > 0 ? sched->parked.strands[0]->due_us : INT64_MAX;
}

bool sched_is_ready(const struct sched *sched)
{
	return sched->ready.head && !sched->is_paused;
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

void sched_release_all(struct sched *sched)
{
	for (size_t i = 0; i < sched->slot_count && sched->strands_in[STRAND_HELD] > 0; i++) {
		for (struct sched_strand *strand = sched->slots[i].strands; strand;) {
			struct sched_strand *next = strand->slot_next;
			strand->is_held = false;
			if (strand->state == STRAND_HELD) {
				sched_strand_leave_state(sched, strand);
				sched_strand_settle_state(sched, strand, false);
			}
			strand = next;
		}
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
