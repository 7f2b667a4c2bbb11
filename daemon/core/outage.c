/*
 * outage - poison or outage: is it the records that fail, or what their handler depends on?
 *
 * Evidence is a list of different records by their latest failure. The verdict looks at the newest
 * k of them for every k: how many successes were there since the oldest of these failed?
 */
#include "core/outage.h"

#include <string.h>

#define WINDOW_MIN_US ((int64_t)60 * 1000 * 1000)

void outage_init(struct outage *outage, int64_t retry_delay_max_us)
{
	*outage = (struct outage){ .window_us = 2 * retry_delay_max_us };
	if (outage->window_us < WINDOW_MIN_US) {
		outage->window_us = WINDOW_MIN_US;
	}
}

/* ---- evidence ---- */

static void remove_at(struct outage *outage, unsigned i)
{
	outage->count--;
	memmove(&outage->evidence[i], &outage->evidence[i + 1],
		(outage->count - i) * sizeof(outage->evidence[0]));
}

static void forget_old(struct outage *outage, int64_t now_us)
{
	while (outage->count > 0 && outage->evidence[0].last_us < now_us - outage->window_us) {
		remove_at(outage, 0);
	}
}

static void remember(struct outage *outage, uint64_t key, uint64_t successes, int64_t now_us)
{
	struct outage_evidence failure = { key, successes, now_us, now_us };

	for (unsigned i = 0; i < outage->count; i++) {
		if (outage->evidence[i].key == key) {
			/* seen before without a success in between: it has failed for that long */
			if (outage->evidence[i].successes >= successes) {
				failure.first_us = outage->evidence[i].first_us;
			}
			remove_at(outage, i);
			break;
		}
	}
	if (outage->count == OUTAGE_WINDOW) {
		remove_at(outage, 0);
	}
	outage->evidence[outage->count++] = failure;
}

static void forget(struct outage *outage, uint64_t key)
{
	for (unsigned i = 0; i < outage->count; i++) {
		if (outage->evidence[i].key == key) {
			remove_at(outage, i);
			return;
		}
	}
}

static void note_witness(struct outage_mark *mark, uint64_t successes)
{
	if (mark->has_failed && successes > mark->successes && mark->witnesses < UINT8_MAX) {
		mark->witnesses++;
	}
	mark->has_failed = true;
	mark->successes = successes;
}

/* How many of the newest failures make an outage; 0: it is none. */
static unsigned count_of_outage(const struct outage *outage, uint64_t successes,
	bool is_unavailable, int64_t now_us, int64_t *ret_since_us)
{
	unsigned at_once = is_unavailable ? OUTAGE_AT_LEAST : OUTAGE_AT_ONCE;
	int64_t since_us = now_us;

	for (unsigned k = 1; k <= outage->count; k++) {
		const struct outage_evidence *e = &outage->evidence[outage->count - k];
		uint64_t between = successes > e->successes ? successes - e->successes : 0;

		since_us = e->first_us < since_us ? e->first_us : since_us;
		bool is_enough = k >= at_once ||
			(k >= OUTAGE_AT_LEAST && now_us - since_us >= OUTAGE_DROUGHT_US);
		if (is_enough && between * OUTAGE_PER_SUCCESS <= k) {
			*ret_since_us = since_us;
			return k;
		}
	}
	return 0;
}

/* ---- states ---- */

static void hold(struct outage *outage, enum outage_state state, int64_t since_us, int64_t now_us)
{
	bool is_back = outage->ended_us && now_us - outage->ended_us < OUTAGE_RECENT_US;

	if (outage->state == OUTAGE_NONE) {
		outage->holding_us = now_us;
		outage->is_probing = false;
	}
	if (state == OUTAGE_DECIDED) {
		outage->backoff_us = is_back ? OUTAGE_PROBE_AGAIN_US : OUTAGE_PROBE_FIRST_US;
		outage->probes = 0;
	} else {
		outage->backoff_us = 0;
	}
	outage->state = state;
	outage->since_us = since_us;
	outage->next_probe_us = now_us + outage->backoff_us;
}

