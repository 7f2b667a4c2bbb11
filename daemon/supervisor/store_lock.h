/*
 * store_lock - files of SQLite belong to one daemon
 *
 * Runs in: supervisor. SQLite has one writer: a second daemon on the file would starve, not fail.
 * A lock once in use is kept until the end: its workers may still write, and a record lock is given
 * up by whoever closes its file again. Two paths of one file have one lock.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "config/config.h"

struct supervisor;

struct store_locks {
	struct store_lock {
		char *path;
		int fd;
	} *items;
	size_t count, capacity;
};

/*
 * Take those that `config` needs and that are not ours yet, each within `wait_ms`. 0; 1: another
 * process has one; -errno. Where it is not 0, none was taken.
 */
int store_lock_all(struct supervisor *supervisor, const struct config *config, int wait_ms,
	struct err *err);
/* Give up what was taken since there were `count`: nobody wrote under it. */
void store_lock_undo(struct store_locks *locks, size_t count);
void store_lock_fini(struct store_locks *locks);
