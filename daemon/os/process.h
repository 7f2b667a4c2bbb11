/*
 * process - start a child of ourselves with exactly the descriptors it should have
 *
 * Runs in: supervisor (one thread; a fork of a process with threads would be another story). The
 * child has descriptors 0 (/dev/null), 1 and 2 (our standard error), 3, 4, 5 as given, and no
 * other; all signals at their defaults and unblocked; SIGTERM when we die; an environment without
 * NOTIFY_SOCKET, WATCHDOG_*, LISTEN_* and ONCED__*.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"

struct process_spec {
	const char *exe; /* path; /proc/self/exe is the program that runs, even after an upgrade */
	const char *const *argv; /* NULL-terminated */
	int channel_fd, config_fd, page_fd; /* become 3, 4, 5; -1: not open in the child */
};

struct process {
	pid_t pid;
	int pidfd;
};

#define PROCESS_INIT ((struct process){ .pid = 0, .pidfd = -1 })

/* 0 when the child runs its new program; -errno (also that of exec) when there is no child. */
int process_spawn(const struct process_spec *spec, struct process *ret, struct err *err);

/*
 * Send a signal; 0 also when it is gone already. Never reaches another process, whatever became of
 * the pid.
 */
int process_signal(const struct process *process, int signo);

/* A descriptor for a process that is not our child; -ESRCH when there is none. */
int process_open(pid_t pid, struct process *ret);

/* Wait until it has ended; 0, or -ETIMEDOUT. For strangers; children are reaped by the loop. */
int process_wait_end(const struct process *process, int timeout_ms);

/* SIGKILL a child and reap it: for one the loop does not watch. */
void process_destroy(struct process *process);

/* Close the descriptor. */
void process_fini(struct process *process);

/* Block the signals the supervisor takes from its loop, and SIGPIPE. Before anything starts. */
int process_block_signals(void);
