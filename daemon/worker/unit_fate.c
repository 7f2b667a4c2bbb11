/*
 * unit_fate - whose fault, how often, and what follows for the strand
 */
#include <stdio.h>

#include "base/clock.h"
#include "worker/unit_private.h"

uint64_t unit_random(struct unit *unit)
{
	uint64_t x = unit->random ? unit->random : 1;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return unit->random = x;
}

/* ---- what stands behind ---- */

static bool is_unfinished(const struct unit_work *work)
{
	return unit_is_cutting(work->end == UNIT_OPEN ? work->fate : work->end);
}

bool unit_is_cut(const struct unit *unit, unsigned i)
{
	const struct unit_work *work = &unit->works[i];
	const struct unit_work *before = i > 0 ? work - 1 : NULL;

	if (before && before->record->item.strand == work->record->item.strand &&
		is_unfinished(before)) {
		return true;
	}
	return work->leader >= 0 && is_unfinished(&unit->works[work->leader]);
}

void unit_cut(struct unit *unit, struct unit_range range)
{
	for (unsigned i = range.first; i < range.end; i++) {
		if (!unit_is_cutting(unit->works[i].fate) && unit_is_cut(unit, i)) {
			unit->works[i].fate = UNIT_AGAIN;
		}
	}
}

/* ---- failures ---- */

static void explain(struct unit *unit, struct unit_work *work, const char *code, const char *text)
{
	if (work->code != code) {
		snprintf(work->code, sizeof(work->code), "%s", code ? code : "");
	}
	if (work->text != text) {
		work->text = arena_printf(&unit->arena, "%s", text ? text : "");
	}
}

static void count_attempt(struct unit_work *work)
{
	const struct record *record = work->record;
	int64_t now_ms = clock_wall_ms();

	work->attempts = unit_outage_charged(work) + 1;
	work->first_failure_ms = record->attempts ? record->first_failure_ms : now_ms;
	work->last_failure_ms = now_ms;
}

void unit_hold(struct unit *unit, struct unit_work *work, const char *code, const char *text,
	int64_t delay_us)
{
	explain(unit, work, code, text);
	work->due_us = clock_mono_us() + delay_us;
	work->fate = UNIT_HELD;
}

void unit_hold_busy(struct unit *unit, struct unit_work *work)
{
	int64_t delay_us = work->claim.busy_us;

	unit_hold(unit, work, "", "another owner is at work on this event id",
		delay_us < UNIT_BUSY_US ? delay_us : UNIT_BUSY_US);
}

/* Between lanes: it ends soon, and who has it says what there is to say. */
#define BUSY_HERE_US ((int64_t)20 * 1000)

void unit_hold_here(struct unit *unit, struct unit_work *work)
{
	unit_hold(unit, work, "", "the same event is in hand in another lane", BUSY_HERE_US);
	work->is_held_with_others = true;
}

void unit_condemn(struct unit *unit, struct unit_work *work, enum page_reason reason,
	const char *code, const char *text)
{
	if (!unit->options.has_dlq) {
		work->record->has_collided = false; /* unless the row is gone meanwhile */
		unit_hold(unit, work, code, text, UNIT_HOLD_US);
		return;
	}
	explain(unit, work, code, text);
	work->text = arena_printf(
		&unit->arena, "%.*s", (int)decision_text_length(work->text), work->text);
	work->reason = reason;
	work->fate = UNIT_DEAD;
	count_attempt(work);
}

void unit_collide(struct unit_work *work)
{
	work->record->has_collided = true;
	work->fate = UNIT_AGAIN;
}

void unit_condemn_again(struct unit *unit, struct unit_work *work)
{
	struct decision decision;

	if (!decision_read(work->claim.decision, &unit->arena, &decision)) {
		unit_condemn(unit, work, work->must_die ? work->reason : PAGE_REJECTED, work->code,
			work->must_die ? work->text : "decided before; why was not kept");
		return;
	}
	unit_condemn(unit, work, decision.reason, decision.code, decision.text);
	work->attempts = decision.attempts;
	work->first_failure_ms = decision.first_failure_ms;
	work->last_failure_ms = decision.last_failure_ms;
}

/* Since the first failure, without the time in holds. */
static int64_t elapsed_us(const struct record *record, int64_t now_us)
{
	return record->elapsed_us +
		(record->attempts && record->last_failure_us ? now_us - record->last_failure_us
							     : 0);
}

/* Another record of its handler succeeded since it failed first. */
static bool has_witness(const struct unit_work *work)
{
	const struct record *record = work->record;

	return record->attempts && work->handler &&
		work->handler->last_success_us > record->first_failure_us;
}

