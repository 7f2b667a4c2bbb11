/*
 * exec_keeper - the thread that has the children of all exec handlers
 *
 * One thread of the process, from the first exec_keeper_hold() to the last exec_keeper_release():
 * it starts children, takes their standard error line by line into the log, kills, and reaps them.
 * Lanes speak with their children themselves (exec_talk), over the descriptors given out here, and
 * never wait for a child to be gone.
 *
 * A child belongs to the lane that started it until exec_child_end(). Whoever ends first, the whole
 * process group of a child that is gone is killed before the child is reaped, so that its own
 * children do not stay behind.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "exec_spawn.h"

enum {
	EXEC_GRACE_MS = 1000, /* from SIGTERM to SIGKILL */
	EXEC_END_UNKNOWN = -1,
};

/* What a handler starts; owned by the lanes and requests that count themselves in. */
struct exec_spec {
	char **argv; /* one piece of memory */
	char **envp; /* each entry and the list are owned */
	char *directory; /* NULL: the worker's */
	char *handler; /* its name, for the log */
	unsigned references;
};

struct exec_child;

/* Start the thread where there is none. 0, or -errno. Main thread. */
int exec_keeper_hold(void);
/* The last one waits until every child is gone: EXEC_GRACE_MS and a little. Main thread. */
void exec_keeper_release(void);

/* A spec of one reference; its members are to be filled. NULL: out of memory. */
struct exec_spec *exec_spec_new(void);
void exec_spec_unref(struct exec_spec *spec);

/*
 * Start a child and wait for it until `deadline_us`: 0; -ETIMEDOUT (it is killed once it is there);
 * or -errno of the step that `ret_step` names ("find it", "run it" ...).
 */
int exec_child_start(struct exec_spec *spec, int64_t deadline_us, struct exec_child **ret,
	const char **ret_step);

/* Its pid, pidfd and pipes; stderr is the keeper's. */
const struct exec_process *exec_child_process(const struct exec_child *child);

/*
 * Its end as waitid() tells it, once the keeper has seen it; waits up to `timeout_ms` for that.
 * false: it lives.
 */
struct exec_end {
	bool is_signal;
	int number; /* signal or exit status, or EXEC_END_UNKNOWN */
};
bool exec_child_ended(struct exec_child *child, int timeout_ms, struct exec_end *ret);

/* Give it back, NULL too: its pipes are closed, it is killed at once or asked first (SIGTERM). */
void exec_child_end(struct exec_child *child, bool at_once);

/* CLOCK_MONOTONIC in microseconds. */
int64_t exec_now_us(void);
