/*
 * loop - the supervisor's event loop: signals, children, timers, descriptors
 *
 * Runs in: supervisor, its only thread. A thin door before sd-event, so that nothing else knows it.
 * Callbacks return nothing: what fails inside is theirs to log. A callback may free its own source.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "os/process.h"

struct loop;
struct loop_source;

/* How a child ended, as in siginfo: CLD_EXITED with an exit status, else a signal number. */
struct loop_exit {
	bool is_exited;
	int status; /* exit status or signal number */
	bool has_core;
};

typedef void (*loop_callback)(void *context);
typedef void (*loop_io_callback)(void *context, uint32_t events);
typedef void (*loop_child_callback)(void *context, const struct loop_exit *end);

int loop_new(struct loop **ret);
void loop_free(struct loop *loop);
CLEANUP_DEFINE(struct loop, loop_free)

/* Feed systemd's watchdog (WATCHDOG_USEC) from the loop. 1 when there is one, 0 when not. */
int loop_enable_watchdog(struct loop *loop);

/* The signal must be blocked. Sources of signals live as long as the loop. */
int loop_add_signal(struct loop *loop, int signo, loop_callback callback, void *context);

/* EPOLLIN etc. The fd stays the caller's and must outlive the source. */
int loop_add_io(struct loop *loop, int fd, uint32_t events, loop_io_callback callback,
	void *context, struct loop_source **ret);

/* Calls back once, and has reaped the child by then. The process stays the caller's. */
int loop_add_child(struct loop *loop, const struct process *process, loop_child_callback callback,
	void *context, struct loop_source **ret);

/* Whether this process is a child that was added, and whose source was not freed yet. */
bool loop_watches(const struct loop *loop, pid_t pid);

/* A timer that is not set. */
int loop_add_timer(
	struct loop *loop, loop_callback callback, void *context, struct loop_source **ret);
/* Fire once at this monotonic time (microseconds); a past one fires in the next round. */
void loop_timer_set(struct loop_source *timer, int64_t at_us);
void loop_timer_stop(struct loop_source *timer);

/* Accepts NULL. */
void loop_source_free(struct loop_source *source);

/* Until loop_stop(); returns its value, or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int value);
