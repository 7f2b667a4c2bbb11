#include "when.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/value.h"

enum { MINUTE_SECONDS = 60, HOUR_MINUTES = 60 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ".678" as milliseconds, further digits dropped. */
static const char *read_fraction(const char *text, int64_t *ret_ms)
{
	int64_t unit = 100;

	*ret_ms = 0;
	if (*text != '.') {
		return text;
	}
	for (text++; is_digit(*text); text++, unit /= 10) {
		*ret_ms += (*text - '0') * unit;
	}
	return text;
}

/* "Z", "", "+02:00": minutes east of Greenwich. */
static int read_zone(const char *text, int *ret_minutes)
{
	unsigned hours, minutes;
	int length = 0;

	*ret_minutes = 0;
	if (strcmp(text, "") == 0 || strcmp(text, "Z") == 0) {
		return 0;
	}
	if ((*text != '+' && *text != '-') ||
		sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &length) != 2 ||
		text[1 + length] != '\0' || hours > 23 || minutes > 59) {
		return -EINVAL;
	}
	*ret_minutes = (int)(hours * HOUR_MINUTES + minutes) * (*text == '-' ? -1 : 1);
	return 0;
}

int when_parse(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
		"%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d" };
	int64_t ago_us, fraction_ms;
	int zone;

	if (value_parse_duration(text, &ago_us) == 0) {
		*ret_ms = now_ms - ago_us / 1000;
		return 0;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 };
		const char *rest = is_digit(text[0]) ? strptime(text, forms[i], &tm) : NULL;

		if (!rest) {
			continue;
		}
		rest = read_fraction(rest, &fraction_ms);
		if (read_zone(rest, &zone) == 0) {
			*ret_ms = ((int64_t)timegm(&tm) - (int64_t)zone * MINUTE_SECONDS) * 1000 +
				fraction_ms;
			return 0;
		}
	}
	return -EINVAL;
}
