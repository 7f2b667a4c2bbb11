/*
 * clock - the two times, and how they are written
 *
 * Runs in: every process, any thread.
 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

int64_t clock_mono_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *clock_format_rfc3339(int64_t wall_ms, char buffer[CLOCK_RFC3339_MAX])
{
	int64_t seconds = wall_ms / 1000;
	int64_t millis = wall_ms % 1000;
	if (millis < 0) {
		millis += 1000;
		seconds--;
	}
	time_t when = (time_t)seconds;
	struct tm tm = { 0 };
	gmtime_r(&when, &tm);
	/*
	 * Every 64-bit time has a year of at most nine digits and a sign, which fits; the text is
	 * built in strftime's order.
	 */
	size_t len = strftime(buffer, CLOCK_RFC3339_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buffer + len, CLOCK_RFC3339_MAX - len, ".%03uZ", (unsigned)millis);
	return buffer;
}
