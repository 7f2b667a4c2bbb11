/*
 * clock - the two times, and how they are written
 *
 * Runs in: every process, any thread.
 */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
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

int clock_parse_rfc3339(struct slice text, int64_t *ret_wall_ms)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	char copy[sizeof(form)], again[CLOCK_RFC3339_MAX];
	struct tm tm = { 0 };
	int millis;
	int64_t wall_ms;

	if (!text.data || text.len != sizeof(form) - 1) {
		return -EINVAL;
	}
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (sscanf(copy, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		    &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &millis) != 7) {
		return -EINVAL;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	wall_ms = (int64_t)timegm(&tm) * 1000 + millis;
	/* what is no date, or written otherwise, is another text */
	if (wall_ms < 0 || strcmp(clock_format_rfc3339(wall_ms, again), copy) != 0) {
		return -EINVAL;
	}
	*ret_wall_ms = wall_ms;
	return 0;
}
