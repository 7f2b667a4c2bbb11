/*
 * statedir - the files of a state directory, by name
 *
 * Runs in: supervisor, worker.
 */
#include "os/statedir.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "os/lockfile.h"

static const char lock_prefix[] = "worker-";
static const char lock_suffix[] = ".lock";

static void closedirp(DIR **dir)
{
	if (*dir) {
		closedir(*dir);
	}
}

char *statedir_supervisor_lock(const char *dir)
{
	return xasprintf("%s/supervisor.lock", dir);
}

char *statedir_worker_lock(const char *dir, const char *consumer, unsigned slot)
{
	return xasprintf("%s/%s%s-%u%s", dir, lock_prefix, consumer, slot, lock_suffix);
}

char *statedir_page(const char *dir, const char *consumer, unsigned slot)
{
	return xasprintf("%s/page-%s-%u", dir, consumer, slot);
}

char *statedir_pauses(const char *dir, const char *consumer)
{
	return xasprintf("%s/pauses-%s", dir, consumer);
}

char *statedir_quarantine(const char *dir, const char *consumer)
{
	return xasprintf("%s/quarantine-%s", dir, consumer);
}

int statedir_prepare(const char *dir, struct err *err)
{
	struct stat st;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		return err_set(err, -errno, "cannot create state.dir %s: %m", dir);
	}
	if (stat(dir, &st) < 0) {
		return err_set(err, -errno, "cannot look at state.dir %s: %m", dir);
	}
	if (!S_ISDIR(st.st_mode)) {
		return err_set(err, -ENOTDIR, "state.dir %s is not a directory", dir);
	}
	if (access(dir, W_OK | X_OK) < 0) {
		return err_set(err, -errno, "state.dir %s cannot be written: %m", dir);
	}
	return 0;
}

static int is_worker_lock(const char *name)
{
	size_t len = strlen(name), prefix = sizeof(lock_prefix) - 1,
	       suffix = sizeof(lock_suffix) - 1;

	return len > prefix + suffix && strncmp(name, lock_prefix, prefix) == 0 &&
		strcmp(name + len - suffix, lock_suffix) == 0;
}

int statedir_orphans(const char *dir, void (*visit)(void *context, const char *path, pid_t holder),
	void *context)
{
	_cleanup_(closedirp) DIR *directory = opendir(dir);
	const struct dirent *entry;
	int held = 0;

	if (!directory) {
		return -errno;
	}
	while ((entry = readdir(directory))) {
		_cleanup_free_ char *path = NULL;
		pid_t holder;
		int r;

		if (!is_worker_lock(entry->d_name)) {
			continue;
		}
		path = xasprintf("%s/%s", dir, entry->d_name);
		r = lockfile_holder(path, &holder);
		if (r < 0) {
			return r;
		}
		held += r;
		if (r == 1 && visit) {
			visit(context, path, holder);
		}
	}
	return held;
}
