#include "worker/roster.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "worker/setup.h"

static int open_states(struct roster *roster, struct roster_handler *handler, struct err *err)
{
	struct onced_setup setup = { roster, handler->config, handler->ops, err };
	int r;

	handler->states = xcalloc(roster->lanes, sizeof(*handler->states));
	for (unsigned lane = 0; handler->ops->open && lane < roster->lanes; lane++) {
		err_set(err, 0, "its open() failed without a reason");
		r = handler->ops->open(&setup, &handler->states[lane]);
		if (r < 0) {
			return err_prefix(
				err, setup_failure(r), "[handler %s]", handler->config->name);
		}
	}
	return 0;
}

static int add_handler(struct roster *roster, const struct config_handler *config,
	roster_find_fn *find, struct roster_handler **ret, struct err *err)
{
	struct roster_handler *handler;
	int r;

	for (size_t i = 0; i < roster->handler_count; i++) {
		if (roster->handlers[i].config == config) {
			*ret = &roster->handlers[i];
			return 0;
		}
	}
	handler = &roster->handlers[roster->handler_count];
	handler->config = config;
	r = find(config, &handler->found, err);
	if (r < 0) {
		return r;
	}
	handler->ops = &handler->found;
	handler->index = (unsigned)roster->handler_count++;
	handler_outage_init(&handler->outage, roster->retry.delay_max_us);
	handler->overrides = (struct verdict_overrides){
		.retry_on = config->retry_on.items,
		.retry_count = config->retry_on.count,
		.reject_on = config->reject_on.items,
		.reject_count = config->reject_on.count,
		.hold_on = config->hold_on.items,
		.hold_count = config->hold_on.count,
	};
	*ret = handler;
	r = setup_check(config, handler->ops, err);
	return r < 0 ? r : open_states(roster, handler, err);
}

static int add_handlers(struct roster *roster, const struct config_consumer *consumer,
	roster_find_fn *find, struct err *err)
{
	int r = 0;

	/* never moved: routes and lanes keep pointers */
	roster->handlers = xcalloc(consumer->route_count + 1, sizeof(*roster->handlers));
	roster->routes = xcalloc(consumer->route_count + 1, sizeof(*roster->routes));
	if (consumer->handler) {
		r = add_handler(roster, consumer->handler, find, &roster->by_default, err);
	}
	for (size_t i = 0; r == 0 && i < consumer->route_count; i++) {
		struct roster_route *route = &roster->routes[roster->route_count++];
		route->event_type = slice_from_str(consumer->routes[i].event_type);
		r = add_handler(roster, consumer->routes[i].handler, find, &route->handler, err);
	}
	return r;
}

static int add_place(
	struct roster *roster, const struct config_id_source *from, struct event_place *to)
{
	static const enum event_place_kind kinds[] = {
		[ID_SOURCE_HEADER] = EVENT_AT_HEADER,
		[ID_SOURCE_JSON] = EVENT_AT_JSON,
		[ID_SOURCE_BINARY] = EVENT_AT_BINARY,
		[ID_SOURCE_STRUCTURED] = EVENT_AT_STRUCTURED,
		[ID_SOURCE_CLOUDEVENTS] = EVENT_AT_CLOUDEVENTS,
		[ID_SOURCE_TOPIC] = EVENT_AT_TOPIC,
	};

	to->kind = kinds[from->kind];
	to->header = slice_from_str(from->name);
	if (to->kind == EVENT_AT_JSON) {
		to->path = path_set_add(roster->paths, from->name);
	} else if (to->kind == EVENT_AT_STRUCTURED) {
		to->path = path_set_add(roster->paths, "id");
		to->source_path = path_set_add(roster->paths, "source");
		to->mark_path = path_set_add(roster->paths, "specversion");
		if (to->source_path < 0 || to->mark_path < 0) {
			return -E2BIG;
		}
	}
	return to->path < 0 ? to->path : 0;
}

static int add_places(struct roster *roster, const char *consumer, const char *key,
	const struct config_id_sources *from, struct event_places *to, struct err *err)
{
	to->items = xcalloc(from->count + 1, sizeof(*to->items));
	for (size_t i = 0; i < from->count; i++) {
		if (add_place(roster, &from->items[i], &to->items[i]) < 0) {
			return err_set(err, -EINVAL, "[consumer %s] %s = %s: not a JSON path",
				consumer, key, from->items[i].name);
		}
		to->count++;
	}
	return 0;
}

/* Their events are known elsewhere by their ids. */
static bool is_any_elsewhere(const struct roster *roster)
{
	for (size_t i = 0; i < roster->handler_count; i++) {
		if (roster->handlers[i].ops->effect == ONCED_EFFECT_ELSEWHERE) {
			return true;
		}
	}
	return false;
}

