/*
 * dlq_replay_run - send what was planned, a window at a time
 *
 * Runs in: oncectl, one thread. Whatever ends it, what was sent by then is marked; what was not is
 * open, and the next run sends it.
 */
#include "dlq_replay.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "dlq_resend.h"
#include "dlq_settle.h"

enum {
	SETTLE_COUNT = 1000, /* records acknowledged and not marked; what a kill repeats at most */
	SETTLE_US = 5000000,
	LOOK_EVERY = 50, /* records */
	WAIT_MS = 100,
	SLICE_US = 50000,
	SECOND_US = 1000000,
};

static void stop(struct dlq_replay *replay, int status, const char *why)
{
	if (!replay->stop) {
		replay->status = status;
		replay->stop = why;
	}
}

static void fail(struct dlq_replay *replay, int result, const struct err *err)
{
	dlq_progress_end(&replay->progress);
	stop(replay, dlq_session_fail(replay->session, result, err), "an error");
}

static void tell(struct dlq_replay *replay, const char *doing)
{
	char note[256];

	snprintf(note, sizeof(note), "%zu failed again%s%s", replay->watch.failed,
		doing[0] ? "; " : "", doing);
	dlq_progress_tell(&replay->progress, replay->sent, replay->planned, note);
}

/* What has failed again meanwhile. */
static void look(struct dlq_replay *replay, int timeout_ms)
{
	struct err err = ERR_INIT;
	int r = dlq_watch_look(&replay->watch, timeout_ms, &err);

	if (r < 0) {
		fail(replay, r, &err);
	} else if (dlq_window_failed(&replay->window, replay->watch.failed)) {
		stop(replay, CTL_FAILED, "too many failed again (--max-failures)");
	} else if (dlq_run_is_interrupted()) {
		stop(replay, CTL_FAILED, "it was interrupted");
	}
}

static void settle(struct dlq_replay *replay)
{
	const struct dlq_mark mark =
		dlq_run_mark(&replay->run, DLQ_REPLAYED, replay->to ? replay->to : "");
	int status;

	replay->settled_us = clock_mono_us();
	status = dlq_settle(replay->session, &replay->sender, &mark);
	if (status) {
		stop(replay, status, "an error");
	}
}

/* ---- the consumer ---- */

static void wait_for_consumer(struct dlq_replay *replay)
{
	int64_t moved_us = clock_mono_us(), before = INT64_MAX;
	char doing[160];

	while (!replay->stop) {
		struct err err = ERR_INIT;
		int64_t behind = dlq_targets_behind(&replay->targets, &err);

		if (behind <= 0) {
			if (behind < 0) {
				fail(replay, (int)behind, &err);
			}
			return;
		}
		if (behind < before) {
			before = behind;
			moved_us = clock_mono_us();
		}
		if (clock_mono_us() - moved_us > replay->wait_us) {
			stop(replay, CTL_TIMED_OUT,
				"the consumer does not move (is it running, paused, held? --wait)");
			return;
		}
		snprintf(doing, sizeof(doing), "consumer %.64s has %lld records before it",
			replay->targets.consumer->name, (long long)behind);
		tell(replay, doing);
		look(replay, WAIT_MS);
	}
}

/* Everything sent is settled by the consumer, and what failed again is known. */
static void close_window(struct dlq_replay *replay)
{
	struct err err = ERR_INIT;
	int r;

	settle(replay);
	if (replay->stop || !replay->waits) {
		dlq_window_settled(&replay->window, replay->watch.failed);
		return;
	}
	r = dlq_targets_note_ends(&replay->targets, &err);
	if (r < 0) {
		fail(replay, r, &err);
		return;
	}
	wait_for_consumer(replay);
	r = replay->stop ? 0 : dlq_watch_catch_up(&replay->watch, &err);
	if (r < 0) {
		fail(replay, r, &err);
	}
	look(replay, 0);
	dlq_window_settled(&replay->window, replay->watch.failed);
}

/* ---- sending ---- */

/* Evenly, and not faster after a pause. */
static void pace(struct dlq_replay *replay)
{
	int64_t now_us = clock_mono_us();

	if (replay->rate == 0) {
		return;
	}
	while (now_us < replay->due_us && !replay->stop) {
		int64_t left_us = replay->due_us - now_us;

		usleep((useconds_t)(left_us < SLICE_US ? left_us : SLICE_US));
		now_us = clock_mono_us();
		if (left_us > SLICE_US) {
			look(replay, 0);
		}
	}
	replay->due_us = (replay->due_us > 0 && now_us - replay->due_us < SECOND_US ? replay->due_us
										    : now_us) +
		SECOND_US / replay->rate;
}

static void send(
	struct dlq_replay *replay, const struct dlq_letter *letter, struct dlq_target *target)
{
	struct dlq_resend resend;
	struct err err = ERR_INIT;
	int r;

	dlq_resend_init(&resend, letter, target->topic, target->partition_count, replay->run.id);
	r = dlq_sender_send(&replay->sender, &resend.message, letter->record->partition,
		letter->record->offset, &err);
	dlq_resend_fini(&resend);
	if (r < 0) {
		fail(replay, r, &err);
		return;
	}
	replay->sent++;
	FAILPOINT("dlq_sent");
}

static bool replay_letter(void *arg, const struct dlq_letter *letter, enum dlq_state state)
{
	struct dlq_replay *replay = arg;
	struct dlq_target *target = NULL;
	int error;

	if (dlq_replay_refusal(replay, letter, &target, &error)) {
		if (error < 0) {
			stop(replay, CTL_NOT_REACHABLE, "an error");
		}
		return !replay->stop;
	}
	pace(replay);
	if (replay->stop) {
		return false;
	}
	send(replay, letter, target);
	if (dlq_window_sent(&replay->window)) {
		close_window(replay);
	} else if (replay->sender.done_count >= SETTLE_COUNT ||
		clock_mono_us() - replay->settled_us > SETTLE_US) {
		settle(replay);
	}
	if (replay->sent % LOOK_EVERY == 0) {
		look(replay, 0);
	}
	tell(replay, "");
	return !replay->stop;
}

/* ---- from begin to end ---- */

static void tell_end(const struct dlq_replay *replay)
{
	fprintf(stderr, "oncectl: replay %s by %s%s%s: %zu of %zu sent, %zu failed again",
		replay->run.id, replay->run.by, replay->run.why[0] ? ", " : "", replay->run.why,
		replay->sent, replay->planned, replay->watch.failed);
	if (replay->stop) {
		fprintf(stderr, "; stopped: %s. The same command goes on.", replay->stop);
	} else if (!replay->waits) {
		fputs(" so far; the consumer was not waited for", stderr);
	}
	fputc('\n', stderr);
}

int dlq_replay_run(struct dlq_replay *replay)
{
	struct dlq_session *session = replay->session;
	int status;

	dlq_run_catch_signals();
	dlq_progress_init(&replay->progress);
	replay->settled_us = clock_mono_us();
	status = dlq_session_each(session, replay_letter, replay);
	if (status) {
		stop(replay, status, "an error");
	}
	if (replay->stop) {
		settle(replay); /* whatever ended it: what was sent was sent */
	} else {
		close_window(replay);
	}
	status = dlq_settle_finish(session);
	dlq_progress_end(&replay->progress);
	tell_end(replay);
	return replay->stop ? replay->status : status;
}
