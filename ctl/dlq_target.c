#include "dlq_target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/shown.h"
#include "kafka/kafka.h"

/* Each group asked is a client of its own. */
enum { ASK_TIMEOUT_MS = 10000, GROUPS_MAX = 200, GROUPS_US = 10000000 };

int dlq_targets_open(struct dlq_targets *targets, const struct config *config,
	const struct config_consumer *consumer, struct err *err)
{
	targets->consumer = consumer;
	return consumer ? kafka_reader_open(config, consumer->group_id, &targets->reader, err) : 0;
}

void dlq_targets_close(struct dlq_targets *targets)
{
	for (size_t i = 0; i < targets->count; i++) {
		free(targets->items[i].topic);
		free(targets->items[i].ends);
	}
	free(targets->items);
	kafka_reader_close(targets->reader);
	*targets = DLQ_TARGETS_INIT;
}

static bool is_read(const struct config_consumer *consumer, const char *topic)
{
	for (size_t i = 0; consumer && i < consumer->topics.count; i++) {
		if (strcmp(consumer->topics.items[i], topic) == 0) {
			return true;
		}
	}
	return false;
}

int dlq_targets_find(struct dlq_targets *targets, struct sink *sink, struct slice topic,
	struct dlq_target **ret, struct err *err)
{
	struct dlq_target *target;
	char *name;
	int count;

	for (size_t i = 0; i < targets->count; i++) {
		if (slice_equal_str(topic, targets->items[i].topic)) {
			*ret = &targets->items[i];
			return 0;
		}
	}
	name = xstrndup(topic.data, topic.len);
	/* a header may say anything, of which brokers do not say what is wrong with it */
	count = strlen(name) == topic.len && config_is_topic_name(name)
		? kafka_sink_ops.partition_count(sink, name, ASK_TIMEOUT_MS, err)
		: -ENOENT;
	if (count < 0 && count != -ENOENT) {
		free(name);
		return count;
	}
	ARRAY_GROW(targets->items, targets->count, targets->capacity);
	target = *ret = &targets->items[targets->count++];
	*target = (struct dlq_target){ .topic = name,
		.partition_count = count < 0 ? 0 : count,
		.is_awaited = is_read(targets->consumer, name),
		.ends = xcalloc(count > 0 ? (size_t)count : 1, sizeof(int64_t)) };
	return 0;
}

/*
 * Nothing but what was sent is waited for: the rest of the topic may end in what no consumer
 * commits, as the marker of a transaction, or have no offset of the group's at all.
 */
void dlq_targets_stored(void *arg, const char *topic, int32_t partition, int64_t offset)
{
	struct dlq_targets *targets = arg;

	for (size_t i = 0; i < targets->count; i++) {
		struct dlq_target *target = &targets->items[i];

		if (strcmp(target->topic, topic) != 0) {
			continue;
		}
		if (offset < 0 || partition >= target->partition_count) {
			target->is_unsure = true;
		} else if (offset >= target->ends[partition]) {
			target->ends[partition] = offset + 1;
		}
	}
}

int dlq_targets_note_ends(struct dlq_targets *targets, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < targets->count && r == 0; i++) {
		struct dlq_target *target = &targets->items[i];

		if (target->is_awaited && target->is_unsure) {
			r = kafka_reader_log_offsets(targets->reader, target->topic,
				SOURCE_OFFSET_LATEST, target->ends, (size_t)target->partition_count,
				err);
			target->is_unsure = r < 0;
		}
	}
	return r;
}

static int64_t behind_in(
	struct dlq_targets *targets, const struct dlq_target *target, struct err *err)
{
	size_t count = (size_t)target->partition_count;
	_cleanup_free_ int64_t *committed = xcalloc(count + 1, sizeof(*committed));
	int64_t sum = 0;
	int r = kafka_reader_committed(targets->reader, target->topic, committed, count, err);

	for (size_t i = 0; i < count && r == 0; i++) {
		int64_t reached = committed[i] > 0 ? committed[i] : 0;

		sum += target->ends[i] > reached ? target->ends[i] - reached : 0;
	}
	return r < 0 ? r : sum;
}

int64_t dlq_targets_behind(struct dlq_targets *targets, struct err *err)
{
	int64_t sum = 0;

	for (size_t i = 0; i < targets->count; i++) {
		int64_t behind = targets->items[i].is_awaited && targets->reader
			? behind_in(targets, &targets->items[i], err)
			: 0;

		if (behind < 0) {
			return behind;
		}
		sum += behind;
	}
	return sum;
}

/* ---- who else reads them ---- */

static bool has_committed(struct kafka_reader *reader, const struct dlq_target *target)
{
	size_t count = (size_t)target->partition_count;
	_cleanup_free_ int64_t *committed = xcalloc(count + 1, sizeof(*committed));
	struct err err = ERR_INIT;

	if (kafka_reader_committed(reader, target->topic, committed, count, &err) < 0) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (committed[i] >= 0) {
			return true;
		}
	}
	return false;
}

static bool reads_any(
	const struct dlq_targets *targets, const struct config *config, const char *group)
{
	_cleanup_(kafka_reader_closep) struct kafka_reader *reader = NULL;
	struct err err = ERR_INIT;
	bool result = false;

	if (targets->consumer && strcmp(group, targets->consumer->group_id) == 0) {
		return false;
	}
	if (kafka_reader_open(config, group, &reader, &err) < 0) {
		return false;
	}
	for (size_t i = 0; i < targets->count && !result; i++) {
		result = targets->items[i].partition_count > 0 &&
			has_committed(reader, &targets->items[i]);
	}
	return result;
}

int dlq_targets_other_groups(struct dlq_targets *targets, const struct config *config,
	struct kafka_reader *any, struct buffer *out, struct err *err)
{
	int64_t end_us = clock_mono_us() + GROUPS_US;
	char **groups = NULL;
	size_t count = 0, asked = 0;
	int r = kafka_reader_groups(any, &groups, &count, err);

	for (; asked < count && asked < GROUPS_MAX && clock_mono_us() < end_us; asked++) {
		if (reads_any(targets, config, groups[asked])) {
			buffer_append_str(out, out->len > 0 ? ", " : "");
			shown_append(out, slice_from_str(groups[asked]));
		}
	}
	for (size_t i = 0; i < count; i++) {
		free(groups[i]);
	}
	free(groups);
	if (asked < count) {
		buffer_printf(out, "%s(%zu of %zu groups were not asked)", out->len > 0 ? ", " : "",
			count - asked, count);
	}
	return r;
}
