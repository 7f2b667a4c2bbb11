/*
 * unit_claim - dedup inside the unit of work
 *
 * One claim per key and transaction. A second record with the key of an earlier one in the same
 * batch follows it: it is a duplicate if the leader ends, and goes back if the leader does not, or
 * is another event.
 */
#include <stdlib.h>
#include <string.h>

#include "core/claim.h"
#include "worker/hand.h"
#include "worker/unit_private.h"

_Static_assert((int)STORE_KEY_SIZE == (int)DEDUP_KEY_SIZE, "one size of key");

/* The session knows which generation of the scope its transactions claim for. */
static struct slice scope_of(const struct unit *unit, char name[STORE_SCOPE_MAX])
{
	return slice_from_str(
		store_scope_name(unit->options.scope, unit->session->generation, name));
}

static struct dedup_key position_key(struct slice scope, const struct unit_work *work)
{
	return event_position_key(scope, work->event.topic, work->event.partition,
		record_offset(work->record), work->record->timestamp_ms);
}

void unit_find_key(struct unit *unit, struct unit_work *work, enum event_problem problem)
{
	const struct record *record = work->record;
	bool by_position = problem != EVENT_OK || slice_is_null(work->event.id) ||
		record->has_collided || record->fault;
	char name[STORE_SCOPE_MAX];
	struct dedup_key key;
	struct slice scope;

	if (!unit->options.is_deduplicated) {
		return;
	}
	scope = scope_of(unit, name);
	key = by_position ? position_key(scope, work)
			  : event_dedup_key(scope, work->event.source, work->event.id);
	memcpy(work->claim.key, key.bytes, sizeof(key.bytes));
	work->claim.position = (struct store_position){ work->event.topic, work->event.partition,
		record_offset(record), record->timestamp_ms };
	work->has_key = true;
	if (!by_position) {
		work->claim.event_id = work->event.id;
		work->claim.is_replay = work->event.is_replay;
		work->claim.has_digest =
			event_digest(&work->event, unit->options.roster, work->claim.digest);
	}
	/* not deduplicated, but a decision about it must be found again */
	work->is_forgotten =
		problem == EVENT_NO_ID && unit->options.event_missing == EVENT_MISSING_NONE;
}

static int compare_owners(const void *left, const void *right, void *context)
{
	const struct unit *unit = context;
	int a = *(const int *)left, b = *(const int *)right;
	int order = memcmp(unit->works[a].claim.key, unit->works[b].claim.key, STORE_KEY_SIZE);

	return order ? order : a - b;
}

void unit_queue_claims(struct unit *unit, struct unit_range range)
{
	unsigned owners = 0;

	unit->claim_count = 0;
	for (unsigned i = range.first; i < range.end; i++) {
		if (unit->works[i].has_key && !unit_is_cutting(unit->works[i].fate)) {
			unit->claim_owner[owners++] = (int)i;
		}
	}
	qsort_r(unit->claim_owner, owners, sizeof(*unit->claim_owner), compare_owners, unit);
	for (unsigned i = 0; i < owners; i++) {
		int owner = unit->claim_owner[i];
		struct unit_work *work = &unit->works[owner];
		unsigned last = unit->claim_count - 1;
		if (unit->claim_count &&
			memcmp(unit->claims[last].key, work->claim.key, STORE_KEY_SIZE) == 0) {
			work->leader = unit->claim_owner[last];
			continue;
		}
		if (unit->options.hand && !hand_take(unit->options.hand, work->claim.key)) {
			unit_hold_here(unit, work);
			continue;
		}
		work->claim.verdict = CLAIM_UNKNOWN;
		work->claim_index = (int)unit->claim_count;
		unit->claim_owner[unit->claim_count] = owner;
		unit->claims[unit->claim_count++] = work->claim;
	}
	if (unit->claim_count && unit->options.is_leased) {
		unit->options.store->lease(
			unit->session, &unit->options.lease, unit->claims, unit->claim_count);
	} else if (unit->claim_count) {
		unit->options.store->claim(unit->session, unit->claims, unit->claim_count);
	}
}

void unit_apply_claims(struct unit *unit, struct unit_range range)
{
	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		if (work->claim_index < 0) {
			continue;
		}
		work->claim = unit->claims[work->claim_index];
		if (work->claim.verdict == CLAIM_DUPLICATE) {
			work->fate = UNIT_DUPLICATE;
		} else if (work->claim.verdict == CLAIM_SETTLED_DLQ && work->record->skip) {
			work->fate = UNIT_SKIPPED; /* its dead letter cannot be written */
		} else if (work->claim.verdict == CLAIM_SETTLED_DLQ) {
			/* decided before, perhaps not produced: never the effect */
			unit_condemn_again(unit, work);
		} else if (work->claim.verdict == CLAIM_BUSY) {
			unit_hold_busy(unit, work);
		} else if (work->claim.verdict == CLAIM_COLLISION) {
			unit_collide(work);
		}
	}
}