static bool has_place(const struct event_places *places, enum event_place_kind kind)
{
	for (size_t i = 0; i < places->count; i++) {
		if (places->items[i].kind == kind) {
			return true;
		}
	}
	return false;
}

static void add_digest(struct roster *roster, enum config_event_digest digest)
{
	roster->is_digested = digest != EVENT_DIGEST_OFF;
	if (digest != EVENT_DIGEST_PAYLOAD) {
		return;
	}
	roster->payload_path = path_set_add(roster->paths, "payload");
	if (has_place(&roster->ids, EVENT_AT_STRUCTURED)) {
		roster->data_path = path_set_add(roster->paths, "data");
		roster->data_base64_path = path_set_add(roster->paths, "data_base64");
	}
}

static int add_identity(
	struct roster *roster, const struct config_consumer *consumer, struct err *err)
{
	int r = add_places(
		roster, consumer->name, "event.id", &consumer->event_id, &roster->ids, err);

	if (r == 0) {
		r = add_places(roster, consumer->name, "event.source", &consumer->event_source,
			&roster->sources, err);
	}
	roster->has_json_ids = has_place(&roster->ids, EVENT_AT_JSON) ||
		has_place(&roster->ids, EVENT_AT_STRUCTURED);
	if (!roster->are_ids_optional) {
		add_digest(roster, consumer->event_digest);
	}
	return r;
}

static struct tier_policy tiers_of(const struct config_consumer *consumer)
{
	struct tier_policy policy = { .deadline_us = consumer->retry->deadline_us };

	for (size_t i = 0; i < consumer->tiers.count && i < TIERS_MAX; i++) {
		policy.delays_us[policy.count++] = consumer->tiers.items[i].delay_us;
	}
	return policy;
}

int roster_open(struct roster *roster, const struct config_consumer *consumer, unsigned lanes,
	const struct store_ops *store, bool wants_ids, roster_find_fn *find, struct err *err)
{
	int r;

	*roster = (struct roster){ .lanes = lanes,
		.paths = path_set_new(),
		.type_alone = path_set_new(),
		.type_path = -1,
		.payload_path = -1,
		.data_path = -1,
		.data_base64_path = -1,
		.is_transactional = store->is_transactional };
	roster->retry = (struct retry_policy){ .attempts = consumer->retry->attempts,
		.delay_us = consumer->retry->delay_us,
		.delay_max_us = consumer->retry->delay_max_us,
		.deadline_us = consumer->retry->deadline_us,
		.factor = consumer->retry->factor,
		.jitter = consumer->retry->jitter == JITTER_FULL ? RETRY_JITTER_FULL
								 : RETRY_JITTER_NONE };
	roster->tiers = tiers_of(consumer);
	path_set_add(roster->type_alone, "event_type");
	r = add_handlers(roster, consumer, find, err);
	if (r == 0 && roster->route_count) {
		roster->type_path = path_set_add(roster->paths, "event_type");
	}
	if (r == 0) {
		r = filter_init(&roster->filter, &consumer->filter, roster->paths, err);
	}
	/* an id in the value makes JSON of it only where ids are wanted */
	roster->needs_json = path_set_count(roster->paths) > 0;
	roster->are_ids_optional = !wants_ids;
	if (r == 0 && (wants_ids || is_any_elsewhere(roster))) {
		r = add_identity(roster, consumer, err);
	}
	if (r < 0) {
		roster_close(roster);
	}
	return r;
}

void roster_close(struct roster *roster)
{
	for (size_t i = 0; i < roster->handler_count; i++) {
		struct roster_handler *handler = &roster->handlers[i];
		for (unsigned lane = 0; handler->states && lane < roster->lanes; lane++) {
			if (handler->ops->close && handler->states[lane]) {
				handler->ops->close(handler->states[lane]);
			}
		}
		free(handler->states);
		handler_outage_fini(&handler->outage);
	}
	for (size_t i = 0; i < roster->statement_count; i++) {
		free((char *)roster->statements[i].sql);
	}
	free(roster->handlers);
	free(roster->routes);
	free(roster->ids.items);
	free(roster->sources.items);
	free(roster->statements);
	publishing_fini(&roster->publishing);
	filter_fini(&roster->filter);
	path_set_free(roster->paths);
	path_set_free(roster->type_alone);
	*roster = (struct roster){ 0 };
}

struct roster_handler *roster_route(const struct roster *roster, struct slice event_type)
{
	for (size_t i = 0; event_type.data && i < roster->route_count; i++) {
		if (slice_equal(roster->routes[i].event_type, event_type)) {
			return roster->routes[i].handler;
		}
	}
	return roster->by_default;
}
