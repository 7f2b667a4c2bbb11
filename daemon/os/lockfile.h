/*
 * lockfile - who owns a state directory, a database file or a worker's slot
 *
 * A file under a kernel lock, with the owner's pid inside for people. The lock ends with its
 * process, however that ends; the file stays (removing it would let two owners hold two files of
 * one name). It is a record lock of the process (fcntl F_SETLK): children do not inherit it, and
 * the kernel tells a stranger the holder's pid, which no file content can get wrong. The price: a
 * process must open such a file once and keep it.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/*
 * 0 and a close-on-exec fd that holds the lock; 1 and the holder's pid (0: not visible from here);
 * -errno.
 */
int lockfile_take(const char *path, int *ret_fd, pid_t *ret_holder, struct err *err);

/* As lockfile_take(), trying again for `timeout_ms`: a predecessor may still be ending. */
int lockfile_wait(
	const char *path, int timeout_ms, int *ret_fd, pid_t *ret_holder, struct err *err);

/*
 * 1 and its pid while another process holds it; 0: free, or no such file; -errno. Not for a lock of
 * our own.
 */
int lockfile_holder(const char *path, pid_t *ret_holder);

/*
 * Kill the holder, if there is one, and wait up to `timeout_ms` for its end. The pid is checked
 * after a descriptor for it was opened, so that no stranger is killed. 0 when the lock is free;
 * -EPERM, -ETIMEDOUT, ...
 */
int lockfile_kill_holder(const char *path, int timeout_ms);
