/*
 * each_failure - one piece of work, again and again, with its 1st, 2nd, 3rd … call failing
 *
 * Each time in a process of its own, until a run in which nothing was left to fail. A run may come
 * through unharmed (and then says the same as the first, clean one), refuse with a sentence, or
 * abort with the line of base/memory. Whatever it did is given back: no block and no descriptor is
 * left where it did not abort. What fails is what tests/support/nth_failure.c lists.
 */
#pragma once

#include "base/buffer.h"
#include "base/err.h"

struct each_failure {
	const char *name;
	/* Before anything fails, in the process of the run; may be NULL. Not counted. */
	void (*prepare)(void *context);
	/*
	 * The work, with all it takes to give everything back. 0 and what came of it; negative: it
	 * was refused, `err` says why.
	 */
	int (*run)(void *context, struct buffer *said, struct err *err);
	/*
	 * Behind each run, in another process where nothing fails: 0, or negative with what is
	 * wrong. May be NULL.
	 */
	int (*check)(void *context, struct err *err);
	void *context;
	bool by_place; /* a call counts once for each way to it: where there are many thousands */
	bool may_say_else; /* what failed may show in what is said */
};

struct each_failure_runs {
	unsigned failures; /* runs in which a call failed */
	unsigned unharmed, refused, aborted;
};

/* Prints what is wrong and where, and ends the test program; returns how the runs went. */
struct each_failure_runs each_failure(const struct each_failure *work);
