/*
 * store_lock - files of SQLite belong to one daemon
 *
 * Runs in: supervisor.
 */
#include "supervisor/store_lock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "os/lockfile.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

/* By another name, too: to lock a file again and close it would give up the lock that is there. */
static bool is_ours(const struct store_locks *locks, const char *path)
{
	struct stat wanted, ours;
	bool is_there = lstat(path, &wanted) == 0;

	for (size_t i = 0; i < locks->count; i++) {
		if (strcmp(locks->items[i].path, path) == 0) {
			return true;
		}
		if (is_there && fstat(locks->items[i].fd, &ours) == 0 &&
			ours.st_dev == wanted.st_dev && ours.st_ino == wanted.st_ino) {
			return true;
		}
	}
	return false;
}

static int take(struct store_locks *locks, const char *store, int wait_ms, struct err *err)
{
	static const char scheme[] = "sqlite:";
	_cleanup_free_ char *path = NULL;
	pid_t holder;
	int fd, r;

	if (strncmp(store, scheme, strlen(scheme)) != 0) {
		return 0;
	}
	path = xasprintf("%s.onced-lock", store + strlen(scheme));
	if (is_ours(locks, path)) {
		return 0;
	}
	r = lockfile_wait(path, wait_ms, &fd, &holder, err);
	if (r == 0) {
		ARRAY_GROW(locks->items, locks->count, locks->capacity);
		locks->items[locks->count++] = (struct store_lock){ TAKE(path), fd };
	}
	return r;
}

int store_lock_all(
	struct supervisor *supervisor, const struct config *config, int wait_ms, struct err *err)
{
	struct store_locks *locks = &supervisor->store_locks;
	size_t before = locks->count;
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->consumer_count; i++) {
		r = take(locks, config_store_of(config, &config->consumers[i]), wait_ms, err);
	}
	if (r != 0) {
		store_lock_undo(locks, before);
	}
	return r;
}

void store_lock_undo(struct store_locks *locks, size_t count)
{
	while (locks->count > count) {
		struct store_lock *lock = &locks->items[--locks->count];

		free(lock->path);
		close(lock->fd);
	}
}

void store_lock_fini(struct store_locks *locks)
{
	store_lock_undo(locks, 0);
	free(locks->items);
	*locks = (struct store_locks){ 0 };
}
