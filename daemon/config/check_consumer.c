/*
 * check_consumer - what several keys of a consumer, or of two, say together
 */
#include "config/check_consumer.h"

#include <string.h>

#include "config/check_assignment.h"
#include "config/check_transactional.h"
#include "config/subject.h"
#include "config/value.h"

/* Session timeouts that onced asks for when [kafka] says nothing: of members
 * with and without an id of their own. */
static const int64_t session_static_us = 45 * 1000000LL, session_dynamic_us = 10 * 1000000LL;

static const struct document_entry *find_entry(
	const struct checking *checking, enum section_kind kind, const char *name, const char *key)
{
	return document_entry(document_find(&checking->config->memory->document, kind, name), key);
}

const struct place *check_place(
	const struct checking *checking, enum section_kind kind, const char *name, const char *key)
{
	const struct config_memory *memory = checking->config->memory;
	const struct document_section *section = document_find(&memory->document, kind, name);
	const struct document_entry *entry = document_entry(section, key);

	if (entry) {
		return &entry->place;
	}
	return section ? &section->place : &memory->place;
}

bool check_is_given(
	const struct checking *checking, enum section_kind kind, const char *name, const char *key)
{
	return find_entry(checking, kind, name, key) != NULL;
}

bool check_is_good(
	const struct checking *checking, enum section_kind kind, const char *name, const char *key)
{
	const struct document_entry *entry = find_entry(checking, kind, name, key);

	return !entry || !entry->is_bad;
}

static bool is_good(
	const struct checking *checking, const struct config_consumer *consumer, const char *key)
{
	return check_is_good(checking, SECTION_CONSUMER, consumer->name, key);
}

static const struct place *place_of(
	const struct checking *checking, const struct config_consumer *consumer, const char *key)
{
	return check_place(checking, SECTION_CONSUMER, consumer->name, key);
}

/* ---- one consumer ---- */

static void check_has_handler(
	const struct checking *checking, const struct config_consumer *consumer)
{
	const struct document_section *section = document_find(
		&checking->config->memory->document, SECTION_CONSUMER, consumer->name);

	if (consumer->handler || document_entry(section, "handler")) {
		return;
	}
	for (size_t i = 0; i < section->entry_count; i++) {
		if (strncmp(section->entries[i].key, SUBJECT_ROUTE_PREFIX,
			    SUBJECT_ROUTE_PREFIX_LEN) == 0) {
			return;
		}
	}
	problems_add(checking->problems, &section->place,
		"[consumer %s] needs handler = NAME, or a route.TYPE = NAME", consumer->name);
}

static void check_dlq_topic(const struct checking *checking, const struct config_consumer *consumer)
{
	if (consumer->dlq_topic && config_consumer_reads(consumer, consumer->dlq_topic)) {
		problems_add(checking->problems, place_of(checking, consumer, "dlq.topic"),
			"[consumer %s] dlq.topic must not be one of its own topics: dead letters "
			"would go round for ever",
			consumer->name);
	}
}

static void check_workers(const struct checking *checking, const struct config_consumer *consumer)
{
	if (consumer->groups && is_good(checking, consumer, "workers") &&
		consumer->workers != consumer->group_count) {
		problems_add(checking->problems, place_of(checking, consumer, "workers"),
			"[consumer %s] workers = %u, but partitions has %zu lists, one for each "
			"worker; leave workers out",
			consumer->name, consumer->workers, consumer->group_count);
	}
}

static bool is_static_template(const struct config_consumer *consumer)
{
	return strcmp(consumer->instance_id, "auto") != 0 &&
		strcmp(consumer->instance_id, "off") != 0;
}

static void check_instance_id(
	const struct checking *checking, const struct config_consumer *consumer)
{
	if (is_static_template(consumer) && consumer->workers > 1 &&
		!strstr(consumer->instance_id, "%n")) {
		problems_add(checking->problems, place_of(checking, consumer, "instance.id"),
			"[consumer %s] instance.id must contain %%n when there are several "
			"workers: with the same id they would throw each other out of the group",
			consumer->name);
	}
}

/* A worker that takes longer to give up partitions than the session lasts loses
 * them unsettled. */
static void check_revoke_timeout(
	const struct checking *checking, const struct config_consumer *consumer)
{
	const char *configured = config_pairs_get(&checking->config->kafka, "session.timeout.ms");
	int64_t session_us = is_static_template(consumer) ? session_static_us : session_dynamic_us;
	struct buffer text = BUFFER_INIT;
	int64_t session_ms;

	if (configured && value_parse_integer(configured, &session_ms) == 0 &&
		session_ms < INT32_MAX) {
		session_us = session_ms * 1000;
	}
	/* where the brokers hold the session, max.poll.interval.ms alone bounds a revocation */
	if (consumer->revoke_timeout_us < session_us ||
		config_consumer_is_assigned_by_brokers(consumer) ||
		!is_good(checking, consumer, "instance.id")) {
		return;
	}
	value_write_duration(&text, session_us);
	problems_add(checking->problems, place_of(checking, consumer, "revoke.timeout"),
		"[consumer %s] revoke.timeout must be shorter than Kafka's session timeout, which "
		"is %s%s",
		consumer->name, buffer_str(&text),
		configured ? " (session.timeout.ms of [kafka])"
			   : " here; raise session.timeout.ms in [kafka] as well");
	buffer_fini(&text);
}

