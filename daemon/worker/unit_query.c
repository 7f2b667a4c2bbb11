/*
 * unit_query - answer a handler that asks, inside the transaction of its event
 *
 * Everything that was recorded before takes effect first: the statements of the events before it,
 * then its own. So its group holds it alone, and what fails later undoes nothing that it saw. A
 * transaction has room for as many groups as UNIT_GROUPS_MAX; a larger one is redone in pieces.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "worker/unit_private.h"

/* Nobody's failure: the transaction begins anew, smaller. */
static bool has_room(struct unit *unit)
{
	if (unit->range.end - unit->range.first <= UNIT_GROUPS_MAX) {
		return true;
	}
	unit->is_in_pieces = true;
	*unit->flight = (struct store_flight){
		.failure = STORE_CONFLICT, .op = STORE_OP_QUERY, .in_transaction = true
	};
	err_set(&unit->flight->err, 0, "too large a transaction for a query");
	return false;
}

static bool is_answered(
	struct unit *unit, struct unit_work *work, const struct event_statement *asked)
{
	enum store_failure failure;

	work->event.has_asked = unit->has_asked = true;
	if (!has_room(unit)) {
		unit->is_broken = true;
		return false;
	}
	unit_stage(unit, PAGE_STAGE_EFFECTS, NULL);
	FAILPOINT("before_query");
	failure = unit_send_query(unit, work, asked);
	FAILPOINT("after_query");
	unit_stage(unit, PAGE_STAGE_HANDLER, NULL);
	unit->is_broken = failure && work->fate == UNIT_DONE;
	return failure == STORE_OK;
}

bool unit_ask(
	struct event_host *host, struct onced_event *event, const struct event_statement *asked)
{
	struct unit *unit = host->context;
	struct unit_work *work = unit_work_of(event);

	if (!unit->flight) {
		log_error("a handler whose effect is elsewhere asks in a transaction",
			LOG_STR("handler", work->handler->config->name));
		log_flush();
		abort();
	}
	if (unit->is_calling_batch) {
		event->is_refused = true;
	} else if (!event->is_refused) {
		event->is_refused = !is_answered(unit, work, asked);
	}
	return !event->is_refused;
}

void unit_forget_query(struct unit_work *work)
{
	struct onced_event *event = &work->event;

	if (!event->has_asked) {
		return;
	}
	work->outcome = NULL;
	event->statements = event->last_statement = event->sent = NULL;
	event->has_asked = event->is_refused = false;
}

void unit_undo_query(struct unit *unit, const struct unit_work *work)
{
	unit->options.store->rollback_to(unit->session, unit->groups[work->group].savepoint);
}
