/*
 * doctor_cluster - checks of `oncectl doctor`: are brokers, topics and partitions there?
 *
 * Runs in: oncectl.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "doctor.h"

enum { LEADERS_S = 10, LEADERS_NAP_MS = 250 };

void doctor_check_cluster(struct doctor *doctor)
{
	struct kafka_cluster cluster = { .broker_count = 0 };
	struct err err = ERR_INIT;
	int r;

	kafka_examiner_close(doctor->examiner);
	doctor->examiner = NULL;
	if (doctor->is_cluster_away) {
		return;
	}
	r = kafka_examiner_open(
		doctor->config, doctor->consumer, doctor->deadline_us, &doctor->examiner, &err);
	if (r == 0) {
		r = kafka_examine_cluster(doctor->examiner, &cluster, &err);
	}
	if (r < 0) {
		doctor->is_cluster_away = true;
		findings_add(&doctor->findings, FINDING_ERROR, NULL, "%s", err.text);
		kafka_examiner_close(doctor->examiner);
		doctor->examiner = NULL;
		return;
	}
	doctor->broker_count = cluster.broker_count;
	findings_add(&doctor->findings, FINDING_GOOD, NULL,
		"the cluster answers and takes the login (%zu broker%s)", cluster.broker_count,
		cluster.broker_count == 1 ? "" : "s");
}

/* Each by the name that it advertises: the first answer may come by another. */
void doctor_check_brokers(struct doctor *doctor)
{
	struct kafka_cluster cluster;
	struct err err = ERR_INIT;
	size_t good = 0;

	if (kafka_examine_cluster(doctor->examiner, &cluster, &err) < 0) {
		findings_add(&doctor->findings, FINDING_ERROR, NULL, "%s", err.text);
		return;
	}
	for (size_t i = 0; i < cluster.broker_count; i++) {
		if (kafka_examine_broker(doctor->examiner, cluster.brokers[i], &err) == 0) {
			good++;
			continue;
		}
		findings_add(&doctor->findings, FINDING_ERROR,
			"see advertised.listeners of that broker, and its certificate",
			"broker %d is known and cannot be worked with: %s", cluster.brokers[i],
			err.text);
	}
	if (good == cluster.broker_count) {
		findings_add(&doctor->findings, FINDING_GOOD, NULL,
			"every broker answers by the name it advertises");
	}
	if (kafka_examine_offers(doctor->examiner, &err) < 0) {
		findings_add(&doctor->findings, FINDING_ERROR, NULL, "%s", err.text);
	}
}

/* ---- topics ---- */

void doctor_add_topic(struct doctor *doctor, const struct doctor_topic *topic,
	enum finding_severity severity, const char *remedy, const char *text)
{
	findings_add(&doctor->findings, severity, remedy, "topic %s: %s", topic->name, text);
}

static void ask_settings(struct doctor *doctor, struct doctor_topic *topic)
{
	struct err err = ERR_INIT;
	int r = kafka_examine_settings(
		doctor->examiner, topic->name, topic->role >= DOCTOR_DLQ, &topic->settings, &err);

	topic->has_settings = r == 0;
	if (r < 0) {
		findings_add(&doctor->findings, FINDING_NOTE,
			r == -EACCES ? "allow this user DescribeConfigs on the topic, or look for "
				       "yourself"
				     : NULL,
			"topic %s: its limits and retention cannot be looked at (%s)", topic->name,
			err.text);
	}
}

/* One without partitions is being made. */
static bool lacks_leaders(const struct kafka_topic *facts)
{
	return facts->leaderless > 0 || facts->partitions == 0;
}

/*
 * A broker that has just started, was just not heard of by its controller for some seconds, or has
 * just got the topic has no leaders for a moment, and is as healthy as any: all topics together may
 * take LEADERS_S.
 */
static int ask_facts(struct doctor *doctor, struct doctor_topic *topic, struct err *err)
{
	const struct timespec nap = { 0, LEADERS_NAP_MS * 1000000L };
	int r;

	for (;;) {
		r = kafka_examine_topic(doctor->examiner, topic->name, topic->role >= DOCTOR_DLQ,
			&topic->facts, err);
		if (r < 0 || !lacks_leaders(&topic->facts)) {
			return r;
		}
		if (doctor->leaders_until_us == 0) {
			doctor->leaders_until_us = clock_mono_us() + LEADERS_S * INT64_C(1000000);
		}
		if (clock_mono_us() >= doctor->leaders_until_us ||
			clock_mono_us() + LEADERS_NAP_MS * INT64_C(1000) >= doctor->deadline_us) {
			return 0;
		}
		nanosleep(&nap, NULL);
	}
}

