/*
 * check_tiers - retry topics: whose they are, and what is lost with them
 */
#include "config/check_tiers.h"

#include <string.h>

#include "config/value.h"

#define KEY "retry.topics"

static const struct place *place_of(
	const struct checking *checking, const struct config_consumer *consumer, const char *key)
{
	return check_place(checking, SECTION_CONSUMER, consumer->name, key);
}

/* Where the names of its retry topics come from. */
static const struct place *place_of_names(
	const struct checking *checking, const struct config_consumer *consumer)
{
	return place_of(checking, consumer, consumer->tier_prefix ? KEY ".prefix" : KEY);
}

/* A record that waits elsewhere is overtaken: somebody has to have said that this may be. */
static void check_order(const struct checking *checking, const struct config_consumer *consumer)
{
	if (consumer->ordering != ORDERING_NONE &&
		check_is_good(checking, SECTION_CONSUMER, consumer->name, "ordering")) {
		problems_add(checking->problems, place_of(checking, consumer, KEY),
			"[consumer %s] retry.topics needs ordering = none: a record that waits in "
			"a retry topic is overtaken by those behind it",
			consumer->name);
	}
}

static void check_name(const struct checking *checking, const struct config_consumer *consumer,
	const struct config_tier *tier)
{
	if (!config_is_topic_name(tier->topic)) {
		problems_add(checking->problems, place_of_names(checking, consumer),
			"[consumer %s] its retry topic %.300s cannot be the name of a topic (1 to "
			"249 of A-Z a-z 0-9 . _ -); set retry.topics.prefix",
			consumer->name, tier->topic);
	}
	for (size_t i = 0; i < consumer->topics.count; i++) {
		if (strcmp(consumer->topics.items[i], tier->topic) == 0) {
			problems_add(checking->problems, place_of_names(checking, consumer),
				"[consumer %s] %s is one of its topics and one of its retry "
				"topics; nobody could tell the records apart",
				consumer->name, tier->topic);
		}
	}
}

/*
 * A record may wait in a retry topic although its event is done: it was there before a crash, and
 * is known by its id.
 */
static void check_retention(const struct checking *checking, const struct config_consumer *consumer)
{
	const char *store = config_store_of(checking->config, consumer);
	_cleanup_(buffer_fini) struct buffer times = BUFFER_INIT;
	int64_t whole_us = 0;

	for (size_t i = 0; i < consumer->tiers.count; i++) {
		whole_us += consumer->tiers.items[i].delay_us;
	}
	if (!store || strcmp(store, "none:") == 0 || consumer->dedup_retention_us == 0 ||
		consumer->dedup_retention_us > whole_us ||
		!check_is_good(checking, SECTION_CONSUMER, consumer->name, "dedup.retention")) {
		return;
	}
	buffer_append_str(&times, "(");
	value_write_duration(&times, consumer->dedup_retention_us);
	buffer_append_str(&times, ") must be longer than the way through retry.topics (");
	value_write_duration(&times, whole_us);
	buffer_append_str(&times, ")");
	problems_add(checking->problems, place_of(checking, consumer, "dedup.retention"),
		"[consumer %s] dedup.retention %s: what waits there for its turn would not be "
		"known any more",
		consumer->name, buffer_str(&times));
}

void check_tiers(const struct checking *checking, const struct config_consumer *consumer)
{
	if (consumer->tiers.count == 0) {
		if (consumer->tier_prefix &&
			check_is_good(checking, SECTION_CONSUMER, consumer->name, KEY)) {
			problems_add(checking->problems,
				place_of(checking, consumer, KEY ".prefix"),
				"[consumer %s] retry.topics.prefix without retry.topics means "
				"nothing",
				consumer->name);
		}
		return;
	}
	check_order(checking, consumer);
	for (size_t i = 0; i < consumer->tiers.count; i++) {
		check_name(checking, consumer, &consumer->tiers.items[i]);
	}
	check_retention(checking, consumer);
}

void check_tiers_pair(const struct checking *checking, const struct config_consumer *earlier,
	const struct config_consumer *later)
{
	for (size_t i = 0; i < later->tiers.count; i++) {
		const char *topic = later->tiers.items[i].topic;

		if (config_consumer_tier(earlier, topic) >= 0) {
			problems_add(checking->problems, place_of_names(checking, later),
				"[consumer %s] its retry topic %s is one of [consumer %s], too: "
				"each would take the other's records; give one of them a "
				"retry.topics.prefix",
				later->name, topic, earlier->name);
			return;
		}
	}
}
