#include "config/check_loops.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A topic that a consumer writes to, by a handler or, NULL, of its own accord. */
struct way {
	const struct config_handler *handler;
	const char *topic; /* NULL: this one leads nowhere */
	const char *key; /* of the consumer, and what it has in the topic; NULL with a handler */
	const char *what;
};

/* How a consumer was reached. */
struct step {
	size_t from;
	struct way way;
	bool is_reached;
};

struct search {
	const struct checking *checking;
	size_t start;
	struct step *steps; /* one a consumer */
	size_t *queue; /* reached and to be looked at */
	size_t queue_count;
};

static const struct config_consumer *consumer_at(const struct checking *checking, size_t i)
{
	return &checking->config->consumers[i];
}

/* The n-th way out of a consumer; false past the last. */
static bool way_at(const struct config_consumer *consumer, size_t n, struct way *ret)
{
	const struct config_handler *handler = NULL;
	size_t first_tier = consumer->route_count + 2;

	if (n >= first_tier + consumer->tiers.count) {
		return false;
	}
	if (n >= first_tier) {
		*ret = (struct way){ NULL, consumer->tiers.items[n - first_tier].topic,
			"retry.topics", "retries" };
		return true;
	}
	if (n == consumer->route_count + 1) {
		*ret = (struct way){ NULL, consumer->dlq_topic, "dlq.topic", "dead letters" };
		return true;
	}
	handler = n == consumer->route_count ? consumer->handler : consumer->routes[n].handler;
	*ret = (struct way){ .handler = handler, .topic = handler ? handler->target : NULL };
	return true;
}

/* Does what goes that way come to this consumer? Retry topics in common are told of elsewhere. */
static bool is_reader(const struct config_consumer *consumer, struct way way)
{
	bool are_both_retries = way.what && strcmp(way.key, "retry.topics") == 0 &&
		config_consumer_tier(consumer, way.topic) >= 0;

	return config_consumer_reads(consumer, way.topic) && !are_both_retries;
}

static const struct place *place_of(
	const struct checking *checking, const struct config_consumer *consumer, struct way way)
{
	return way.handler
		? check_place(checking, SECTION_HANDLER, way.handler->name, way.handler->target_key)
		: check_place(checking, SECTION_CONSUMER, consumer->name, way.key);
}

/* ---- one consumer ---- */

static void check_own(const struct checking *checking, const struct config_consumer *consumer,
	const struct config_handler *handler)
{
	const struct way way = { .handler = handler, .topic = handler ? handler->target : NULL };

	if (!way.topic) {
		return;
	}
	if (config_consumer_reads(consumer, way.topic)) {
		problems_add(checking->problems, place_of(checking, consumer, way),
			"[handler %s] writes to %s, which [consumer %s] reads and gives to this "
			"handler: its records would go round for ever",
			handler->name, way.topic, consumer->name);
	} else if (consumer->dlq_topic && strcmp(consumer->dlq_topic, way.topic) == 0) {
		problems_add(checking->problems, place_of(checking, consumer, way),
			"[handler %s] writes to %s, where [consumer %s] has its dead letters; "
			"nobody could tell them apart",
			handler->name, way.topic, consumer->name);
	}
}

/* A handler that several routes name is told of once. */
static void check_own_handlers(
	const struct checking *checking, const struct config_consumer *consumer)
{
	check_own(checking, consumer, consumer->handler);
	for (size_t i = 0; i < consumer->route_count; i++) {
		const struct config_handler *handler = consumer->routes[i].handler;
		bool is_told = handler == consumer->handler;

		for (size_t j = 0; j < i; j++) {
			is_told |= consumer->routes[j].handler == handler;
		}
		if (!is_told) {
			check_own(checking, consumer, handler);
		}
	}
}

/* ---- circles ---- */

static void append_step(
	const struct search *search, size_t from, struct way way, size_t to, struct buffer *text)
{
	const char *writer = consumer_at(search->checking, from)->name;
	const char *reader = consumer_at(search->checking, to)->name;

	if (way.handler) {
		buffer_printf(text, "%s[consumer %s] writes to %s by [handler %s]",
			text->len ? "; " : "", writer, way.topic, way.handler->name);
	} else {
		buffer_printf(text, "%s[consumer %s] has its %s in %s", text->len ? "; " : "",
			writer, way.what, way.topic);
	}
	buffer_printf(text, ", which [consumer %s] reads", reader);
}

static void append_path(const struct search *search, size_t to, struct buffer *text)
{
	const struct step *step = &search->steps[to];

	if (to != search->start) {
		append_path(search, step->from, text);
		append_step(search, step->from, step->way, to, text);
	}
}

/* `last` writes to what the start reads, by `way`. */
static void tell_circle(const struct search *search, size_t last, struct way way)
{
	struct buffer text = BUFFER_INIT;
	const struct place *place =
		place_of(search->checking, consumer_at(search->checking, last), way);

	append_path(search, last, &text);
	append_step(search, last, way, search->start, &text);
	problems_add(search->checking->problems, place, "records would go round for ever: %s",
		buffer_str(&text));
	buffer_fini(&text);
}

static void reach_readers(struct search *search, size_t from, struct way way)
{
	for (size_t i = search->start + 1; i < search->checking->config->consumer_count; i++) {
		if (!search->steps[i].is_reached &&
			is_reader(consumer_at(search->checking, i), way)) {
			search->steps[i] = (struct step){ from, way, true };
			search->queue[search->queue_count++] = i;
		}
	}
}

/* The shortest circle whose first consumer in the file is `start`. */
static void search_from(struct search *search)
{
	const struct config_consumer *start = consumer_at(search->checking, search->start);
	struct way way;

	search->queue[0] = search->start;
	search->queue_count = 1;
	for (size_t done = 0; done < search->queue_count; done++) {
		size_t at = search->queue[done];
		for (size_t n = 0; way_at(consumer_at(search->checking, at), n, &way); n++) {
			if (!way.topic) {
				continue;
			}
			if (at != search->start && is_reader(start, way)) {
				tell_circle(search, at, way);
				return;
			}
			reach_readers(search, at, way);
		}
	}
}

void check_loops(const struct checking *checking)
{
	size_t count = checking->config->consumer_count;
	struct search search = { .checking = checking };

	if (config_producers_are_elsewhere(checking->config)) {
		return;
	}
	search.queue = xcalloc(count + 1, sizeof(*search.queue));
	for (size_t i = 0; i < count; i++) {
		check_own_handlers(checking, consumer_at(checking, i));
		search.start = i;
		search.steps = xcalloc(count, sizeof(*search.steps));
		search_from(&search);
		free(search.steps);
	}
	free(search.queue);
}
