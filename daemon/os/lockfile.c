/*
 * lockfile - who owns a state directory, a database file or a worker's slot
 *
 * Runs in: supervisor, worker.
 */
#include "os/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "os/process.h"

enum { RETRY_MS = 50 };

static struct flock whole_file(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

/* For people with `cat`; the lock does not depend on it. */
static void write_pid(int fd)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len) {
		return; /* a full disk: the lock holds all the same */
	}
}

static int ask_holder(int fd, pid_t *ret_holder)
{
	struct flock lock = whole_file();

	if (fcntl(fd, F_GETLK, &lock) < 0) {
		return -errno;
	}
	*ret_holder = lock.l_type == F_UNLCK ? 0 : lock.l_pid;
	return lock.l_type == F_UNLCK ? 0 : 1;
}

int lockfile_take(const char *path, int *ret_fd, pid_t *ret_holder, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct flock lock = whole_file();

	*ret_holder = 0;
	if (fd < 0) {
		return err_set(err, -errno, "cannot open the lock file %s: %m", path);
	}
	if (fcntl(fd, F_SETLK, &lock) == 0) {
		write_pid(fd);
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	if (errno != EAGAIN && errno != EACCES) {
		return err_set(err, -errno, "cannot lock %s: %m", path);
	}
	(void)ask_holder(fd, ret_holder);
	return err_set(err, 1, "%s is held by process %d", path, (int)*ret_holder);
}

int lockfile_wait(const char *path, int timeout_ms, int *ret_fd, pid_t *ret_holder, struct err *err)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
	int r;

	for (;;) {
		r = lockfile_take(path, ret_fd, ret_holder, err);
		if (r != 1 || clock_mono_us() >= deadline_us) {
			return r;
		}
		(void)poll(NULL, 0, RETRY_MS);
	}
}

int lockfile_holder(const char *path, pid_t *ret_holder)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	*ret_holder = 0;
	if (fd < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	return ask_holder(fd, ret_holder);
}

int lockfile_kill_holder(const char *path, int timeout_ms)
{
	_cleanup_(process_fini) struct process process = PROCESS_INIT;
	pid_t holder, again;
	int r = lockfile_holder(path, &holder);

	if (r <= 0) {
		return r;
	}
	if (holder <= 1) {
		return -EPERM; /* of another pid namespace: not ours to judge */
	}
	r = process_open(holder, &process);
	if (r < 0 && r != -ESRCH) {
		return r;
	}
	if (lockfile_holder(path, &again) != 1) {
		return 0; /* it went by itself */
	}
	if (r < 0 || again != holder) {
		return -EAGAIN; /* another holder by now: look again */
	}
	r = process_signal(&process, SIGKILL);
	return r < 0 ? r : process_wait_end(&process, timeout_ms);
}
