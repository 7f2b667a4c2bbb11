/*
 * unit_fate - whose fault, how often, and what follows for the strand
 */
#include <stdio.h>

#include "base/clock.h"
#include "worker/unit_private.h"

static uint64_t next_random(struct unit *unit)
{
	uint64_t x = unit->random ? unit->random : 1;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return unit->random = x;
}

static void explain(struct unit *unit, struct unit_work *work, const char *code, const char *text)
{
	if (work->code != code) {
		snprintf(work->code, sizeof(work->code), "%s", code ? code : "");
	}
	if (work->text != text) {
		work->text = arena_printf(&unit->arena, "%s", text ? text : "");
	}
}

void unit_cut(struct unit *unit, struct unit_range range, const struct unit_work *work)
{
	unsigned from = (unsigned)(work - unit->works) + 1;

	for (unsigned i = from > range.first ? from : range.first; i < range.end; i++) {
		struct unit_work *later = &unit->works[i];
		bool follows = later->leader == (int)(work - unit->works);
		if (later->end != UNIT_OPEN || unit_is_cutting(later->fate)) {
			continue;
		}
		if (follows || unit_is_same_strand(later, work)) {
			later->fate = UNIT_AGAIN;
		}
		if (follows && !unit_is_same_strand(later, work)) {
			unit_cut(unit, range, later);
		}
	}
}

void unit_hold(struct unit *unit, struct unit_range range, struct unit_work *work, const char *code,
	const char *text, int64_t delay_us)
{
	explain(unit, work, code, text);
	work->due_us = clock_mono_us() + delay_us;
	work->fate = UNIT_HELD;
	unit_cut(unit, range, work);
}

void unit_condemn(struct unit *unit, struct unit_range range, struct unit_work *work,
	enum page_reason reason, const char *code, const char *text)
{
	if (!unit->options.has_dlq) {
		unit_hold(unit, range, work, code, text, UNIT_HOLD_US);
		return;
	}
	explain(unit, work, code, text);
	work->reason = reason;
	work->fate = UNIT_DEAD;
	work->must_die = true;
}

/* Charge an attempt: park until the policy's delay, or the end. */
static void charge(struct unit *unit, struct unit_range range, struct unit_work *work,
	const char *code, const char *text, int64_t retry_after_ms)
{
	const struct record *record = work->record;
	const struct retry_policy *policy = &unit->options.roster->retry;
	int64_t now_us = clock_mono_us(), delay_us;
	struct retry_state state = { .attempts = record->attempts + 1,
		.elapsed_us = record->elapsed_us +
			(record->attempts && record->last_failure_us
					? now_us - record->last_failure_us
					: 0),
		.retry_after_us = retry_after_ms * 1000,
		.has_witness = record->attempts &&
			work->handler->last_success_us > record->first_failure_us,
		.is_first_after_hold = record->is_after_hold };

	if (!unit->options.has_dlq) {
		state.attempts = 1; /* nowhere to go: at its own pace, for ever */
	}
	delay_us = retry_next_delay(policy, &state, next_random(unit));
	if (delay_us < 0) {
		unit_condemn(unit, range, work, PAGE_EXHAUSTED, code, text);
		work->is_charged = true;
		return;
	}
	explain(unit, work, code, text);
	work->due_us = now_us + delay_us;
	work->fate = UNIT_RETRY;
	work->is_charged = true;
	unit_cut(unit, range, work);
}

void unit_blame(struct unit *unit, struct unit_range range, struct unit_work *work,
	enum verdict verdict, const char *code, const char *text, int64_t retry_after_ms)
{
	switch (verdict) {
	case VERDICT_REJECT:
		unit_condemn(unit, range, work, PAGE_REJECTED, code, text);
		return;
	case VERDICT_UNAVAILABLE:
		unit_hold(unit, range, work, code, text, UNIT_HOLD_US);
		return;
	case VERDICT_RETRY:
	case VERDICT_REDO:
		charge(unit, range, work, code, text, retry_after_ms);
		return;
	}
}

static void note_failure(struct unit_work *work)
{
	struct record *record = work->record;
	int64_t now_us = clock_mono_us(), now_ms = clock_wall_ms();

	if (record->attempts == 0) {
		record->first_failure_ms = now_ms;
		record->first_failure_us = now_us;
	} else if (record->last_failure_us) {
		record->elapsed_us += now_us - record->last_failure_us;
	}
	record->attempts++;
	record->last_failure_ms = now_ms;
	record->last_failure_us = now_us;
	record->is_after_hold = false;
}

void unit_settle_fates(struct unit *unit, struct unit_range range)
{
	int64_t now_us = clock_mono_us();

	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		if (work->end != UNIT_OPEN) {
			continue;
		}
		work->end = work->fate == UNIT_OPEN ? UNIT_AGAIN : work->fate;
		if (work->is_charged) {
			note_failure(work);
		} else if (work->end == UNIT_HELD) {
			/* time in a hold is not the record's */
			work->record->is_after_hold = true;
			work->record->last_failure_us = 0;
		} else if (work->end == UNIT_DONE && work->handler) {
			atomic_store_explicit(
				&work->handler->last_success_us, now_us, memory_order_relaxed);
		}
	}
}
