/*
 * value - numbers, times and sizes as people write them
 */
#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/slice.h"

struct unit {
	const char *name;
	int64_t scale;
};

/* Largest first: what is written back uses the first that divides. */
static const struct unit time_units[] = {
	{ "d", 86400000000 },
	{ "h", 3600000000 },
	{ "m", 60000000 },
	{ "s", 1000000 },
	{ "ms", 1000 },
	{ NULL, 0 },
};

static const struct unit size_units[] = {
	{ "TiB", 1LL << 40 },
	{ "GiB", 1LL << 30 },
	{ "MiB", 1LL << 20 },
	{ "KiB", 1LL << 10 },
	{ "TB", 1000000000000 },
	{ "GB", 1000000000 },
	{ "MB", 1000000 },
	{ "kB", 1000 },
	{ "B", 1 },
	{ "", 1 },
	{ NULL, 0 },
};

/* Digits at `text`, as many as there are. -EINVAL for none, or over INT64_MAX.
 */
static int parse_digits(const char *text, int64_t *ret, const char **ret_end)
{
	int64_t value = 0;
	const char *s = text;

	for (; isdigit((unsigned char)*s); s++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *s - '0', &value)) {
			return -EINVAL;
		}
	}
	*ret = value;
	*ret_end = s;
	return s == text ? -EINVAL : 0;
}

int value_parse_integer(const char *text, int64_t *ret)
{
	const char *end;
	int r = parse_digits(text, ret, &end);

	return r < 0 || *end ? -EINVAL : 0;
}

/* A number followed by the name of a unit, blanks between them allowed. */
static int parse_with_unit(const char *text, const struct unit *units, int64_t *ret)
{
	const char *name;
	int64_t number;

	if (parse_digits(text, &number, &name) < 0) {
		return -EINVAL;
	}
	name += strspn(name, " ");
	for (; units->name; units++) {
		if (strcmp(name, units->name) == 0) {
			return __builtin_mul_overflow(number, units->scale, ret) ? -EINVAL : 0;
		}
	}
	return -EINVAL;
}

static void write_with_unit(struct buffer *out, int64_t value, const struct unit *units)
{
	while (value % units->scale != 0) {
		units++;
	}
	buffer_printf(out, "%" PRId64 "%s", value / units->scale, units->name);
}

int value_parse_duration(const char *text, int64_t *ret_us)
{
	if (strcmp(text, "0") == 0) {
		*ret_us = 0;
		return 0;
	}
	return parse_with_unit(text, time_units, ret_us);
}

void value_write_duration(struct buffer *out, int64_t us)
{
	if (us == 0) {
		buffer_append_str(out, "0");
	} else {
		write_with_unit(out, us, time_units);
	}
}

int value_parse_size(const char *text, int64_t *ret_bytes)
{
	return parse_with_unit(text, size_units, ret_bytes);
}

void value_write_size(struct buffer *out, int64_t bytes)
{
	if (bytes == 0 || bytes % 1024 != 0) {
		buffer_printf(out, "%" PRId64, bytes);
		return;
	}
	write_with_unit(out, bytes, size_units);
}

int value_parse_rate(const char *text, struct config_rate *ret)
{
	const char *rest;
	int64_t count;
	size_t blanks;

	if (strcmp(text, "off") == 0) {
		*ret = (struct config_rate){ 0, 0 };
		return 0;
	}
	if (parse_digits(text, &count, &rest) < 0 || count < 1 || count > UINT_MAX) {
		return -EINVAL;
	}
	blanks = strspn(rest, " ");
	rest += blanks;
	if (blanks == 0 || strncmp(rest, "in ", 3) != 0) {
		return -EINVAL;
	}
	rest += 3;
	rest += strspn(rest, " ");
	ret->count = (unsigned)count;
	return value_parse_duration(rest, &ret->window_us) < 0 || ret->window_us == 0 ? -EINVAL : 0;
}

void value_write_rate(struct buffer *out, const struct config_rate *rate)
{
	if (rate->count == 0) {
		buffer_append_str(out, "off");
		return;
	}
	buffer_printf(out, "%u in ", rate->count);
	value_write_duration(out, rate->window_us);
}

enum { FACTOR_DECIMALS = 6, FACTOR_SCALE = 1000000 };

int value_parse_factor(const char *text, double *ret)
{
	int64_t whole, decimals = 0, scale = 1;
	const char *rest, *end;

	if (parse_digits(text, &whole, &rest) < 0 || whole >= 10000000) {
		return -EINVAL;
	}
	if (*rest == '.') {
		if (parse_digits(rest + 1, &decimals, &end) < 0 ||
			end - rest - 1 > FACTOR_DECIMALS) {
			return -EINVAL;
		}
		for (const char *digit = rest + 1; digit < end; digit++) {
			scale *= 10;
		}
		rest = end;
	}
	/* Both are exact as double, so the quotient is the double nearest to what was
   * written. */
	*ret = (double)(whole * scale + decimals) / (double)scale;
	return *rest ? -EINVAL : 0;
}

void value_write_factor(struct buffer *out, double factor)
{
	int64_t scaled = llround(factor * FACTOR_SCALE);
	int64_t decimals = scaled % FACTOR_SCALE;
	int digits = FACTOR_DECIMALS;

	buffer_printf(out, "%" PRId64, scaled / FACTOR_SCALE);
	if (decimals == 0) {
		return;
	}
	for (; decimals % 10 == 0; decimals /= 10) {
		digits--;
	}
	buffer_printf(out, ".%0*" PRId64, digits, decimals);
}

int value_parse_bool(const char *text, bool *ret)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "yes", true },
		{ "no", false },
		{ "true", true },
		{ "false", false },
		{ "on", true },
		{ "off", false },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i].word) == 0) {
			*ret = words[i].value;
			return 0;
		}
	}
	return -EINVAL;
}
