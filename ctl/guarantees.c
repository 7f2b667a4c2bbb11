/*
 * guarantees - `oncectl guarantees`: what is promised, and what is not
 *
 * Runs in: oncectl. The same words stand in the README; a lint compares them.
 */
#include <stdio.h>

#include "verbs.h"

static const char text[] =
	"Every record at or above the group's committed offset and still retained by "
	"the broker is settled at least once. The committed offset of a partition "
	"never passes its first unsettled record. Within one delivery, effects and "
	"decisions of one partition (with `ordering = key`: of one key) happen in "
	"offset order; the acknowledgement of a dead letter only holds back the offset.\n"
	"Nothing is skipped except by a policy or an operator's command that is named "
	"in the log and counted.\n"
	"\n"
	"| store | promise |\n"
	"|---|---|\n"
	"| Postgres or SQLite, effect in the same transaction (`sql`, plugins using "
	"the transaction) | each (scope, source, event id) takes effect exactly once – "
	"or ends by a named policy as dead letter or skip – while its row is kept: "
	"under crash, kill -9, pause, rebalance, concurrent zombie; never both effect "
	"and dead letter, unless an operator replays it |\n"
	"| Postgres or SQLite, effect elsewhere (`http`, `exec`, `forward`, other "
	"plugins) | at least once; a repeat is possible when an answer, the mark or "
	"the lease was lost; the handler gets the event id as idempotency key |\n"
	"| Redis | at least once; as above, and also after eviction, flush, failover "
	"or end of TTL |\n"
	"| none | at least once; after a crash everything since the last commit may "
	"repeat |\n"
	"| dead letters | at least once, identical bytes (unless `dlq.oversized = "
	"headers-only`); with Postgres or SQLite never before the decision is durable |\n"
	"\n"
	"Not covered, and said so: retention passing the committed offset, operator "
	"offset resets, loss inside broker or database, ids older than the dedup "
	"retention, a changed scope, store, `event.id` or `event.source` (they forget "
	"the past).\n";

int verb_guarantees(const struct ctl *ctl)
{
	fputs(text, stdout);
	return CTL_OK;
}
