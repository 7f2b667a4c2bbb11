/*
 * crash - what a dying worker leaves on its page
 *
 * Runs in: worker, in a signal handler on whatever thread dies. Only where foreign code runs inside
 * the worker (plugins). The signal then does what it would have done: core dumps are kept.
 */
#pragma once

#include <signal.h>

#include "base/err.h"
#include "os/page.h"

/* Before the first lane starts; `page` stays mapped. */
int crash_watch(struct page *page, struct err *err);

/*
 * The calling thread is this lane: a signal stack of its own (a handler may have used up the
 * thread's), and its number for the page. Undone by crash_leave_lane().
 */
struct crash_stack {
	void *base; /* NULL none */
	stack_t before; /* a sanitizer has one of its own */
};
int crash_enter_lane(unsigned lane, struct crash_stack *ret);
void crash_leave_lane(struct crash_stack *stack);
