/*
 * tree - the supervisor's tables: consumers and their slots
 *
 * Plain data. A slot is a place for one worker; processes come and go in it, its page and counters
 * stay. Written by slot.c and supervisor.c; metrics, status and obituaries only read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "config/config.h"
#include "core/pause.h"
#include "core/quarantine.h"
#include "core/restart.h"
#include "os/page.h"
#include "supervisor/child.h"
#include "supervisor/history.h"

struct slot_context;

enum slot_state {
	SLOT_STOPPED, /* nothing runs and nothing is planned */
	SLOT_STARTING, /* runs, has not joined its group yet */
	SLOT_READY,
	SLOT_DRAINING,
	SLOT_WAITING, /* died; the restart policy has it wait */
	SLOT_FENCED, /* waits out a session timeout: another process held its instance id */
	SLOT_STATES
};
extern const char *const slot_state_names[SLOT_STATES];

/* Why a worker ended; §11 `cause`. */
enum exit_cause {
	EXIT_DRAINED, /* asked to, or told by SIGTERM */
	EXIT_STUCK, /* drained, but a library call did not return */
	EXIT_FAILED, /* said so itself */
	EXIT_CRASHED, /* a signal that was not ours, or an exit in a handler */
	EXIT_FENCED,
	EXIT_STALE, /* a rebuild began without it: what it held is not to be applied */
	EXIT_CONFIG,
	EXIT_HUNG, /* killed by us: no heartbeat */
	EXIT_KILLED, /* killed by us: did not drain in time */
	EXIT_PROTOCOL, /* killed by us: sent what is no frame */
	EXIT_OVERRAN, /* killed by us: a handler over its timeout */
	EXIT_RECYCLED, /* drained by us for its size or age */
	EXIT_CAUSES
};
extern const char *const exit_cause_names[EXIT_CAUSES];

enum { SLOT_END_TEXT_MAX = 400 };

struct slot {
	struct consumer *consumer;
	struct slot_context *context;
	/* what the process that is or was last in it was given; NULL none yet */
	const struct config_consumer *given;
	const struct config *given_of; /* the configuration that has it */
	struct log_levels log_levels; /* what that process logs at */
	bool is_retired; /* no longer wanted: nothing starts in it, its counters stay */
	bool is_reloading; /* is not yet as the last reload wants it */
	unsigned number;
	enum slot_state state;
	struct child child; /* the process in it */
	pid_t pid; /* of the process that is or was last in it, 0 none yet */
	struct page *page; /* NULL only before the first start */
	int page_fd;
	char instance_id[256]; /* "" = dynamic member */
	unsigned restarts; /* starts after the first */
	int64_t spawned_us, ready_us; /* monotonic; ready_us 0: not yet */
	/* the page's last value, and when it last changed */
	int64_t heartbeat_us, heartbeat_seen_us;
	int64_t silent_us; /* for how long it stands still; 0 for none that runs */
	bool is_silent; /* for half of what it would be killed for */
	/* each lane's record in a handler, and for how long we have seen it there */
	struct lane_watch {
		int64_t started_us, seen_us;
	} lanes[PAGE_LANES_MAX];
	unsigned overrun_lane; /* of EXIT_OVERRAN */
	bool has_spoken; /* PROTO_FAILED or PROTO_DRAINED: its exit is its own */
	bool owes_pauses; /* its channel was full: not all of what is paused is told yet */
	bool wants_restart; /* an operator asked; cleared when its process is told to drain */
	bool is_recycling; /* drained by us; until the next one is ready */
	int64_t recycle_deadline_us; /* monotonic; the process there now is to be gone then */
	uint64_t settled_at_start; /* of the page, which counts on */
	bool is_ours_to_end; /* we sent SIGKILL, for `kill_cause` */
	enum exit_cause kill_cause;
	enum exit_cause cause; /* of the last end */
	bool is_explained; /* a record stands for the last end */
	char end_text[SLOT_END_TEXT_MAX]; /* the obituary of the last end, cut off; "" none yet */
	int64_t ended_ms; /* wall clock */
	char last_words[ERR_TEXT_MAX]; /* PROTO_FAILED of the process that is there */
	struct restart restart;
	struct loop_source *timer; /* next start */
};

struct consumer {
	const struct config_consumer *config; /* what the next process is given */
	const struct config *config_of; /* the configuration that has it */
	/* The first `slot_count` are wanted; those behind are retired and keep their counters. */
	struct slot **slots;
	size_t slot_count, slot_total;
	bool is_replacing; /* all of its workers end before the first one starts again */
	uint64_t exits[EXIT_CAUSES];
	struct quarantine quarantine;
	struct pauses pauses; /* halt.c */
	struct history history; /* watch.c */
};

struct tree {
	/* The first `consumer_count` are configured; those behind were, and keep their counters. */
	struct consumer **consumers;
	size_t consumer_count, consumer_total;
	const char *version;
	pid_t pid;
	int64_t started_ms; /* wall clock */
	bool is_draining;
};

/* One slot for each worker of each consumer, none running. Borrows `config`. */
void tree_init(struct tree *tree, const struct config *config, const char *version);
/* All processes must have ended. */
void tree_fini(struct tree *tree);

/* A consumer without slots, and not part of the tree yet. */
struct consumer *consumer_new(
	const struct config *config_of, const struct config_consumer *config);
/* All its processes must have ended. */
void consumer_free(struct consumer *consumer);
/*
 * From now on this many slots are wanted. New ones are made with this policy; those that are too
 * many are retired, and wanted again when the number grows.
 */
void consumer_resize(
	struct consumer *consumer, size_t count, const struct restart_policy *policy);

/* How deaths of workers are answered. */
struct restart_policy tree_restart_policy(
	const struct config *config, const struct config_consumer *consumer);

/* The session timeout of [kafka], or ours: how long a fenced instance id stays taken. */
int64_t tree_session_timeout_us(const struct config *config);
