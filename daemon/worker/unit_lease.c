/*
 * unit_lease - a batch whose effects no transaction covers
 *
 * For stores that know leases and marks only. All events of the batch are leased in one flight,
 * their handlers are called, and how they ended is marked in another; a batch that takes long
 * renews between two events. A lease lasts longer than the longest call may, so that it never ends
 * during one.
 *
 * Once a handler was called its effect is made: while the store is away, or its answer is lost, the
 * marks are kept and sent again, and the records stay in hand. Only a worker that ends gives them
 * up.
 */
#include "base/clock.h"
#include "base/failpoint.h"
#include "worker/hand.h"
#include "worker/unit_private.h"

static bool is_leased(const struct unit_work *work)
{
	return work->claim_index >= 0 &&
		(work->claim.verdict == CLAIM_NEW || work->claim.verdict == CLAIM_TAKEN_OVER ||
			work->claim.verdict == CLAIM_REPLAYED);
}

static void put_hands_down(struct unit *unit)
{
	for (unsigned i = 0; i < unit->claim_count; i++) {
		hand_put(unit->options.hand, unit->claims[i].key);
	}
	unit->claim_count = 0;
}

/* Anything that fails here is the store's: no statement of a record is in it. */
static void note_failure(struct unit *unit, const struct store_flight *flight)
{
	unit->store_failed = true;
	unit->store_err = flight->err;
}

/* ---- claims ---- */

static bool claim(struct unit *unit, struct unit_range range)
{
	const struct store_ops *store = unit->options.store;
	struct store_flight flight = { 0 };

	unit->now_us = unit->begun_us = clock_mono_us();
	unit->lease_until_us = unit->begun_us + unit->options.lease.lease_us;
	unit_stage(unit, PAGE_STAGE_CLAIM, &unit->works[range.first]);
	store->begin(unit->session);
	unit_queue_claims(unit, range);
	store->commit(unit->session);
	if (store->flush(unit->session, &flight)) {
		note_failure(unit, &flight);
		return false;
	}
	FAILPOINT("after_lease");
	unit_apply_claims(unit, range);
	for (unsigned i = range.first; i < range.end; i++) {
		const struct unit_work *work = &unit->works[i];
		unit->taken_over +=
			work->claim_index >= 0 && work->claim.verdict == CLAIM_TAKEN_OVER;
	}
	return true;
}

/* ---- renewals ---- */

static void renew(struct unit *unit)
{
	const struct store_ops *store = unit->options.store;
	struct store_claim *claims = arena_alloc(&unit->arena, unit->claim_count * sizeof(*claims));
	struct unit_work **works = arena_alloc(&unit->arena, unit->claim_count * sizeof(*works));
	struct store_flight flight = { 0 };
	int64_t now_us = clock_mono_us();
	size_t count = 0;

	for (unsigned i = 0; i < unit->claim_count; i++) {
		struct unit_work *work = &unit->works[unit->claim_owner[i]];
		if (is_leased(work)) {
			works[count] = work;
			claims[count++] = work->claim;
		}
	}
	store->begin(unit->session);
	store->end_leases(unit->session, &unit->options.lease, STORE_LEASE_RENEWED, claims, count);
	store->commit(unit->session);
	if (store->flush(unit->session, &flight)) {
		note_failure(unit, &flight);
		return;
	}
	unit->lease_until_us = now_us + unit->options.lease.lease_us;
	for (size_t i = 0; i < count; i++) {
		works[i]->is_lost = !claims[i].is_mine;
	}
}

bool unit_may_call(struct unit *unit, const struct unit_work *work)
{
	if (!unit->options.is_leased || !is_leased(work)) {
		return true;
	}
	if (unit->now_us + unit->options.call_us > unit->lease_until_us && !unit->store_failed) {
		renew(unit);
		unit->now_us = clock_mono_us();
	}
	return !unit->store_failed && !work->is_lost;
}

/* ---- marks ---- */

enum { ENDS = STORE_LEASE_RENEWED };

struct unit_marks {
	struct store_claim *claims[ENDS];
	struct unit_work **works[ENDS];
	size_t counts[ENDS];
	bool is_uncertain; /* an answer was lost: they may be made already */
};

static enum store_lease_end end_of(const struct unit_work *work)
{
	bool is_through = work->fate == UNIT_DONE || work->fate == UNIT_SKIPPED;

	if (work->fate == UNIT_DEAD) {
		return STORE_LEASE_DLQ;
	}
	return is_through && !work->is_forgotten ? STORE_LEASE_DONE : STORE_LEASE_RELEASED;
}

