#include "base/failpoint.h"

#ifdef ONCED_FAILPOINTS

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct point {
	char name[64], action[16];
	unsigned n, passes;
};

static struct point points[16];
static unsigned point_count;
static pthread_mutex_t points_lock = PTHREAD_MUTEX_INITIALIZER;

static void read_points(void)
{
	const char *text = getenv("ONCED_FAILPOINT");
	char *copy = text ? strdup(text) : NULL, *rest = NULL;

	for (char *entry = copy ? strtok_r(copy, ",", &rest) : NULL; entry && point_count < 16;
		entry = strtok_r(NULL, ",", &rest)) {
		struct point *p = &points[point_count];
		int fields = sscanf(entry, "%63[^:]:%15[^:]:%u", p->name, p->action, &p->n);
		point_count += fields >= 2;
	}
	free(copy);
}

static int is_mine(void)
{
	const char *once = getenv("ONCED_FAILPOINT_ONCE");
	int fd;

	if (!once) {
		return 1;
	}
	fd = open(once, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0) {
		close(fd);
	}
	return fd >= 0;
}

static void act(const struct point *p)
{
	if (strcmp(p->action, "kill") == 0 && is_mine()) {
		kill(getpid(), SIGKILL);
	} else if (strcmp(p->action, "exit") == 0 && is_mine()) {
		_exit(1);
	} else if (strcmp(p->action, "stop") == 0 && is_mine()) {
		kill(getpid(), SIGSTOP);
	}
}

void failpoint_pass(const char *name)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned delay_ms = 0;

	pthread_once(&once, read_points);
	pthread_mutex_lock(&points_lock);
	for (unsigned i = 0; i < point_count; i++) {
		struct point *p = &points[i];
		if (strcmp(p->name, name) != 0) {
			continue;
		}
		p->passes++;
		if (strcmp(p->action, "delay") == 0) {
			delay_ms = p->n;
		} else if (p->passes == (p->n ? p->n : 1)) {
			act(p);
		}
	}
	pthread_mutex_unlock(&points_lock);
	if (delay_ms) {
		usleep(delay_ms * 1000);
	}
}

#else
typedef int failpoint_is_not_built;
#endif
