/*
 * slot - the life of one worker: start, frames, end
 *
 * Runs in: supervisor. Mechanism; when to start again is the supervisor's decision (supervisor.c),
 * how long to wait is core/restart's.
 */
#pragma once

#include "supervisor/tree.h"

/* What all slots share. */
struct slot_context {
	struct loop *loop;
	const struct config *config;
	const char *exe;
	const char *host; /* goes into dead letters */
	void *owner;
	void (*on_ready)(void *owner, struct slot *slot);
	/* The obituary is written, `cause` and counters are set, the state is SLOT_STOPPED. */
	void (*on_end)(void *owner, struct slot *slot);
	/* What came of an order. */
	void (*on_answer)(void *owner, struct slot *slot, const struct proto_answer *answer);
	/* Did the kernel kill for memory just now? */
	bool (*is_oom)(void *owner);
};

/*
 * Create or take over the page. What a dead supervisor's worker left in flight is booked as
 * abandoned.
 */
int slot_open_page(struct slot *slot, const struct config *config, struct err *err);

/* Remove the page's file, where it has one: after a clean stop counters begin anew. */
void slot_remove_page(const struct slot *slot, const struct config *config);

/* Start a worker in a slot without one. On failure the slot is SLOT_STOPPED. */
int slot_start(struct slot *slot, struct err *err);

bool slot_is_running(const struct slot *slot);

/*
 * Ask to finish, commit and end before `deadline_us` (monotonic). `is_leaving`: also a static
 * member is to leave its group.
 */
void slot_drain(struct slot *slot, int64_t deadline_us, bool is_leaving);
void slot_terminate(struct slot *slot);
/* SIGKILL, to be booked under this cause. */
void slot_kill(struct slot *slot, enum exit_cause cause);
void slot_log_status(struct slot *slot);
