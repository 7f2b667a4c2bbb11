/*
 * no_memory - the last words of a handler that gets no memory where it cannot go on without
 *
 * Any thread; written without allocating.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline _Noreturn void no_memory(size_t size)
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
