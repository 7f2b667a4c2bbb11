/*
 * child - one process of ours with its channel, in the loop
 *
 * Runs in: supervisor. The mechanism under workers, probes and migrations: start, hear frames,
 * notice the end. Decides nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "config/config.h"
#include "os/loop.h"
#include "os/process.h"
#include "os/proto.h"

struct child_spec {
	struct loop *loop;
	const char *exe;
	const char *role; /* "--worker" */
	const char *name; /* "orders/0" */
	const struct config *config;
	const struct config_consumer *consumer; /* goes to fd 4 */
	int page_fd; /* -1: none */

	void *context;
	void (*on_frame)(void *context, const struct proto_frame *frame);
	/* It sent what is no frame; nothing more is read from it. */
	void (*on_broken)(void *context);
	/* It ended and is reaped; all its frames came before. child_fini() is allowed in here. */
	void (*on_end)(void *context, const struct loop_exit *end);
};

struct child {
	struct process process;
	int channel_fd;
	struct loop_source *end_source, *channel_source;
	void *context;
	void (*on_frame)(void *context, const struct proto_frame *frame);
	void (*on_broken)(void *context);
	void (*on_end)(void *context, const struct loop_exit *end);
};

#define CHILD_INIT ((struct child){ .process = PROCESS_INIT, .channel_fd = -1 })

/* 0, or -errno and no process. */
int child_start(struct child *child, const struct child_spec *spec, struct err *err);

bool child_is_running(const struct child *child);

/* Forget it; a process that still runs is not ended by this. Accepts what never started. */
void child_fini(struct child *child);
