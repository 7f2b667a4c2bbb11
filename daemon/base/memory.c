/*
 * memory - allocation that does not fail halfway
 *
 * Runs in: every process, any thread. What failed is tried again with what was set aside for that,
 * where there is something. The last words are written without allocating.
 */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/reserve.h"

static _Noreturn void memory_abort(size_t size)
{
	char line[80];
	int len = snprintf(
		line, sizeof(line), "onced: out of memory for %zu bytes, aborting\n", size);
	if (len > 0) {
		ssize_t written = write(STDERR_FILENO, line, (size_t)len);
		(void)written;
	}
	abort();
}

void *xmalloc(size_t size)
{
	void *pointer;

	do {
		pointer = malloc(size > 0 ? size : 1);
	} while (!pointer && reserve_release());
	if (!pointer) {
		memory_abort(size);
	}
	return pointer;
}

void *xcalloc(size_t count, size_t size)
{
	void *pointer;

	do {
		pointer = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
	} while (!pointer && reserve_release());
	if (!pointer) {
		memory_abort(size);
	}
	return pointer;
}

void *xrealloc(void *pointer, size_t size)
{
	void *moved;

	do {
		moved = realloc(pointer, size > 0 ? size : 1);
	} while (!moved && reserve_release());
	if (!moved) {
		memory_abort(size);
	}
	return moved;
}

void *xaligned_alloc(size_t alignment, size_t size)
{
	void *pointer;

	do {
		pointer = aligned_alloc(alignment, size);
	} while (!pointer && reserve_release());
	if (!pointer) {
		memory_abort(size);
	}
	return pointer;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t max)
{
	size_t len = strnlen(s, max);
	char *copy = xmalloc(len + 1);
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *xasprintf(const char *format, ...)
{
	char *text = NULL;
	int len;

	do {
		va_list args;

		va_start(args, format);
		len = vasprintf(&text, format, args);
		va_end(args);
	} while (len < 0 && reserve_release());
	if (len < 0) {
		memory_abort(0);
	}
	return text;
}
