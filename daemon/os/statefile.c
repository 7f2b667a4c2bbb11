/*
 * statefile - small files of state.dir, read and replaced whole
 */
#include "os/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"

int statefile_read(const char *path, size_t max, struct buffer *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	while (ret->len <= max) {
		ssize_t got = read(fd, buffer_reserve(ret, 4096), 4096);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return got < 0 ? -errno : 0;
		}
		ret->len += (size_t)got;
		ret->data[ret->len] = '\0';
	}
	return -EFBIG;
}

static int write_all(int fd, const char *text, size_t left)
{
	while (left > 0) {
		ssize_t written = write(fd, text, left);

		if (written < 0 && errno == EINTR) {
			continue;
		}
		if (written < 0) {
			return -errno;
		}
		text += written;
		left -= (size_t)written;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* A name is durable when its directory is. */
static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *directory =
		slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	_cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int statefile_write(const char *path, const struct buffer *text)
{
	_cleanup_free_ char *fresh = xasprintf("%s.new", path);
	_cleanup_close_ int fd = -1;
	int r;

	if (text->len == 0) {
		return unlink(path) < 0 && errno != ENOENT ? -errno : sync_directory(path);
	}
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return -errno;
	}
	r = write_all(fd, text->data, text->len);
	if (r == 0 && rename(fresh, path) < 0) {
		r = -errno;
	}
	if (r < 0) {
		(void)unlink(fresh);
		return r;
	}
	return sync_directory(path);
}
