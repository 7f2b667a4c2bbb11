/*
 * wall_clock - a wall clock that a test sets while the program runs
 *
 * Preloaded. The file named by ONCED_TEST_WALL_CLOCK holds a number: so many milliseconds is the
 * wall clock ahead of the machine's. It is mapped, so that a new number counts at once, in every
 * process that has it. The monotonic clock stays what it is.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead_ms;

__attribute__((constructor)) static void map_file(void)
{
	const char *path = getenv("ONCED_TEST_WALL_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0) {
		return;
	}
	map = mmap(NULL, sizeof(*ahead_ms), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	ahead_ms = map == MAP_FAILED ? NULL : map;
}

/* By the kernel: whoever else stands in for the C library's functions is not asked. */
int clock_gettime(clockid_t id, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, id, ret);
	int64_t ahead = ahead_ms ? *ahead_ms : 0, ns;

	if (r != 0 || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) {
		return r;
	}
	ns = ret->tv_nsec + ahead % 1000 * 1000000;
	ret->tv_sec += ahead / 1000 + (ns >= 1000000000) - (ns < 0);
	ret->tv_nsec = ns >= 1000000000 ? ns - 1000000000 : ns < 0 ? ns + 1000000000 : ns;
	return 0;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret) {
		*ret = now.tv_sec;
	}
	return now.tv_sec;
}
