/*
 * quarantine - records that killed workers, as the worker that follows sees them
 *
 * Runs in: worker, main thread. The supervisor knows who died of what. It says which records are
 * condemned (PROTO_CONDEMN), and on the page which offsets are to be worked alone; here records are
 * marked by it when they enter the scheduler. A lane with a record that is to be alone waits until
 * no other lane has anything in hand (lane_alone.c).
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "worker/worker_private.h"

/* A frame comes once a death; more than the supervisor keeps at a time are not told. */
enum { CONDEMNED_MAX = 1024 };

void quarantine_condemn(struct worker *worker, const struct proto_condemn *told)
{
	struct condemned *condemned;

	if (worker->condemned_count >= CONDEMNED_MAX) {
		return;
	}
	condemned = NEW(struct condemned);
	condemned->told = *told;
	condemned->next = worker->condemned;
	worker->condemned = condemned;
	worker->condemned_count++;
}

static bool is_it(const struct worker *worker, const struct partition *p,
	const struct record *record, const struct proto_condemn *told)
{
	return told->offset == record->item.offset && told->partition == p->place.partition &&
		told->timestamp_ms == record->timestamp_ms &&
		strcmp(told->topic, p->place.topic) == 0 &&
		strcmp(told->cluster_id, worker->cluster_id) == 0;
}

static void mark_condemned(struct record *record, const struct proto_condemn *told)
{
	record->condemned = told;
	/* the decision counts one more */
	record->attempts += told->deaths > 0 ? told->deaths - 1 : 0;
	record->first_failure_ms =
		record->first_failure_ms && record->first_failure_ms < told->first_failure_ms
		? record->first_failure_ms
		: told->first_failure_ms;
	record->last_failure_ms = told->last_failure_ms;
}

void quarantine_mark(struct worker *worker, const struct partition *p, struct record *record)
{
	int64_t offset = record->item.offset;

	if (!worker->is_in_process) {
		return;
	}
	record->item.is_alone = offset >= page_get(&p->page->alone_from) &&
		offset < page_get(&p->page->alone_below);
	for (const struct condemned *c = worker->condemned; c; c = c->next) {
		if (is_it(worker, p, record, &c->told)) {
			mark_condemned(record, &c->told);
			return;
		}
	}
}

void quarantine_fini(struct worker *worker)
{
	while (worker->condemned) {
		struct condemned *next = worker->condemned->next;
		free(worker->condemned);
		worker->condemned = next;
	}
}
