/*
 * outage - poison or outage: is it the records that fail, or what their handler depends on?
 *
 * Runs in: worker (pure: time is an argument; the caller serialises and keeps one for each
 * handler). It is told of failures of distinct records, and how many records of the handler
 * succeeded so far. When different records fail one after the other and hardly any succeeds in
 * between, that is an outage: the caller holds the handler's records, and one at a time is let
 * through as a probe, ever less often up to OUTAGE_PROBE_MAX_US. The first success ends it. A
 * record that fails while others succeed is poison, and never part of the evidence for long.
 *
 * One record whose handler says that what it needs is not there (UNAVAILABLE) is a suspicion: it
 * holds the others as an outage does, and another record is tried at once. Only when
 * OUTAGE_AT_LEAST different ones fail and hardly any succeeds, or when nothing succeeds for
 * OUTAGE_DROUGHT_US, it is an outage.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Enough different records to decide at once; fewer must have failed for a while. The smaller
 * number will do at once when the last one's word is UNAVAILABLE.
 */
enum { OUTAGE_AT_ONCE = 10, OUTAGE_AT_LEAST = 3 };
/* "Hardly any": at most one success for so many failures. */
enum { OUTAGE_PER_SUCCESS = 8 };
/* A record that saw others succeed between its failures so often is no evidence any more. */
enum { OUTAGE_WITNESSES = 2 };
/* Different records that are remembered. */
enum { OUTAGE_WINDOW = 32 };

#define OUTAGE_DROUGHT_US ((int64_t)1000 * 1000)
#define OUTAGE_PROBE_FIRST_US ((int64_t)200 * 1000)
/* With a look and the ranks below it: records flow within two seconds of the end. */
#define OUTAGE_PROBE_MAX_US ((int64_t)1000 * 1000)
/* An outage that comes back so soon is probed at OUTAGE_PROBE_AGAIN_US from its start. */
#define OUTAGE_RECENT_US ((int64_t)10 * 1000 * 1000)
#define OUTAGE_PROBE_AGAIN_US ((int64_t)1000 * 1000)
/* Held records look again after this; a look costs microseconds, and there may be thousands. */
#define OUTAGE_LOOK_US ((int64_t)300 * 1000)
/* A record of a higher rank lets the others probe first, and waits so long for each rank. */
#define OUTAGE_GRACE_US (OUTAGE_LOOK_US + OUTAGE_LOOK_US / 4)
enum { OUTAGE_RANK_MAX = 2 };

/* What a record carries for it; zero at first. */
struct outage_mark {
	uint64_t successes; /* of the handler, at the record's latest failure */
	uint8_t witnesses; /* between how many of its failures others succeeded */
	uint8_t probes; /* that it made in vain */
	bool has_failed;
};

enum outage_state { OUTAGE_NONE, OUTAGE_SUSPECTED, OUTAGE_DECIDED };

/* What a call changed. */
enum outage_change {
	OUTAGE_SAME,
	OUTAGE_BEGAN, /* the verdict: an outage */
	OUTAGE_ENDED, /* a decided one is over */
};

struct outage_evidence {
	uint64_t key; /* of the record */
	uint64_t successes; /* of the handler when it failed last */
	int64_t first_us, last_us;
};

struct outage {
	enum outage_state state;
	int64_t window_us; /* older evidence is none */
	struct outage_evidence evidence[OUTAGE_WINDOW]; /* by latest failure, oldest first */
	unsigned count;

	/* of the present outage or suspicion, or of the last one */
	int64_t since_us; /* the first failure of its evidence */
	int64_t holding_us; /* held since then */
	/* of the last one that ended; the present one does not make it forgotten */
	int64_t last_since_us, ended_us; /* ended_us 0: none has ended */
	unsigned failed; /* different records that were its evidence when it was decided */
	unsigned probes; /* let through since it was decided */

	bool is_probing; /* one is under way */
	int64_t next_probe_us, backoff_us;
};

void outage_init(struct outage *outage, int64_t retry_delay_max_us);

/*
 * A record failed (RETRY, or `is_unavailable`). `successes`: how many of the handler succeeded up
 * to then, those of the same batch before it included. Never OUTAGE_ENDED.
 */
enum outage_change outage_failed(struct outage *outage, struct outage_mark *mark, uint64_t key,
	uint64_t successes, bool is_unavailable, int64_t now_us);

/*
 * A record succeeded that was begun at `begun_us`; what was begun before the records were held does
 * not count. Never OUTAGE_BEGAN.
 */
enum outage_change outage_succeeded(struct outage *outage, int64_t begun_us, int64_t now_us);

/* Are the handler's records held? */
static inline bool outage_is_holding(const struct outage *outage)
{
	return outage->state != OUTAGE_NONE;
}

/*
 * Who goes first as a probe: 0 for a record that never failed, more for one that failed, most for
 * those that probed in vain.
 */
unsigned outage_rank(const struct outage_mark *mark);

/*
 * May a record of this rank go as a probe now? True at most once until outage_probe_ended(), which
 * must follow whatever becomes of it.
 */
bool outage_take_probe(struct outage *outage, unsigned rank, int64_t now_us);

/* `has_failed`: the probe found that it is not over; false: it found nothing out. */
void outage_probe_ended(
	struct outage *outage, struct outage_mark *mark, bool has_failed, int64_t now_us);

/* Was a failure then part of the present or the last outage? Then it was not the record's. */
bool outage_covers(const struct outage *outage, int64_t failed_us);
