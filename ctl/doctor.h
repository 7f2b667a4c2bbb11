/*
 * doctor - what the checks of `oncectl doctor` share
 *
 * A check asks, judges and adds findings; it changes nothing anywhere. What it asked stays here for
 * those behind it in the table (doctor.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "config/deployment.h"
#include "config/finding.h"
#include "core/store.h"
#include "kafka/examine.h"

enum doctor_role {
	DOCTOR_TOPIC, /* it is read */
	DOCTOR_RETRY_TOPIC, /* read and written */
	DOCTOR_DLQ, /* written, from here on */
	DOCTOR_TARGET, /* of forward */
};

struct doctor_topic {
	const char *name; /* borrowed from the configuration */
	enum doctor_role role;
	bool is_there, has_settings;
	struct kafka_topic facts;
	struct kafka_topic_settings settings;
};

struct doctor {
	const struct config *config;
	const struct config_consumer *consumer; /* NULL in checks about all of it */
	struct deployment where;
	int64_t deadline_us; /* CLOCK_MONOTONIC; of all questions */
	struct findings findings;

	/* of the consumer, or of one before it */
	struct kafka_examiner *examiner; /* NULL: the cluster does not answer */
	bool is_cluster_away; /* has been told */
	size_t broker_count;
	struct doctor_topic *topics;
	size_t topic_count, topic_capacity;
	int64_t leaders_until_us; /* CLOCK_MONOTONIC; 0: none was missing yet */
};

/* doctor_host.c */
void doctor_check_deployment(struct doctor *doctor);
void doctor_check_state(struct doctor *doctor);
void doctor_check_library(struct doctor *doctor);
/* doctor_cluster.c */
void doctor_check_cluster(struct doctor *doctor);
void doctor_check_brokers(struct doctor *doctor);
void doctor_check_topics(struct doctor *doctor);
void doctor_check_partitions(struct doctor *doctor);
/* doctor_rights.c */
void doctor_check_reading(struct doctor *doctor);
void doctor_check_writing(struct doctor *doctor);
/* doctor_letters.c */
void doctor_check_dead_letters(struct doctor *doctor);
void doctor_check_retention(struct doctor *doctor);
/* doctor_store.c */
void doctor_check_store(struct doctor *doctor);

/* A finding about one topic. */
void doctor_add_topic(struct doctor *doctor, const struct doctor_topic *topic,
	enum finding_severity severity, const char *remedy, const char *text);

/* ---- judgement alone, for tests ---- */

struct doctor_library {
	unsigned version; /* 0x020002ff */
	const char *version_text, *features; /* "2.0.2", "gzip,ssl,sasl_scram" */
};
void doctor_judge_library(const struct config *config, const struct doctor_library *library,
	struct findings *findings);
/* `dlq` against the topic whose dead letters it takes. */
void doctor_judge_dead_letters(const struct config *config, const struct config_consumer *consumer,
	const struct doctor_topic *dlq, const struct doctor_topic *topic,
	struct findings *findings);
void doctor_judge_lists(const struct config_consumer *consumer, const struct doctor_topic *topic,
	struct findings *findings);
void doctor_judge_schema(
	const struct config *config, const struct store_schema *schema, struct findings *findings);
void doctor_judge_clock(int64_t ahead_ms, struct findings *findings);
