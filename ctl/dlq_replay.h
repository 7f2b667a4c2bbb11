/*
 * dlq_replay - one replay: what is sent where, how fast, and when it stops by itself
 *
 * Runs in: oncectl, one thread. dlq_replay.c decides what would happen, dlq_replay_run.c makes it
 * happen.
 */
#pragma once

#include "dlq_progress.h"
#include "dlq_run.h"
#include "dlq_sender.h"
#include "dlq_session.h"
#include "dlq_tally.h"
#include "dlq_target.h"
#include "dlq_watch.h"
#include "dlq_window.h"

struct dlq_replay {
	struct dlq_session *session;
	struct dlq_run run;
	struct dlq_sender sender;
	struct dlq_targets targets;
	struct dlq_watch watch;
	struct dlq_window window;
	struct dlq_tally plan;
	struct dlq_progress progress;

	const char *to; /* NULL: where each came from */
	int64_t rate; /* records a second; 0: as fast as it goes */
	int64_t replays_max; /* of one record */
	int64_t wait_us; /* how long the consumer may stand still */
	bool waits; /* for the consumer, after each window */

	size_t planned, sent;
	int64_t due_us, settled_us; /* of the next record; last time */
	int status; /* of what ended it early */
	const char *stop; /* why it ended early; NULL */
};

/* What would happen to a letter, in a word; NULL: it is sent, to `ret`. -errno in `ret_error`. */
const char *dlq_replay_refusal(struct dlq_replay *replay, const struct dlq_letter *letter,
	struct dlq_target **ret, int *ret_error);

/* Sends what was planned. CTL_OK, or another status after a sentence on standard error. */
int dlq_replay_run(struct dlq_replay *replay);