static void add_mark(struct unit *unit, enum store_lease_end end, struct unit_work *work)
{
	struct unit_marks *marks = unit->marks;
	size_t i = marks->counts[end]++;

	if (i == 0) {
		marks->claims[end] =
			arena_alloc(&unit->arena, unit->count * sizeof(struct store_claim));
		marks->works[end] =
			arena_alloc(&unit->arena, unit->count * sizeof(struct unit_work *));
	}
	marks->works[end][i] = work;
	marks->claims[end][i] = work->claim;
	if (end == STORE_LEASE_DLQ) {
		marks->claims[end][i].decision = unit_write_decision(unit, work);
	}
}

static void make_marks(struct unit *unit)
{
	unit->marks = arena_alloc(&unit->arena, sizeof(*unit->marks));
	*unit->marks = (struct unit_marks){ .is_uncertain = false };
	for (unsigned i = 0; i < unit->claim_count; i++) {
		struct unit_work *work = &unit->works[unit->claim_owner[i]];
		if (is_leased(work)) {
			add_mark(unit, end_of(work), work);
		}
	}
}

static void queue_marks(struct unit *unit)
{
	const struct store_ops *store = unit->options.store;
	struct unit_marks *marks = unit->marks;

	store->begin(unit->session);
	for (unsigned i = 0; i < unit->count; i++) {
		unit_queue_attempts(unit, &unit->works[i]);
	}
	for (int end = ENDS - 1; end >= 0; end--) {
		if (marks->counts[end]) {
			store->end_leases(unit->session, &unit->options.lease,
				(enum store_lease_end)end, marks->claims[end], marks->counts[end]);
		}
	}
	store->commit(unit->session);
}

static void apply_marks(struct unit *unit)
{
	const struct unit_marks *marks = unit->marks;

	for (int end = 0; end < ENDS; end++) {
		for (size_t i = 0; i < marks->counts[end]; i++) {
			const struct store_claim *claim = &marks->claims[end][i];
			struct unit_work *work = marks->works[end][i];
			bool is_lost = !claim->is_mine && !marks->is_uncertain;

			unit->forgotten += claim->was_forgotten;
			if (end == STORE_LEASE_DONE) {
				work->is_lost = is_lost;
				unit->lost += is_lost;
			} else if (end == STORE_LEASE_DLQ && !claim->is_mine) {
				/* decided by somebody, perhaps by us: the next claim tells */
				work->fate = UNIT_AGAIN;
			}
		}
	}
}

static void finish(struct unit *unit)
{
	struct unit_range all = { 0, unit->count };

	unit->marks = NULL;
	put_hands_down(unit);
	unit_cut(unit, all);
	unit_settle_fates(unit, all);
}

bool unit_mark(struct unit *unit)
{
	struct store_flight flight = { 0 };
	int64_t started_us = clock_mono_us();

	unit_stage(unit, PAGE_STAGE_EFFECTS, NULL);
	queue_marks(unit);
	FAILPOINT("before_mark");
	if (unit->options.store->flush(unit->session, &flight)) {
		unit->marks->is_uncertain |= flight.op == STORE_OP_COMMIT;
		note_failure(unit, &flight);
		return false;
	}
	FAILPOINT("after_mark");
	unit->store_failed = false;
	if (unit->options.page) {
		page_histogram_add(
			&unit->options.page->commit_seconds, clock_mono_us() - started_us);
	}
	apply_marks(unit);
	finish(unit);
	return true;
}

static void send_all_back(struct unit *unit)
{
	for (unsigned i = 0; i < unit->count; i++) {
		unit->works[i].fate = unit->works[i].end = UNIT_AGAIN;
		unit_stop_clock(&unit->works[i]);
	}
}

void unit_give_up_marks(struct unit *unit)
{
	unit->marks = NULL;
	put_hands_down(unit);
	send_all_back(unit);
}

/* ---- the batch ---- */

void unit_run_leased(struct unit *unit)
{
	struct unit_range all = { 0, unit->count };

	if (!unit_begin_try(unit, all)) {
		unit_settle_fates(unit, all); /* all are held: the store need not know */
		return;
	}
	if (!claim(unit, all)) {
		put_hands_down(unit);
		send_all_back(unit);
		return;
	}
	FAILPOINT("before_effect");
	unit_call_handlers(unit, all);
	FAILPOINT("after_effect");
	make_marks(unit);
	unit_mark(unit);
}
