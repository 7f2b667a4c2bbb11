/*
 * stage - the demonstration's surroundings: a directory, a database, a broker, the daemon
 *
 * Runs in: the demonstration's main process, one thread. Owns every process and file of it and
 * removes them in stage_close(), however far stage_open() came. While it is open, standard error of
 * this process and its children is the log in the directory.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "os/process.h"
#include "store/sqlite/file.h"

enum { STAGE_PATH_MAX = 512 };

struct stage {
	char directory[STAGE_PATH_MAX]; /* "" before it exists */
	char socket_path[108]; /* of the daemon's control socket */
	char bootstrap[128];
	int signal_fd; /* SIGINT and SIGTERM arrive here */
	int stderr_fd; /* what standard error was */
	int broker_fd; /* closing it ends the broker */
	struct process broker, daemon;
	struct lite_file *database;
};

#define STAGE_INIT                                                                                 \
	((struct stage){ .signal_fd = -1,                                                          \
		.stderr_fd = -1,                                                                   \
		.broker_fd = -1,                                                                   \
		.broker = PROCESS_INIT,                                                            \
		.daemon = PROCESS_INIT })

/* Everything up to a daemon that runs. -errno with the sentence. */
int stage_open(struct stage *stage, struct err *err);

/*
 * Wait. -EINTR when somebody wants us to stop, -ECHILD when the daemon or the broker ended by
 * itself.
 */
int stage_pause(struct stage *stage, int ms, struct err *err);

/*
 * Drain the daemon by SIGTERM and wait for its end; -EPROTO when it does not end in time, with
 * status 0.
 */
int stage_stop_daemon(struct stage *stage, struct err *err);

/* The last lines of the log, to what standard error was. */
void stage_show_log(const struct stage *stage);

void stage_close(struct stage *stage);