/* Charge an attempt: on to the next retry topic, or the end. */
static void defer(struct unit *unit, struct unit_work *work, const char *code, const char *text,
	int64_t retry_after_ms)
{
	const struct tier_policy *tiers = &unit->options.roster->tiers;
	struct tier_state state = { .attempts = unit_outage_charged(work) + 1,
		.retry_after_us = retry_after_ms * 1000,
		/* with nowhere to go it stays on its way */
		.has_witness = unit->options.has_dlq && has_witness(work) };
	int tier = tier_next(tiers, &state);

	if (tier < 0 && unit->options.has_dlq) {
		unit_condemn(unit, work, PAGE_EXHAUSTED, code, text);
		return;
	}
	explain(unit, work, code, text);
	work->tier = tier < 0 ? (int)tiers->count - 1 : tier;
	work->due_us = clock_mono_us() + tiers->delays_us[work->tier];
	work->fate = UNIT_DEFERRED;
	count_attempt(work);
}

/* Charge an attempt: park until the policy's delay, or the end. */
static void charge(struct unit *unit, struct unit_work *work, const char *code, const char *text,
	int64_t retry_after_ms)
{
	const struct record *record = work->record;
	struct retry_policy policy = unit->options.roster->retry;
	int64_t now_us = clock_mono_us(), delay_us;
	struct retry_state state = { .attempts = unit_outage_charged(work) + 1,
		.elapsed_us = elapsed_us(record, now_us),
		.retry_after_us = retry_after_ms * 1000,
		.has_witness = has_witness(work),
		.is_first_after_hold = record->is_after_hold };

	if (!unit->options.has_dlq) {
		/* nowhere to go: for ever */
		state.has_witness = false;
		policy.deadline_us = 0;
	}
	delay_us = retry_next_delay(&policy, &state, unit_random(unit));
	if (delay_us < 0) {
		unit_condemn(unit, work, PAGE_EXHAUSTED, code, text);
		return;
	}
	explain(unit, work, code, text);
	work->due_us = now_us + delay_us;
	work->fate = UNIT_RETRY;
	count_attempt(work);
}

void unit_blame(struct unit *unit, struct unit_work *work, enum verdict verdict, const char *code,
	const char *text, int64_t retry_after_ms)
{
	bool is_unavailable = verdict == VERDICT_UNAVAILABLE;

	if (verdict == VERDICT_REJECT) {
		unit_condemn(unit, work, PAGE_REJECTED, code, text);
	} else if (unit_outage_failed(unit, work, is_unavailable, code, text) || is_unavailable) {
		unit_hold(unit, work, code, text, UNIT_HOLD_US);
	} else if (unit->options.roster->tiers.count) {
		defer(unit, work, code, text, retry_after_ms);
	} else {
		charge(unit, work, code, text, retry_after_ms);
	}
}

/* ---- ends ---- */

static void remember_failure(const struct unit_work *work, int64_t now_us)
{
	struct record *record = work->record;

	record->elapsed_us = elapsed_us(record, now_us);
	if (record->attempts == 0) {
		record->first_failure_us = now_us;
	}
	record->attempts = work->attempts;
	record->first_failure_ms = work->first_failure_ms;
	record->last_failure_ms = work->last_failure_ms;
	record->last_failure_us = now_us;
	record->is_after_hold = false;
}

void unit_stop_clock(struct unit_work *work)
{
	struct record *record = work->record;

	record->attempts = unit_outage_charged(work);
	record->elapsed_us = elapsed_us(record, clock_mono_us());
	record->last_failure_us = 0;
	record->is_after_hold = true;
}

void unit_settle_fates(struct unit *unit, struct unit_range range)
{
	int64_t now_us = clock_mono_us();
	struct roster_handler *handler = NULL;
	unsigned done = 0;

	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		work->end = work->fate == UNIT_OPEN ? UNIT_AGAIN : work->fate;
		if (work->end == UNIT_RETRY || work->end == UNIT_DEAD ||
			work->end == UNIT_DEFERRED) {
			remember_failure(work, now_us);
		} else if (work->end == UNIT_HELD) {
			unit_stop_clock(work);
		} else if (work->end == UNIT_DONE) {
			if (work->handler != handler && done) {
				unit_outage_succeeded(unit, handler, done);
				done = 0;
			}
			handler = work->handler;
			done++;
		}
	}
	if (done) {
		unit_outage_succeeded(unit, handler, done);
	}
}