/* The earlier record of its key is there, or this transaction makes it so. */
void unit_follow(const struct unit *unit, struct unit_work *work)
{
	const struct store_claim *leader = &unit->works[work->leader].claim;
	bool is_other = claim_differs(&work->claim, store_claim_digest(leader));

	/*
	 * The row may be of this very record, or of another event than the leader, or not be taken
	 * over by the leader: only a claim of its own can tell.
	 */
	work->fate = leader->is_dead_elsewhere || leader->verdict == CLAIM_COLLISION || is_other ||
			leader->is_replay || work->claim.is_replay
		? UNIT_AGAIN
		: UNIT_DUPLICATE;
}

static bool is_ending(enum unit_end fate)
{
	return fate == UNIT_DONE || fate == UNIT_DUPLICATE || fate == UNIT_SKIPPED ||
		fate == UNIT_DEAD;
}

/* A row this transaction inserted that must not be committed. */
static bool is_given_back(const struct unit_work *work)
{
	if (work->claim_index < 0 || work->claim.verdict != CLAIM_NEW) {
		return false;
	}
	return !is_ending(work->fate) || (work->is_forgotten && work->fate != UNIT_DEAD);
}

static void queue_unclaims(struct unit *unit, struct unit_range range)
{
	struct store_claim *unclaimed = NULL;
	size_t count = 0;

	for (unsigned i = range.first; i < range.end; i++) {
		const struct unit_work *work = &unit->works[i];
		if (!is_given_back(work)) {
			continue;
		}
		if (!unclaimed) {
			unclaimed = arena_alloc(
				&unit->arena, (range.end - range.first) * sizeof(*unclaimed));
		}
		unclaimed[count++] = work->claim;
	}
	if (count) {
		unit->options.store->unclaim(unit->session, unclaimed, count);
	}
}

void unit_queue_attempts(struct unit *unit, struct unit_work *work)
{
	struct record *record = work->record;
	/* those of a retry topic's record are in its headers */
	bool may_be_stored = !record->origin && (record->attempts || record->has_stored_attempts);
	struct store_attempts *attempts;

	if (!unit->options.is_deduplicated) {
		return;
	}
	if (work->fate == UNIT_RETRY) {
		attempts = arena_alloc(&unit->arena, sizeof(*attempts));
		*attempts = (struct store_attempts){
			.position = work->claim.position,
			.attempts = work->attempts,
			.first_failure_ms = work->first_failure_ms,
			.last_failure_ms = work->last_failure_ms,
		};
		/* also when the answer to COMMIT is lost */
		record->has_stored_attempts = true;
		unit->options.store->put_attempts(unit->session, attempts);
	} else if (may_be_stored && (is_ending(work->fate) || work->fate == UNIT_DEFERRED)) {
		unit->options.store->delete_attempts(unit->session, &work->claim.position);
	}
}

struct slice unit_write_decision(struct unit *unit, const struct unit_work *work)
{
	const struct decision decision = { work->reason, work->attempts, work->first_failure_ms,
		work->last_failure_ms, work->code, work->text };

	return decision_write(&decision, &unit->arena);
}

static void queue_decision(struct unit *unit, const struct unit_work *work)
{
	const struct store_ops *store = unit->options.store;
	bool is_through = work->fate == UNIT_DONE || work->fate == UNIT_SKIPPED;
	bool is_decided_before = work->claim.verdict == CLAIM_SETTLED_DLQ;

	if (work->claim_index < 0) {
		return;
	}
	if (work->fate == UNIT_DEAD && !is_decided_before) {
		store->decide_dlq(unit->session, &work->claim, unit_write_decision(unit, work));
	} else if (is_through && work->claim.verdict == CLAIM_REPLAYED) {
		store->finish_replay(unit->session, &work->claim);
	}
}

void unit_queue_decisions(struct unit *unit, struct unit_range range)
{
	for (unsigned i = range.first; i < range.end; i++) {
		queue_decision(unit, &unit->works[i]);
		unit_queue_attempts(unit, &unit->works[i]);
	}
	queue_unclaims(unit, range);
}
