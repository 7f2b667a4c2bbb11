/*
 * generation - hold a worker to the generation of its scope that it began with
 *
 * Runs in: worker, any thread. A rebuild begins a new generation, and what was read before must not
 * take effect in it. The store refuses transactions of an earlier one; here a worker that was
 * refused learns that it must end. All its threads and stores work for the same generation.
 */
#include "worker/generation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "worker/worker_private.h"

static void note_stale(struct worker *worker)
{
	if (!atomic_exchange(&worker->is_stale, true) && worker->source) {
		worker->wiring->source->wake(worker->source);
	}
}

void generation_note(struct worker *worker, const struct err *err)
{
	if (strcmp(err->code, STORE_CODE_STALE) == 0) {
		note_stale(worker);
	}
}

int generation_ready(struct worker *worker, struct store_session *session, struct err *err)
{
	unsigned known = 0;
	int r = worker->wiring->store->session_ready(session, err);

	if (r != 0) {
		generation_note(worker, err);
		return r;
	}
	if (atomic_compare_exchange_strong(&worker->generation, &known, session->generation) ||
		known == session->generation) {
		return 0;
	}
	note_stale(worker);
	err_set(err, -EINVAL, "dedup scope %s has generation %u since a rebuild, not %u",
		worker->consumer->dedup_scope, session->generation, known);
	snprintf(err->code, sizeof(err->code), "%s", STORE_CODE_STALE);
	return -EINVAL;
}

void generation_tick(struct worker *worker)
{
	struct err err = ERR_INIT;

	if (!atomic_load(&worker->is_stale)) {
		return;
	}
	err_set(&err, 0, "dedup scope %s was rebuilt while this worker held records of before",
		worker->consumer->dedup_scope);
	worker_fail(worker, WORKER_EXIT_STALE, &err);
}
