/*
 * exec_keeper_private - what the keeper's two files share: its state, children, requests
 *
 * `lock` guards requests and what child and lane share; the list of children, and what is marked
 * so, are the thread's alone. Nothing blocks under the lock.
 */
#pragma once

#include <pthread.h>

#include "exec_keeper.h"
#include "exec_lines.h"

struct exec_child {
	struct exec_process process; /* stdin, stdout, pidfd: the lane's until it is released */
	struct exec_spec *spec;
	struct exec_child *next;

	/* under the lock */
	bool is_released, is_reaped;
	struct exec_end end;
	int64_t kill_at_us; /* 0: never */

	/* the thread's */
	struct exec_lines lines;
	int64_t heard_us; /* last output; 0: nothing is to be shown */
};

/* A lane's wish for a child. Freed by whoever is the last to look at it. */
struct exec_request {
	struct exec_spec *spec;
	struct exec_request *next;
	struct exec_child *child;
	const char *step;
	int result;
	bool is_done, is_abandoned;
};

struct exec_keeper {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a request was done, a child reaped */
	pthread_t thread;
	unsigned holders; /* main thread */
	bool is_stopping;
	int wake_fd;
	struct exec_request *requests;
	struct exec_child *children; /* the thread's */
};

extern struct exec_keeper exec_keeper;

/* The thread. */
void *exec_watch_main(void *argument);

struct exec_spec *exec_spec_ref(struct exec_spec *spec);
void exec_request_free(struct exec_request *request);
void exec_fd_close(int *fd);
/* Under the lock: until a child is reaped its group's number is nobody else's. */
void exec_child_signal(const struct exec_child *child, int number);