static bool has_dedup(const struct checking *checking, const struct config_consumer *consumer)
{
	const char *store = config_store_of(checking->config, consumer);

	return store && strcmp(store, "none:") != 0;
}

/* They remember ids under the same keys. */
static bool share_scope(const struct checking *checking, const struct config_consumer *a,
	const struct config_consumer *b)
{
	return has_dedup(checking, a) && has_dedup(checking, b) &&
		strcmp(config_store_of(checking->config, a),
			config_store_of(checking->config, b)) == 0 &&
		strcmp(a->dedup_scope, b->dedup_scope) == 0;
}

/*
 * What is done while an earlier record of its partition is tried again comes once more after a
 * crash.
 */
static void check_retention(const struct checking *checking, const struct config_consumer *consumer)
{
	const struct config_retry *retry = consumer->retry;
	_cleanup_(buffer_fini) struct buffer times = BUFFER_INIT;

	if (!has_dedup(checking, consumer) || consumer->dedup_retention_us == 0 || !retry ||
		retry->deadline_us <= consumer->dedup_retention_us ||
		!is_good(checking, consumer, "dedup.retention") ||
		!check_is_good(checking, SECTION_RETRY, retry->name, "deadline")) {
		return;
	}
	buffer_append_str(&times, "(");
	value_write_duration(&times, consumer->dedup_retention_us);
	buffer_append_str(&times, ") must not be shorter than the deadline of its retries (");
	value_write_duration(&times, retry->deadline_us);
	buffer_append_str(&times, ")");
	problems_add(checking->problems, place_of(checking, consumer, "dedup.retention"),
		"[consumer %s] dedup.retention %s: an event done meanwhile would be forgotten "
		"before its offset is committed",
		consumer->name, buffer_str(&times));
}

/* A key whose turn has not come must not stop the others of its partition. */
static void check_rate(const struct checking *checking, const struct config_consumer *consumer)
{
	if (consumer->rate_key.count && consumer->ordering != ORDERING_KEY &&
		is_good(checking, consumer, "ordering")) {
		problems_add(checking->problems, place_of(checking, consumer, "rate.key"),
			"[consumer %s] rate.key needs ordering = key: in any other order the "
			"records of one key are not kept together",
			consumer->name);
	}
}

void check_consumer(const struct checking *checking, const struct config_consumer *consumer)
{
	check_has_handler(checking, consumer);
	check_dlq_topic(checking, consumer);
	check_workers(checking, consumer);
	check_instance_id(checking, consumer);
	check_assignment(checking, consumer);
	check_revoke_timeout(checking, consumer);
	check_retention(checking, consumer);
	check_rate(checking, consumer);
	check_transactional(checking, consumer);
}

/* ---- two consumers ---- */

static void check_common_topics(const struct checking *checking,
	const struct config_consumer *earlier, const struct config_consumer *later)
{
	const char *topic;

	for (size_t i = 0; (topic = config_consumer_topic(later, i)); i++) {
		bool is_told_elsewhere = config_consumer_tier(earlier, topic) >= 0 &&
			config_consumer_tier(later, topic) >= 0;

		if (!is_told_elsewhere && config_consumer_reads(earlier, topic)) {
			problems_add(checking->problems,
				place_of(checking, later,
					i < later->topics.count ? "topics" : "retry.topics"),
				"[consumer %s] topic %s is also consumed by [consumer %s] in the "
				"same group %s: each would see only a part; give one of them "
				"another group.id",
				later->name, topic, earlier->name, later->group_id);
			return;
		}
	}
}

static void check_common_instance(const struct checking *checking,
	const struct config_consumer *earlier, const struct config_consumer *later)
{
	if (is_static_template(later) && strcmp(earlier->instance_id, later->instance_id) == 0 &&
		!strstr(later->instance_id, "%c")) {
		problems_add(checking->problems, place_of(checking, later, "instance.id"),
			"[consumer %s] instance.id is that of [consumer %s] in the same group %s; "
			"use %%c in it",
			later->name, earlier->name, later->group_id);
	}
}

/* One scope, one table of ids. */
static void check_common_retention(const struct checking *checking,
	const struct config_consumer *earlier, const struct config_consumer *later)
{
	if (share_scope(checking, earlier, later) &&
		earlier->dedup_retention_us != later->dedup_retention_us &&
		is_good(checking, earlier, "dedup.retention") &&
		is_good(checking, later, "dedup.retention")) {
		problems_add(checking->problems, place_of(checking, later, "dedup.retention"),
			"[consumer %s] dedup.retention differs from that of [consumer %s], which "
			"shares its dedup.scope %s: the shorter one would forget for both",
			later->name, earlier->name, later->dedup_scope);
	}
}

void check_consumer_pair(const struct checking *checking, const struct config_consumer *earlier,
	const struct config_consumer *later)
{
	bool is_same_group = strcmp(earlier->group_id, later->group_id) == 0;

	if (is_same_group && is_good(checking, earlier, "group.id") &&
		is_good(checking, later, "group.id")) {
		check_common_topics(checking, earlier, later);
		check_common_instance(checking, earlier, later);
	}
	if (!is_same_group && share_scope(checking, earlier, later)) {
		problems_add(checking->problems, place_of(checking, later, "dedup.scope"),
			"[consumer %s] dedup.scope %s is that of [consumer %s], which has another "
			"group.id: what one group applied would be skipped by the other",
			later->name, later->dedup_scope, earlier->name);
	}
	if (is_same_group) {
		check_common_retention(checking, earlier, later);
	}
}
