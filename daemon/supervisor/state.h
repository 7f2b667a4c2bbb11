/*
 * state - the supervisor's own object, shared by its files and nobody else
 *
 *	supervisor.c  init, teardown, restart decisions
 *	startup.c     locks, orphans, migration, probes, first start
 *	shutdown.c    the drain ladder
 *	watch.c       once a second: heartbeats, status lines
 *	overrun.c     handlers over their timeout
 *	recycle.c     workers too large or too old
 *	release.c     consumers whose workers have left the group
 *	operation.c   what was asked for and takes its time
 *	reload*.c     another configuration
 *	control.c     what the control socket answers
 *	levels.c      what each part logs
 *	public.c      the part of it that anybody may ask over TCP
 */
#pragma once

#include "base/log.h"
#include "os/listener.h"
#include "os/loop.h"
#include "os/machine.h"
#include "supervisor/http.h"
#include "supervisor/levels.h"
#include "supervisor/operation.h"
#include "supervisor/probe.h"
#include "supervisor/reload.h"
#include "supervisor/slot.h"
#include "supervisor/store_lock.h"
#include "supervisor/supervisor.h"
#include "supervisor/tree.h"

enum phase {
	PHASE_ORPHANS, /* workers of an earlier supervisor still drain */
	PHASE_MIGRATING,
	PHASE_PROBING,
	PHASE_RUNNING,
	PHASE_DRAINING,
	PHASE_KILLING, /* past the drain deadline */
};

struct supervisor {
	const struct supervisor_options *options;
	const struct config *config;
	enum phase phase;
	int exit_code;
	struct machine machine;
	struct loop *loop;
	struct tree tree;
	struct slot_context slot_context;

	int state_lock_fd; /* -1 where there is nothing to lock */
	struct store_locks store_locks;
	struct listener listener;
	struct http *http;
	struct http *public_http; /* NULL: http.listen is off */
	struct log_limit refused_limit;
	struct levels_asked levels;
	struct operations operations;

	struct loop_source *startup_timer; /* orphans, then migration retries */
	int64_t orphan_deadline_us;
	struct probe migration;
	size_t migrating; /* the consumer whose store it is about */
	struct probe *probes; /* one a consumer, at the start */
	size_t probe_count;
	struct reload reload;

	struct loop_source *drain_timer;
	struct loop_source *tick_timer;
	bool is_told_ready; /* the service manager */
	int64_t ready_deadline_us; /* then it is told anyway */
	int64_t last_tick_us, next_status_us;
	/*
	 * the kernel's count of kills for memory: what deaths are compared with, and what that will
	 * be next: a victim may take seconds to end
	 */
	int64_t oom_kills[2], oom_aged_us;
	bool is_memory_short; /* nothing could be set aside at the last look */
};

/* Take locks and begin the way to PHASE_RUNNING. 0, or the exit code after a log line. */
int startup_begin(struct supervisor *supervisor);
void startup_fini(struct supervisor *supervisor);
/* Tell the service manager that we are ready, once: when we are, or have tried for long. */
void startup_tell_ready(struct supervisor *supervisor);

/* Start a worker; what fails is left to the restart policy. */
void supervisor_start_slot(struct supervisor *supervisor, struct slot *slot);
/* Make slots of a consumer ours: context and timers. -errno. */
int supervisor_adopt(struct supervisor *supervisor, struct consumer *consumer);
/* It comes back under the same name: what instance.id = auto makes static members of. */
bool supervisor_has_stable_host(const struct supervisor *supervisor);
/* Under which names workers of `tree` join their groups. -EINVAL: two would fence each other. */
int supervisor_name_instances(
	const struct supervisor *supervisor, struct tree *tree, struct err *err);
/* Call `visit` for every slot, retired ones too. */
void supervisor_each_slot(struct supervisor *supervisor,
	void (*visit)(struct supervisor *supervisor, struct slot *slot));

/* Drain everything, then leave with at least this exit code. Repeats change nothing. */
void shutdown_begin(struct supervisor *supervisor, int exit_code);
/* A child ended: leave when it was the last one of a shutdown. */
void shutdown_check(struct supervisor *supervisor);

/* Start the once-a-second look. */
int watch_begin(struct supervisor *supervisor);
void watch_log_status(struct supervisor *supervisor);

/* Kill a worker in which a handler is over its timeout; `since_us`: time since the last look. */
void overrun_check(struct slot *slot, int64_t now_us, int64_t since_us);

/* The workers of a consumer leave their group and end; none is started until that is taken back. */
void supervisor_release(struct supervisor *supervisor, struct consumer *consumer);
/* It was taken back: start those that do not run. */
void supervisor_unrelease(struct supervisor *supervisor, struct consumer *consumer);

/*
 * Drain and replace workers that are too large, did enough, or are to be restarted, one of a
 * consumer at a time; and end those of them, and of the released, that do not drain in time.
 */
void recycle_check(struct supervisor *supervisor, int64_t now_us);

/* Open the control socket, and the TCP one, and serve them from the loop. -errno with err. */
int control_open(struct supervisor *supervisor, struct err *err);
void control_close(struct supervisor *supervisor);
/* The TCP socket of http.listen, where there is one; part of the above. */
int public_open(struct supervisor *supervisor, http_answerer answerer, struct err *err);
void public_close(struct supervisor *supervisor);
