/*
 * dlq_run - who does something to dead letters, why, and whether he was told to stop
 *
 * Runs in: oncectl.
 */
#pragma once

#include <stdbool.h>

#include "dlq_mark.h"
#include "verbs.h"

enum { DLQ_RUN_ID_SIZE = 37, DLQ_RUN_BY_SIZE = 256 };

struct dlq_run {
	char id[DLQ_RUN_ID_SIZE]; /* a random UUID */
	char by[DLQ_RUN_BY_SIZE]; /* "alice (as root)@host" */
	const char *why;
};

/* Reads --why of the verb. CTL_USAGE, after a sentence, when it is no text. */
int dlq_run_init(struct dlq_run *run, const struct ctl *ctl);

/* The mark of this run, now. */
struct dlq_mark dlq_run_mark(const struct dlq_run *run, enum dlq_state state, const char *to);

/* From now on SIGINT and SIGTERM are only noted. */
void dlq_run_catch_signals(void);
bool dlq_run_is_interrupted(void);
