/*
 * command - the bytes of commands
 *
 * Pure. What hiredis would build from an array of pointers is written where it is sent from.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/redis/redis.h"

static void header(struct buffer *out, char kind, size_t number)
{
	char text[24], *at = text + sizeof(text);

	*--at = '\n';
	*--at = '\r';
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	*--at = kind;
	buffer_append(out, at, (size_t)(text + sizeof(text) - at));
}

void red_command(struct buffer *out, size_t parts)
{
	header(out, '*', parts);
}

void red_part(struct buffer *out, struct slice part)
{
	header(out, '$', part.len);
	buffer_append(out, part.data, part.len);
	buffer_append(out, "\r\n", 2);
}

void red_part_begin(struct buffer *out, size_t len)
{
	header(out, '$', len);
}

void red_part_end(struct buffer *out)
{
	buffer_append(out, "\r\n", 2);
}

void red_part_str(struct buffer *out, const char *part)
{
	red_part(out, slice_from_str(part));
}

void red_part_int(struct buffer *out, int64_t part)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, part);
	red_part_str(out, text);
}

void red_words(struct buffer *out, ...)
{
	const char *word;
	size_t count = 0;
	va_list args;

	va_start(args, out);
	while (va_arg(args, const char *)) {
		count++;
	}
	va_end(args);
	red_command(out, count);
	va_start(args, out);
	while ((word = va_arg(args, const char *))) {
		red_part_str(out, word);
	}
	va_end(args);
}

void red_login(struct buffer *out, const char *user, const char *password)
{
	if (user && user[0]) {
		red_words(out, "AUTH", user, password, NULL);
	} else {
		red_words(out, "AUTH", password, NULL);
	}
}
