/*
 * guard_page - bytes that end where the process may not read on
 *
 * One read past the end is a SIGSEGV, with or without a sanitizer.
 */
#pragma once

#include <stddef.h>

struct guard_page {
	char *map;
	size_t room; /* readable and writable bytes; the page behind them is neither */
};

/* Room for at least `room` bytes; aborts where the system refuses. */
void guard_page_init(struct guard_page *guard, size_t room);
void guard_page_fini(struct guard_page *guard);

/* Copy `data` so that its last byte is the last readable one; valid until the next call. */
const char *guard_page_place(struct guard_page *guard, const void *data, size_t len);