static enum outage_change decide(
	struct outage *outage, unsigned failed, int64_t since_us, int64_t now_us)
{
	outage->failed = failed;
	hold(outage, OUTAGE_DECIDED, since_us, now_us);
	return OUTAGE_BEGAN;
}

/* Its dependency is not there, says the handler: true of all records, or of this one alone? */
static enum outage_change suspect(struct outage *outage, int64_t now_us)
{
	if (outage->state == OUTAGE_NONE) {
		hold(outage, OUTAGE_SUSPECTED, now_us, now_us);
		return OUTAGE_SAME;
	}
	if (now_us - outage->since_us >= OUTAGE_DROUGHT_US) {
		return decide(outage, outage->count, outage->since_us, now_us);
	}
	return OUTAGE_SAME;
}

enum outage_change outage_failed(struct outage *outage, struct outage_mark *mark, uint64_t key,
	uint64_t successes, bool is_unavailable, int64_t now_us)
{
	int64_t since_us;
	unsigned failed;

	note_witness(mark, successes);
	if (outage->state == OUTAGE_DECIDED) {
		return OUTAGE_SAME;
	}
	forget_old(outage, now_us);
	if (mark->witnesses >= OUTAGE_WITNESSES) {
		forget(outage, key);
		return OUTAGE_SAME;
	}
	remember(outage, key, successes, now_us);
	failed = count_of_outage(outage, successes, is_unavailable, now_us, &since_us);
	if (failed) {
		return decide(outage, failed, since_us, now_us);
	}
	return is_unavailable ? suspect(outage, now_us) : OUTAGE_SAME;
}

enum outage_change outage_succeeded(struct outage *outage, int64_t begun_us, int64_t now_us)
{
	enum outage_state state = outage->state;

	if (state == OUTAGE_NONE || begun_us < outage->holding_us) {
		return OUTAGE_SAME;
	}
	outage->state = OUTAGE_NONE;
	outage->is_probing = false;
	outage->count = 0;
	if (state == OUTAGE_SUSPECTED) {
		return OUTAGE_SAME;
	}
	outage->last_since_us = outage->since_us;
	outage->ended_us = now_us;
	return OUTAGE_ENDED;
}

/* ---- probes ---- */

unsigned outage_rank(const struct outage_mark *mark)
{
	unsigned rank = (unsigned)mark->has_failed + mark->probes;

	return rank < OUTAGE_RANK_MAX ? rank : OUTAGE_RANK_MAX;
}

bool outage_take_probe(struct outage *outage, unsigned rank, int64_t now_us)
{
	if (outage->state == OUTAGE_NONE || outage->is_probing ||
		now_us < outage->next_probe_us + (int64_t)rank * OUTAGE_GRACE_US) {
		return false;
	}
	outage->is_probing = true;
	outage->probes++;
	return true;
}

void outage_probe_ended(
	struct outage *outage, struct outage_mark *mark, bool has_failed, int64_t now_us)
{
	if (has_failed && mark->probes < OUTAGE_RANK_MAX) {
		mark->probes++;
	}
	if (!outage->is_probing) {
		return; /* it ended the outage */
	}
	outage->is_probing = false;
	if (!has_failed) {
		return; /* nothing is known: the next one need not wait */
	}
	outage->backoff_us = outage->backoff_us ? 2 * outage->backoff_us : OUTAGE_PROBE_FIRST_US;
	if (outage->backoff_us > OUTAGE_PROBE_MAX_US) {
		outage->backoff_us = OUTAGE_PROBE_MAX_US;
	}
	outage->next_probe_us = now_us + outage->backoff_us;
}

bool outage_covers(const struct outage *outage, int64_t failed_us)
{
	bool is_of_last = outage->ended_us && failed_us >= outage->last_since_us &&
		failed_us <= outage->ended_us;
	bool is_of_present = outage->state == OUTAGE_DECIDED && failed_us >= outage->since_us;

	return failed_us > 0 && (is_of_last || is_of_present);
}