static void judge_topic(struct doctor *doctor, const struct doctor_topic *topic)
{
	const struct kafka_topic *facts = &topic->facts;

	if (lacks_leaders(facts)) {
		findings_add(&doctor->findings, FINDING_ERROR,
			"see why its brokers are away, and ask again when they are back",
			"topic %s: %d of %d partitions have no leader, and get none within %d s",
			topic->name, facts->leaderless, facts->partitions, LEADERS_S);
	}
	if (facts->replicas == 1 && doctor->broker_count > 1) {
		findings_add(&doctor->findings, FINDING_WARNING, "raise its replication factor",
			"topic %s: a partition lies on one of %zu brokers alone", topic->name,
			doctor->broker_count);
	}
	if (topic->role != DOCTOR_TOPIC && topic->has_settings &&
		topic->settings.replicas_min > facts->replicas) {
		findings_add(&doctor->findings, FINDING_ERROR,
			"lower min.insync.replicas, or raise the replication factor",
			"topic %s: min.insync.replicas (%lld) is more than its %d replicas, "
			"nothing "
			"can be written",
			topic->name, (long long)topic->settings.replicas_min, facts->replicas);
	}
}

static void ask_topic(struct doctor *doctor, const char *name, enum doctor_role role)
{
	struct doctor_topic *topic;
	struct err err = ERR_INIT;
	int r;

	ARRAY_GROW(doctor->topics, doctor->topic_count, doctor->topic_capacity);
	topic = &doctor->topics[doctor->topic_count++];
	*topic = (struct doctor_topic){ .name = name, .role = role };
	r = ask_facts(doctor, topic, &err);
	topic->is_there = r == 0;
	if (r < 0) {
		findings_add(&doctor->findings, FINDING_ERROR, NULL, "%s", err.text);
		return;
	}
	ask_settings(doctor, topic);
	judge_topic(doctor, topic);
}

/* A name that is made from the record is not known here. */
static void ask_target(struct doctor *doctor, const struct config_handler *handler)
{
	const char *name = handler && strcmp(handler->type, "forward") == 0
		? config_pairs_get(&handler->params, "topic")
		: NULL;

	if (name && config_is_topic_name(name)) {
		ask_topic(doctor, name, DOCTOR_TARGET);
	}
}

void doctor_check_topics(struct doctor *doctor)
{
	const struct config_consumer *consumer = doctor->consumer;
	size_t before = findings_count(&doctor->findings, FINDING_ERROR);

	doctor->topic_count = 0;
	for (size_t i = 0; i < consumer->topics.count; i++) {
		ask_topic(doctor, consumer->topics.items[i], DOCTOR_TOPIC);
	}
	for (size_t i = 0; i < consumer->tiers.count; i++) {
		ask_topic(doctor, consumer->tiers.items[i].topic, DOCTOR_RETRY_TOPIC);
	}
	if (consumer->dlq_topic) {
		ask_topic(doctor, consumer->dlq_topic, DOCTOR_DLQ);
	} else {
		findings_add(&doctor->findings, FINDING_NOTE, "set dlq.topic",
			"dlq.topic = none: a record that cannot be applied holds what is behind it "
			"until a person decides");
	}
	ask_target(doctor, consumer->handler);
	for (size_t i = 0; i < consumer->route_count; i++) {
		ask_target(doctor, consumer->routes[i].handler);
	}
	if (findings_count(&doctor->findings, FINDING_ERROR) == before) {
		findings_add(&doctor->findings, FINDING_GOOD, NULL, "all %zu topics are there",
			doctor->topic_count);
	}
}

/* ---- partitions ---- */

static int last_listed(const struct config_consumer *consumer)
{
	int last = -1;

	for (size_t i = 0; i < consumer->group_count; i++) {
		const struct config_partition_group *group = &consumer->groups[i];

		if (group->count > 0 && group->partitions[group->count - 1] > last) {
			last = group->partitions[group->count - 1];
		}
	}
	return last;
}

void doctor_judge_lists(const struct config_consumer *consumer, const struct doctor_topic *topic,
	struct findings *findings)
{
	int last = last_listed(consumer);

	if (last >= topic->facts.partitions) {
		findings_add(findings, FINDING_ERROR,
			"add partitions to the topic, or take them out of partitions",
			"topic %s has %d partitions, and partitions names number %d", topic->name,
			topic->facts.partitions, last);
	}
	for (int i = 0; i < topic->facts.partitions; i++) {
		if (!config_consumer_has(consumer, i)) {
			findings_add(findings, FINDING_ERROR, "add it to a list of partitions",
				"topic %s: partition %d is in no worker's list: nobody would read "
				"it",
				topic->name, i);
			return;
		}
	}
}

void doctor_check_partitions(struct doctor *doctor)
{
	const struct config_consumer *consumer = doctor->consumer;
	size_t before = doctor->findings.count;
	int most = 0;

	for (size_t i = 0; i < doctor->topic_count; i++) {
		const struct doctor_topic *topic = &doctor->topics[i];

		if (topic->role != DOCTOR_TOPIC || !topic->is_there) {
			continue;
		}
		most = topic->facts.partitions > most ? topic->facts.partitions : most;
		if (consumer->groups) {
			doctor_judge_lists(consumer, topic, &doctor->findings);
		}
	}
	if (most > 0) {
		deployment_judge_partitions(
			doctor->config, consumer, (unsigned)most, &doctor->findings);
	}
	if (most > 0 && doctor->findings.count == before) {
		findings_add(&doctor->findings, FINDING_GOOD, NULL,
			"%u workers of %u replicas have %d partitions to share", consumer->workers,
			doctor->config->replicas, most);
	}
}
