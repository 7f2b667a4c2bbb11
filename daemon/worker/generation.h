/*
 * generation - hold a worker to the generation of its scope that it began with
 *
 * Runs in: worker, any thread.
 */
#pragma once

#include "core/store.h"

struct worker;

/*
 * session_ready() for the threads of the worker, whose sessions must all be of one generation.
 */
int generation_ready(struct worker *worker, struct store_session *session, struct err *err);
/* The store refused something: because of a rebuild? */
void generation_note(struct worker *worker, const struct err *err);
/* Main thread: end the worker if it was. */
void generation_tick(struct worker *worker);
