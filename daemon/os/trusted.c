/*
 * trusted - whether only we and root can have put a file where it is
 *
 * The path is walked name by name, links included, on descriptors: what was checked is what is
 * entered.
 */
#include "os/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/memory.h"

enum { LINKS_MAX = 40 };

struct walk {
	int fd; /* where we are */
	struct stat st; /* of it */
	struct buffer at; /* its path, without links; "" is the root */
	char *rest; /* what is still to be walked */
	unsigned links;
};

static void walk_fini(struct walk *walk)
{
	if (walk->fd >= 0) {
		close(walk->fd);
	}
	buffer_fini(&walk->at);
	free(walk->rest);
}

static const char *place(const struct walk *walk)
{
	return walk->at.len > 0 ? buffer_str(&walk->at) : "/";
}

/* `name` is below the present place, or NULL for the place itself. */
static int check(const struct walk *walk, const char *name, const struct stat *st, struct err *err)
{
	const char *at = name ? buffer_str(&walk->at) : place(walk);
	const char *slash = name ? "/" : "";
	bool is_shared = !S_ISLNK(st->st_mode) && (st->st_mode & (S_IWGRP | S_IWOTH)) &&
		!(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX));

	name = name ? name : "";
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		return err_set(err, -EPERM,
			"%s%s%s belongs to user %u, who could put other code there; it must belong "
			"to root or to the user onced runs as (%u)",
			at, slash, name, (unsigned)st->st_uid, (unsigned)geteuid());
	}
	if (is_shared) {
		return err_set(err, -EPERM,
			"%s%s%s is writable by %s, who could put other code there; chmod go-w it",
			at, slash, name, st->st_mode & S_IWOTH ? "everybody" : "its group");
	}
	return 0;
}

/* Enter `fd`, checked before; `name` NULL: it is the root. */
static void enter(struct walk *walk, int take_fd, const struct stat *st, const char *name)
{
	if (walk->fd >= 0) {
		close(walk->fd);
	}
	walk->fd = take_fd;
	walk->st = *st;
	if (name) {
		buffer_append_char(&walk->at, '/');
		buffer_append_str(&walk->at, name);
	} else {
		buffer_clear(&walk->at);
	}
}

static int enter_root(struct walk *walk, struct err *err)
{
	_cleanup_close_ int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	buffer_clear(&walk->at);
	if (fd < 0 || fstat(fd, &st) < 0) {
		return err_set(err, -errno, "/: %s", strerror(errno));
	}
	r = check(walk, NULL, &st, err);
	if (r == 0) {
		enter(walk, TAKE_FD(fd), &st, NULL);
	}
	return r;
}

/* Walk the link's target before what is left. */
static int follow(struct walk *walk, int link_fd, const char *name, struct err *err)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(link_fd, "", target, sizeof(target) - 1);
	char *rest;

	if (len < 0) {
		return err_set(
			err, -errno, "%s/%s: %s", buffer_str(&walk->at), name, strerror(errno));
	}
	if (++walk->links > LINKS_MAX) {
		return err_set(
			err, -ELOOP, "%s/%s: too many symbolic links", buffer_str(&walk->at), name);
	}
	target[len] = '\0';
	rest = xasprintf("%s/%s", target, walk->rest);
	free(walk->rest);
	walk->rest = rest;
	return target[0] == '/' ? enter_root(walk, err) : 0;
}

static int go_up(struct walk *walk, struct err *err)
{
	_cleanup_close_ int fd = openat(walk->fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *slash = walk->at.len > 0 ? strrchr(walk->at.data, '/') : NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return err_set(err, -errno, "%s/..: %s", buffer_str(&walk->at), strerror(errno));
	}
	if (slash) {
		walk->at.len = (size_t)(slash - walk->at.data);
		*slash = '\0';
	}
	close(walk->fd);
	walk->fd = TAKE_FD(fd);
	walk->st = st;
	return check(walk, NULL, &st, err);
}

static int step(struct walk *walk, const char *name, struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (strcmp(name, ".") == 0) {
		return 0;
	}
	if (strcmp(name, "..") == 0) {
		return go_up(walk, err);
	}
	fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		return err_set(
			err, -errno, "%s/%s: %s", buffer_str(&walk->at), name, strerror(errno));
	}
	r = check(walk, name, &st, err);
	if (r < 0) {
		return r;
	}
	if (S_ISLNK(st.st_mode)) {
		return follow(walk, fd, name, err);
	}
	enter(walk, TAKE_FD(fd), &st, name);
	return 0;
}

/* Take the next name off what is left; NULL at the end. To be freed. */
static char *next_name(struct walk *walk)
{
	size_t skip = strspn(walk->rest, "/");
	size_t len = strcspn(walk->rest + skip, "/");
	char *name;

	if (len == 0) {
		return NULL;
	}
	name = xstrndup(walk->rest + skip, len);
	memmove(walk->rest, walk->rest + skip + len, strlen(walk->rest + skip + len) + 1);
	return name;
}

static int walk_all(struct walk *walk, struct err *err)
{
	int r = enter_root(walk, err);

	while (r == 0) {
		_cleanup_free_ char *name = next_name(walk);

		if (!name) {
			return 0;
		}
		r = step(walk, name, err);
	}
	return r;
}

int trusted_file(const char *path, char **ret_real, struct err *err)
{
	_cleanup_(walk_fini) struct walk walk = { .fd = -1, .at = BUFFER_INIT };
	int r;

	if (path[0] != '/') {
		return err_set(err, -EINVAL, "%s is not an absolute path", path);
	}
	walk.rest = xstrdup(path);
	r = walk_all(&walk, err);
	if (r < 0) {
		return r;
	}
	if (!S_ISREG(walk.st.st_mode)) {
		return err_set(err, -EINVAL, "%s is not a file", place(&walk));
	}
	*ret_real = buffer_take(&walk.at);
	return 0;
}
