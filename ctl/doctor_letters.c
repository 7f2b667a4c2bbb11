/*
 * doctor_letters - checks of `oncectl doctor`: do dead letters fit, and are things kept for long
 * enough?
 *
 * Runs in: oncectl.
 */
#include <string.h>

#include "base/buffer.h"
#include "config/value.h"
#include "core/keeping.h"
#include "doctor.h"

/* Headers of ours: the error is the largest, 1 KiB; names of topic, consumer, handler, host. */
enum { HEADERS_BYTES = 4096 };
/* What somebody who was away a week should still find. */
#define DLQ_RETENTION_MS ((int64_t)7 * 86400 * 1000)

static void judge_size(const struct config *config, const struct config_consumer *consumer,
	const struct doctor_topic *dlq, const struct doctor_topic *topic, struct findings *findings)
{
	const char *text = config_pairs_get(&config->kafka_producer, "message.max.bytes");
	int64_t takes = dlq->settings.message_bytes_max;
	int64_t needs = topic->settings.message_bytes_max, own;
	bool is_held = consumer->dlq_oversized == DLQ_OVERSIZED_HOLD;

	text = text ? text : config_pairs_get(&config->kafka, "message.max.bytes");
	if (takes >= 0 && needs >= 0 && takes < needs + HEADERS_BYTES) {
		findings_add(findings, FINDING_WARNING,
			"raise max.message.bytes of the dead-letter topic, or set dlq.oversized = "
			"headers-only",
			"topic %s takes %lld bytes, and a dead letter of topic %s may have %lld "
			"and "
			"%d of headers: it would %s",
			dlq->name, (long long)takes, topic->name, (long long)needs, HEADERS_BYTES,
			is_held ? "hold everything behind it" : "lose its key and value");
	}
	if (text && value_parse_integer(text, &own) == 0 && needs >= 0 &&
		own < needs + HEADERS_BYTES) {
		findings_add(findings, FINDING_WARNING,
			"raise message.max.bytes in [kafka producer], or leave it out",
			"message.max.bytes (%lld) is less than a dead letter of topic %s may have "
			"(%lld)",
			(long long)own, topic->name, (long long)needs + HEADERS_BYTES);
	}
}

static void judge_kept(const struct doctor_topic *dlq, struct findings *findings)
{
	int64_t kept_ms = dlq->settings.retention_ms;
	_cleanup_(buffer_fini) struct buffer kept = BUFFER_INIT;

	if (dlq->settings.is_compacted) {
		findings_add(findings, FINDING_ERROR, "set cleanup.policy = delete on it",
			"topic %s is compacted: dead letters of one key replace each other, and "
			"those without a key are refused",
			dlq->name);
	}
	if (kept_ms >= 0 && kept_ms < DLQ_RETENTION_MS) {
		value_write_duration(&kept, kept_ms * 1000);
		findings_add(findings, FINDING_WARNING, "raise retention.ms of it, to -1 at best",
			"topic %s keeps dead letters for %s: they may be gone before anybody has "
			"looked",
			dlq->name, buffer_str(&kept));
	}
}

void doctor_judge_dead_letters(const struct config *config, const struct config_consumer *consumer,
	const struct doctor_topic *dlq, const struct doctor_topic *topic, struct findings *findings)
{
	if (dlq->has_settings && topic->has_settings) {
		judge_size(config, consumer, dlq, topic, findings);
	}
	if (dlq->facts.partitions != topic->facts.partitions) {
		findings_add(findings, FINDING_NOTE, NULL,
			"topic %s has %d partitions, topic %s has %d: dead letters go by their "
			"key, "
			"not by partition number",
			dlq->name, dlq->facts.partitions, topic->name, topic->facts.partitions);
	}
}

static const struct doctor_topic *find_dlq(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->topic_count; i++) {
		if (doctor->topics[i].role == DOCTOR_DLQ && doctor->topics[i].is_there) {
			return &doctor->topics[i];
		}
	}
	return NULL;
}

void doctor_check_dead_letters(struct doctor *doctor)
{
	const struct doctor_topic *dlq = find_dlq(doctor);
	size_t before = doctor->findings.count;

	if (!dlq) {
		return;
	}
	if (dlq->has_settings) {
		judge_kept(dlq, &doctor->findings);
	}
	for (size_t i = 0; i < doctor->topic_count; i++) {
		const struct doctor_topic *topic = &doctor->topics[i];

		if (topic->role == DOCTOR_TOPIC && topic->is_there) {
			doctor_judge_dead_letters(
				doctor->config, doctor->consumer, dlq, topic, &doctor->findings);
		}
	}
	if (dlq->has_settings && doctor->findings.count == before) {
		findings_add(&doctor->findings, FINDING_GOOD, NULL,
			"topic %s takes every dead letter and keeps it", dlq->name);
	}
}

/* ---- ids against topics and offsets ---- */

static bool remembers(const struct doctor *doctor)
{
	const char *store = config_store_of(doctor->config, doctor->consumer);

	return strcmp(store, "none:") != 0 && doctor->consumer->dedup_retention_us > 0;
}

static void judge_keeping(struct doctor *doctor, const char *topic)
{
	struct sink_keeping keeping = { .topic = topic };
	const char *sentence;
	enum keeping_verdict verdict;

	kafka_examine_keeping(doctor->examiner, &keeping);
	verdict = keeping_judge(doctor->consumer->dedup_retention_us, &keeping);
	sentence = keeping_sentence(verdict);
	if (sentence) {
		findings_add(&doctor->findings,
			verdict == KEEPING_UNKNOWN ? FINDING_NOTE : FINDING_WARNING, NULL,
			"%s%s%s%s", topic ? "topic " : "", topic ? topic : "", topic ? ": " : "",
			sentence);
	} else if (verdict == KEEPING_LONG_ENOUGH) {
		findings_add(&doctor->findings, FINDING_GOOD, NULL,
			"%s%s: ids are remembered for as long", topic ? "topic " : "offsets",
			topic ? topic : "");
	}
}

void doctor_check_retention(struct doctor *doctor)
{
	if (!remembers(doctor)) {
		return;
	}
	for (size_t i = 0; i < doctor->topic_count; i++) {
		if (doctor->topics[i].role == DOCTOR_TOPIC && doctor->topics[i].is_there) {
			judge_keeping(doctor, doctor->topics[i].name);
		}
	}
	judge_keeping(doctor, NULL);
}
