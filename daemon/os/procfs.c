/*
 * procfs - what the kernel says about a process and about memory that ran out
 */
#include "os/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Bytes read, NUL-terminated; -errno. */
static ssize_t read_file(const char *path, char *ret, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0) {
		return -errno;
	}
	got = read(fd, ret, size - 1);
	if (got < 0) {
		return -errno;
	}
	ret[got] = '\0';
	return got;
}

bool procfs_is_stopped(pid_t pid)
{
	char path[64], text[512];
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_file(path, text, sizeof(text)) < 0) {
		return false;
	}
	/* the name before it may hold anything */
	state = strrchr(text, ')');
	return state && state[1] == ' ' && (state[2] == 'T' || state[2] == 't');
}

int64_t procfs_resident_bytes(pid_t pid)
{
	char path[64], text[256];
	int64_t pages;
	ssize_t r;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	r = read_file(path, text, sizeof(text));
	if (r < 0) {
		return r;
	}
	return sscanf(text, "%*d %" SCNd64, &pages) == 1 ? pages * sysconf(_SC_PAGESIZE) : -EPROTO;
}

/* ---- control groups ---- */

/* Our group's path in the hierarchy of `controller` ("": version 2) as /proc/self/cgroup has it. */
static bool find_group(char *groups, const char *controller, char *ret, size_t size)
{
	char *save = NULL;

	for (char *line = strtok_r(groups, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *names = strchr(line, ':');
		char *path = names ? strchr(names + 1, ':') : NULL;

		if (!path) {
			continue;
		}
		*path++ = '\0';
		if (strcmp(names + 1, controller) == 0) {
			snprintf(ret, size, "%s", path);
			return true;
		}
	}
	return false;
}

/* The counter behind `oom_kill` in a file of the group, or of the root of what is mounted here. */
static int64_t read_kills(const char *mount, const char *group, const char *file)
{
	char path[1200], text[1024];
	const char *at;
	int64_t kills;

	snprintf(path, sizeof(path), "%s%s/%s", mount, group, file);
	if (read_file(path, text, sizeof(text)) < 0) {
		/* a container may show its own group as the root */
		snprintf(path, sizeof(path), "%s/%s", mount, file);
		if (read_file(path, text, sizeof(text)) < 0) {
			return -ENOENT;
		}
	}
	at = strstr(text, "oom_kill ");
	return at && sscanf(at, "oom_kill %" SCNd64, &kills) == 1 ? kills : -ENOENT;
}

int64_t procfs_oom_kills(void)
{
	static const struct {
		const char *controller, *mount, *file;
	} versions[] = {
		{ "", "/sys/fs/cgroup", "memory.events" },
		{ "memory", "/sys/fs/cgroup/memory", "memory.oom_control" },
	};
	char groups[4096], group[1024];

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		int64_t kills = -ENOENT;

		if (read_file("/proc/self/cgroup", groups, sizeof(groups)) < 0) {
			return -ENOENT;
		}
		if (find_group(groups, versions[i].controller, group, sizeof(group))) {
			kills = read_kills(versions[i].mount, strcmp(group, "/") == 0 ? "" : group,
				versions[i].file);
		}
		if (kills >= 0) {
			return kills;
		}
	}
	return -ENOENT;
}
