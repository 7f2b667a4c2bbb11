/*
 * listener - the control socket
 *
 * Runs in: supervisor.
 */
#include "os/listener.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { BACKLOG = 1024 }; /* who asks properly gets in line behind a crowd */

/* 0: nobody answers; 1: somebody does; -errno: cannot tell. */
static int has_server(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		return -errno;
	}
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0) {
		return 1;
	}
	switch (errno) {
	case ECONNREFUSED:
	case ENOENT:
		return 0;
	case EAGAIN: /* its backlog is full: alive, if not well */
		return 1;
	default:
		return -errno;
	}
}

/* Remove what a dead server left at the path. A file that is no socket is somebody's file. */
static int clear_path(const struct sockaddr_un *address, struct err *err)
{
	const char *path = address->sun_path;
	struct stat st;
	int r;

	if (lstat(path, &st) < 0) {
		return errno == ENOENT ? 0 : err_set(err, -errno, "cannot look at %s: %m", path);
	}
	if (!S_ISSOCK(st.st_mode)) {
		return err_set(err, -EEXIST, "%s exists and is not a socket; remove it", path);
	}
	r = has_server(address);
	if (r < 0) {
		return err_set(err, r, "cannot ask who serves %s: %s", path, strerror(-r));
	}
	if (r == 1) {
		return err_set(err, -EADDRINUSE,
			"another process serves %s; stop it or set another control.socket", path);
	}
	if (unlink(path) < 0 && errno != ENOENT) {
		return err_set(err, -errno, "cannot remove the stale socket %s: %m", path);
	}
	return 0;
}

static void make_directory(const char *path)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash && slash != directory) {
		*slash = '\0';
		(void)mkdir(
			directory, 0755); /* what fails here fails again, with a name, in bind */
	}
}

static int bind_and_listen(int fd, const struct sockaddr_un *address, struct err *err)
{
	/* The mask makes the file right from its first moment; the supervisor has one thread. */
	mode_t mask = umask(0117);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

	umask(mask);
	if (r < 0) {
		return err_set(err, r, "cannot create the control socket %s: %s", address->sun_path,
			strerror(-r));
	}
	if (listen(fd, BACKLOG) < 0) {
		return err_set(err, -errno, "cannot listen on %s: %m", address->sun_path);
	}
	return 0;
}

int listener_open(struct listener *listener, const char *path, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (strlen(path) >= sizeof(address.sun_path)) {
		return err_set(err, -ENAMETOOLONG,
			"control.socket is %zu bytes long, %zu is the most: %s", strlen(path),
			sizeof(address.sun_path) - 1, path);
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	make_directory(path);
	r = clear_path(&address, err);
	if (r < 0) {
		return r;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return err_set(err, -errno, "cannot create the control socket: %m");
	}
	r = bind_and_listen(fd, &address, err);
	if (r < 0) {
		return r;
	}
	if (lstat(path, &st) < 0) {
		return err_set(err, -errno, "the control socket %s is gone: %m", path);
	}
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	snprintf(listener->path, sizeof(listener->path), "%s", path);
	listener->fd = TAKE_FD(fd);
	return 0;
}

void listener_close(struct listener *listener)
{
	struct stat st;

	if (listener->fd < 0) {
		return;
	}
	if (lstat(listener->path, &st) == 0 && st.st_dev == listener->device &&
		st.st_ino == listener->inode) {
		(void)unlink(listener->path);
	}
	close(listener->fd);
	*listener = LISTENER_INIT;
}
