/*
 * quarantine_file - counts of deaths that outlive the supervisor
 */
#include "supervisor/quarantine_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"

#include "supervisor/poison.h"

/* Twice the longest that the longest table can be. */
enum { FILE_MAX = 2 * QUARANTINE_ENTRIES_MAX * 1024 };

static int read_all(int fd, struct buffer *ret)
{
	while (ret->len < FILE_MAX) {
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

int quarantine_file_read(struct quarantine *quarantine, const char *path, unsigned *ret_strangers)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	*ret_strangers = 0;
	if (fd < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	r = read_all(fd, &text);
	if (r == 0) {
		*ret_strangers = quarantine_read(quarantine, buffer_str(&text));
	}
	return r;
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

int quarantine_file_write(const struct quarantine *quarantine, const char *path)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	_cleanup_free_ char *fresh = xasprintf("%s.new", path);
	_cleanup_close_ int fd = -1;
	int r;

	if (quarantine->count == 0) {
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	}
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return -errno;
	}
	quarantine_write(quarantine, &text);
	r = write_all(fd, text.data, text.len);
	if (r == 0 && rename(fresh, path) < 0) {
		r = -errno;
	}
	if (r < 0) {
		(void)unlink(fresh);
	}
	return r;
}
