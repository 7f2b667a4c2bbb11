/*
 * event - a record decoded far enough to have an id, a type and a handler
 *
 * Runs in: worker, lanes. Lives in a batch's arena; what it points to lives as long as its record
 * and the arena.
 */
#pragma once

#include "base/arena.h"
#include "worker/record.h"
#include "worker/roster.h"

/* A recorded statement of the event's transaction. */
struct event_statement {
	struct event_statement *next;
	int index;
	size_t value_count;
	struct store_value values[];
};

/* What a query answered; the store's session keeps it. */
struct onced_rows {
	struct store_rows rows;
};

struct onced_event;

/* What stands behind the events of a unit of work. */
struct event_host {
	/*
	 * Ask the store within the event's transaction: true, and `event->answer`. False: what the
	 * handler says does not count any more.
	 */
	bool (*ask)(struct event_host *host, struct onced_event *event,
		const struct event_statement *asked);
	void *context;
};

struct onced_event {
	struct event_host *host;
	struct record *record;
	const struct roster *roster;
	struct slice topic;
	struct slice type; /* with routes; without them event_type() looks for it */
	struct slice id, source; /* null without an id */
	bool is_replay; /* sent again out of the dead letters */
	bool is_structured; /* a CloudEvent as JSON: its payload is its data */
	int32_t partition;
	unsigned attempt; /* 1 for the first */
	const struct json_ref *refs; /* one per path of the roster; all absent without a value */
	struct arena *arena;
	struct event_statement *statements, *last_statement;
	/* the last one answered in the transaction under way, because of a query; NULL none */
	struct event_statement *sent;
	struct onced_rows answer;
	struct json_t *tree; /* NULL: not asked for, or there is none */
	const char *no_tree; /* asked for, and this is why there is none */
	bool has_type; /* it was looked for */
	bool has_asked; /* its handler knows what the store said in this transaction */
	bool is_refused; /* its handler was told to return, and is not listened to */
};

enum event_problem {
	EVENT_OK = 0,
	EVENT_UNDECODABLE,
	EVENT_NO_ID, /* allowed by policy or not: the caller knows */
	EVENT_FILTERED, /* not for the handler, whatever else is the matter with it */
};

/*
 * Decode `event->record`: fills id, source, type and refs. UNDECODABLE: `ret_text` (arena) says
 * why. EVENT_NO_ID: all but the id is there.
 */
enum event_problem event_decode(
	struct onced_event *event, const struct roster *roster, const char **ret_text);

/*
 * What the event says, in a few bytes, as the store compares it: the first names what was digested,
 * the rest are SipHash's. False: the consumer does not want it.
 */
bool event_digest(const struct onced_event *event, const struct roster *roster,
	uint8_t digest[STORE_DIGEST_SIZE]);

/* The event type; looked for when nobody did before. */
struct slice event_type(struct onced_event *event);

/* The value's tree, built when it is first asked for; see event/tree.h. */
struct json_t *event_tree(struct onced_event *event, const char **ret_why);
/* The handler returned. */
void event_forget_tree(struct onced_event *event);
