/*
 * memfd - bytes handed to another process that nobody can change afterwards
 *
 * Runs in: supervisor.
 */
#include "os/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, data, len);

		if (written < 0 && errno != EINTR) {
			return -errno;
		}
		if (written > 0) {
			data += written;
			len -= (size_t)written;
		}
	}
	return 0;
}

int memfd_sealed(const char *name, const void *data, size_t len)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0) {
		return -errno;
	}
	r = write_all(fd, data, len);
	if (r < 0) {
		return r;
	}
	if (lseek(fd, 0, SEEK_SET) < 0) {
		return -errno;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
		return -errno;
	}
	return TAKE_FD(fd);
}
