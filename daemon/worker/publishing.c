#include "worker/publishing.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "worker/event.h"
#include "worker/setup.h"

/* ---- what handlers ask for ---- */

int onced_need_topic(struct onced_setup *setup, const char *topic)
{
	struct publishing *publishing;
	int64_t timeout_ms = onced_setup_timeout_ms(setup);

	if (!setup->roster) {
		return onced_setup_fail(setup, "topics are asked for in open(), not in check()");
	}
	if (setup->ops->effect != ONCED_EFFECT_ELSEWHERE) {
		return onced_setup_fail(setup,
			"a handler that writes to topics makes its effects elsewhere: effect must "
			"be ONCED_EFFECT_ELSEWHERE");
	}
	if (!config_is_topic_name(topic)) {
		return onced_setup_fail(setup, "\"%s\" is not the name of a topic", topic);
	}
	publishing = &setup->roster->publishing;
	for (size_t i = 0; i < publishing->topic_count; i++) {
		if (strcmp(publishing->topics[i].name, topic) == 0 &&
			publishing->topics[i].timeout_ms == timeout_ms) {
			return (int)i;
		}
	}
	ARRAY_GROW(publishing->topics, publishing->topic_count, publishing->topic_capacity);
	publishing->topics[publishing->topic_count] =
		(struct publisher_topic){ xstrdup(topic), timeout_ms };
	return (int)publishing->topic_count++;
}

/* ---- opening ---- */

/* The configuration's check sees only the handlers that are not loaded code. */
static int check_loops(const struct publishing *publishing, const struct config *config,
	const struct config_consumer *consumer, struct err *err)
{
	if (config_producers_are_elsewhere(config)) {
		return 0;
	}
	for (size_t i = 0; i < publishing->topic_count; i++) {
		const char *topic = publishing->topics[i].name;

		if (config_consumer_reads(consumer, topic)) {
			return err_set(err, -EINVAL,
				"a handler of [consumer %s] writes to %s, which this consumer "
				"reads: its records would go round for ever",
				consumer->name, topic);
		}
		if (consumer->dlq_topic && strcmp(consumer->dlq_topic, topic) == 0) {
			return err_set(err, -EINVAL,
				"a handler of [consumer %s] writes to %s, where this consumer has "
				"its dead letters",
				consumer->name, topic);
		}
	}
	return 0;
}

static struct publisher_options options_of(
	const struct publishing *publishing, const struct config *config, const char *client_id)
{
	return (struct publisher_options){ .config = config,
		.client_id = client_id,
		.topics = publishing->topics,
		.topic_count = publishing->topic_count };
}

int publishing_open(struct publishing *publishing, const struct publisher_ops *ops,
	const struct config *config, const struct config_consumer *consumer, const char *client_id,
	struct err *err)
{
	struct publisher_options options = options_of(publishing, config, client_id);
	int r = check_loops(publishing, config, consumer, err);

	if (r < 0 || publishing->topic_count == 0) {
		return r;
	}
	publishing->ops = ops;
	return ops->open(&options, &publishing->publisher, err);
}

int publishing_check(const struct publishing *publishing, const struct publisher_ops *ops,
	const struct config *config, const struct config_consumer *consumer, struct err *err)
{
	struct publisher_options options = options_of(publishing, config, "onced-probe");
	int r = check_loops(publishing, config, consumer, err);

	return r < 0 || publishing->topic_count == 0 ? r : ops->check(&options, err);
}

int publishing_open_transactor(struct publishing *publishing, const struct transactor_ops *ops,
	const struct config *config, const struct config_consumer *consumer, const char *client_id,
	const char *transactional_id, struct err *err)
{
	struct transactor_options options = { options_of(publishing, config, client_id),
		transactional_id };
	int r = check_loops(publishing, config, consumer, err);

	if (r < 0) {
		return r;
	}
	publishing->transactor_ops = ops;
	return ops->open(&options, &publishing->transactor, err);
}

int publishing_check_transactor(const struct publishing *publishing,
	const struct transactor_ops *ops, const struct config *config,
	const struct config_consumer *consumer, struct err *err)
{
	struct transactor_options options = { options_of(publishing, config, "onced-probe"),
		"onced-probe" };
	int r = check_loops(publishing, config, consumer, err);

	return r < 0 ? r : ops->check(&options, err);
}

void publishing_close(struct publishing *publishing)
{
	if (publishing->transactor) {
		publishing->transactor_ops->close(publishing->transactor);
		publishing->transactor = NULL;
	}
	if (publishing->publisher) {
		publishing->ops->close(publishing->publisher);
		publishing->publisher = NULL;
	}
}

void publishing_fini(struct publishing *publishing)
{
	for (size_t i = 0; i < publishing->topic_count; i++) {
		free((char *)publishing->topics[i].name);
	}
	free(publishing->topics);
	*publishing = (struct publishing){ .topics = NULL };
}

/* ---- writing, on a runner ---- */

static struct slice slice_of(struct onced_bytes bytes)
{
	return slice_from(bytes.data, bytes.len);
}

static struct source_header *headers_of(
	const struct onced_event *event, const struct onced_record *record)
{
	struct source_header *headers =
		arena_alloc(event->arena, (record->header_count + 1) * sizeof(*headers));

	for (size_t i = 0; i < record->header_count; i++) {
		headers[i] = (struct source_header){ slice_of(record->headers[i].name),
			slice_of(record->headers[i].value) };
	}
	return headers;
}

static enum onced_result result_of(enum publisher_result result)
{
	return result == PUBLISHER_REFUSED        ? ONCED_REJECT
		: result == PUBLISHER_UNAVAILABLE ? ONCED_UNAVAILABLE
						  : ONCED_RETRY;
}

static enum publisher_result publish_in_transaction(const struct publishing *publishing,
	const struct sink_message *message, int64_t timeout_ms, struct err *err)
{
	const struct transactor_ops *ops = publishing->transactor_ops;
	enum publisher_result result = ops->send(publishing->transactor, message, err);

	if (result != PUBLISHER_ACKED || !publishing->is_alone) {
		return result;
	}
	return ops->wait(publishing->transactor, timeout_ms * 1000, err);
}

int onced_publish(const struct onced_event *event, int topic, const struct onced_record *record,
	struct onced_outcome *outcome)
{
	const struct publishing *publishing = &event->roster->publishing;
	struct sink_message message = { .topic = publishing->topics[topic].name,
		.partition = record->partition,
		.key = slice_of(record->key),
		.value = slice_of(record->value),
		.timestamp_ms = record->timestamp_ms,
		.headers = headers_of(event, record),
		.header_count = record->header_count };
	struct err err = ERR_INIT;
	enum publisher_result result;

	assert((publishing->publisher || publishing->transactor) && topic >= 0 &&
		(size_t)topic < publishing->topic_count);
	result = publishing->transactor
		? publish_in_transaction(
			  publishing, &message, publishing->topics[topic].timeout_ms, &err)
		: publishing->ops->publish(publishing->publisher, (size_t)topic, &message, &err);
	if (result == PUBLISHER_ACKED) {
		return 0;
	}
	onced_outcome_set(outcome, result_of(result), err.code, "%s", err.text);
	return -1;
}
