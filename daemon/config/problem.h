/*
 * problem - what is wrong with a configuration, collected to be told all at once
 *
 * Problems arrive in the order of the checks and are told in the order of the files. One thread.
 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"

/* Where something was written. Files are numbered in the order they were read. */
struct place {
	const char *file; /* borrowed */
	unsigned file_index;
	unsigned line; /* 0: the file as a whole */
};

struct problem;

struct problems {
	struct problem *items;
	size_t count, capacity;
	size_t untold; /* beyond the limit of what a person reads */
};

#define PROBLEMS_INIT ((struct problems){ NULL, 0, 0, 0 })

void problems_add(struct problems *problems, const struct place *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Append "file:line: what" lines. Returns the number of problems, untold ones included. */
unsigned problems_write(struct problems *problems, struct buffer *out);

void problems_fini(struct problems *problems);
