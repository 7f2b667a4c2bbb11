/*
 * roster - the handlers of one consumer, opened for every lane
 *
 * Runs in: worker and probe, main thread at start; read-only afterwards but for the atomics. Owns
 * the handlers' states, the set of JSON paths they asked for and the statements of their
 * transactions.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/config.h"
#include "core/retry.h"
#include "core/store.h"
#include "core/tier.h"
#include "core/verdict.h"
#include "event/event_id.h"
#include "event/scan.h"
#include "onced/handler.h"
#include "worker/filter.h"
#include "worker/publishing.h"
#include "worker/unit_outage.h"

struct roster_handler {
	const struct config_handler *config;
	struct onced_handler found; /* what `ops` points to */
	const struct onced_handler *ops;
	struct verdict_overrides overrides;
	void **states; /* one a lane */
	unsigned index; /* into roster->handlers */
	unsigned page_index; /* into the page's handlers */
	/* monotonic: when the last one that succeeded was begun; the witness of "exhausted" */
	_Atomic int64_t last_success_us;
	struct handler_outage outage;
};

struct roster_route {
	struct slice event_type;
	struct roster_handler *handler;
};

struct roster {
	struct roster_handler *handlers;
	size_t handler_count;
	struct roster_handler *by_default; /* NULL: only routes */
	struct roster_route *routes;
	size_t route_count;
	unsigned lanes;

	struct path_set *paths;
	struct filter filter;
	int type_path; /* -1 without routes: most handlers do not ask */
	struct path_set *type_alone; /* the same path, for those that do */
	struct event_places ids, sources; /* empty: nobody wants ids */
	bool needs_json; /* a value that is no JSON is undecodable */
	bool are_ids_optional; /* for handlers alone: an event whose id is not found has none */
	bool has_json_ids; /* a value that is no JSON may hold the id: undecodable */
	bool is_digested; /* two events of one id are told apart */
	int payload_path; /* -1: by the whole value */
	/* of a structured CloudEvent, -1: none is looked for */
	int data_path, data_base64_path;

	struct store_statement *statements;
	size_t statement_count, statement_capacity;
	bool is_transactional;
	struct publishing publishing; /* opened by who opened the roster */
	struct retry_policy retry;
	struct tier_policy tiers;
};

/*
 * The code of a handler; 0, or -EINVAL with a sentence that names the section, or a shortage
 * (err_is_shortage()).
 */
typedef int roster_find_fn(
	const struct config_handler *config, struct onced_handler *ret, struct err *err);

/*
 * Find, check and open the handlers of `consumer` for `lanes` lanes. `wants_ids`: events are
 * deduplicated, or an id is asked for by policy; without it only handlers whose effects are made
 * elsewhere get one, where there is one. -EINVAL with the handler's own sentence, or a
 * shortage (err_is_shortage()).
 */
int roster_open(struct roster *roster, const struct config_consumer *consumer, unsigned lanes,
	const struct store_ops *store, bool wants_ids,
	roster_find_fn *find, struct err *err);
void roster_close(struct roster *roster);

/* The handler of an event type, the default one, or NULL (unrouted). */
struct roster_handler *roster_route(const struct roster *roster, struct slice event_type);
