/*
 * supervisor - the parent: keeps the workers of all consumers running and tells about them
 *
 * One thread, one loop. It owns the processes, their pages, the state directory and the control
 * socket, and never has a connection to Kafka or a database.
 */
#pragma once

#include "config/config.h"

struct supervisor_options {
	const struct config *config; /* stays the caller's */
	const char *config_path; /* what a reload reads */
	/* config_load() with what this program knows; see there */
	int (*load)(const char *path, struct config **ret, struct config_errors *errors);
	const char *exe; /* what children run: /proc/self/exe */
	const char *version;
	int64_t heartbeat_limit_us; /* a worker silent for longer is killed; 0: ours, by store */
};

/*
 * Serve until SIGTERM or SIGINT and everything has drained. Returns the exit code: 0, 1 or 78. Logs
 * what goes wrong.
 */
int supervisor_run(const struct supervisor_options *options);
