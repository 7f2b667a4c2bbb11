/*
 * wall_clock - a wall clock that a test sets while the program runs
 *
 * Preloaded. The file named by ONCED_TEST_WALL_CLOCK holds a number: so many milliseconds is the
 * wall clock ahead of the machine's. It is mapped, so that a new number counts at once, in every
 * process that has it. The monotonic clock stays what it is. A wait until some time of the wall
 * clock is as long as it was meant to be: the kernel, which ends it, knows nothing of the number.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead_ms;
static _Thread_local int64_t told_ms; /* how far ahead it was when this thread last asked */

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

static struct timespec shifted(struct timespec time, int64_t ms)
{
	int64_t ns = time.tv_nsec + ms % 1000 * 1000000;

	time.tv_sec += ms / 1000 + (ns >= 1000000000) - (ns < 0);
	time.tv_nsec = ns >= 1000000000 ? ns - 1000000000 : ns < 0 ? ns + 1000000000 : ns;
	return time;
}

/* By the kernel: whoever else stands in for the C library's functions is not asked. */
int clock_gettime(clockid_t id, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, id, ret);

	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
		told_ms = ahead_ms ? *ahead_ms : 0;
		*ret = shifted(*ret, told_ms);
	}
	return r;
}

int timespec_get(struct timespec *ret, int base)
{
	return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, ret) == 0 ? base : 0;
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

/* Both are the same to the C library, whose own function would not ask us for the time. */
int cnd_timedwait(
	cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until)
{
	struct timespec real = shifted(*until, -told_ms);
	int r = pthread_cond_clockwait(
		(pthread_cond_t *)cond, (pthread_mutex_t *)mutex, CLOCK_REALTIME, &real);

	return r == 0 ? thrd_success : r == ETIMEDOUT ? thrd_timedout : thrd_error;
}
