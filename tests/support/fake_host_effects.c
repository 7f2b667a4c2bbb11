/*
 * fake_host_effects - the fake host's part of transactions and topics
 */
#include "base/memory.h"
#include "fake_host_private.h"

/* ---- the interface: the transaction ---- */

static struct onced_value value_copy(struct arena *arena, struct onced_value value)
{
	struct slice text = { value.text.data, value.text.len };

	fake_host_demand(
		(value.kind == ONCED_VALUE_NULL) == (text.data == NULL), "a null has no text");
	if (text.data) {
		text = arena_copy(arena, text);
	}
	return (struct onced_value){ value.kind, fake_host_bytes(text) };
}

static void note_sent(const struct onced_event *event, int statement,
	const struct onced_value *values, size_t count, bool is_query)
{
	struct fake_host *host = event->host;
	struct onced_value *copies = arena_alloc(&host->arena, (count + 1) * sizeof(*copies));

	fake_host_demand(statement >= 0 && (size_t)statement < host->statement_count, "statement");
	fake_host_demand(count == host->statements[statement].param_count, "number of values");
	for (size_t i = 0; i < count; i++) {
		copies[i] = value_copy(&host->arena, values[i]);
	}
	ARRAY_GROW(host->sent, host->sent_count, host->sent_capacity);
	host->sent[host->sent_count++] =
		(struct fake_sent){ event->fake, statement, is_query, copies, count };
}

int onced_tx_send(const struct onced_event *event, int statement, const struct onced_value *values,
	size_t count)
{
	note_sent(event, statement, values, count, false);
	return 0;
}

struct onced_rows {
	struct fake_answer answer;
};

const struct onced_rows *onced_tx_query(const struct onced_event *event, int statement,
	const struct onced_value *values, size_t count)
{
	struct fake_host *host = event->host;
	struct onced_rows *rows = arena_alloc(&host->arena, sizeof(*rows));

	note_sent(event, statement, values, count, true);
	fake_host_demand(!host->is_batch, "a query in handle_batch()");
	if (host->is_refused) {
		return NULL;
	}
	fake_host_demand(
		host->answered < host->answer_count, "a query that the test has no answer to");
	rows->answer = host->answers[host->answered++];
	host->is_refused = rows->answer.is_refused;
	return host->is_refused ? NULL : rows;
}

size_t onced_rows_count(const struct onced_rows *rows)
{
	return rows->answer.row_count;
}

size_t onced_rows_columns(const struct onced_rows *rows)
{
	return rows->answer.column_count;
}

struct onced_bytes onced_rows_value(const struct onced_rows *rows, size_t row, size_t column)
{
	const char *value;

	fake_host_demand(row < rows->answer.row_count && column < rows->answer.column_count,
		"a value outside of the rows");
	value = rows->answer.values[row * rows->answer.column_count + column];
	return (struct onced_bytes){ value, value ? strlen(value) : 0 };
}

/* ---- the interface: records to topics ---- */

int onced_need_topic(struct onced_setup *setup, const char *topic)
{
	struct fake_host *host = setup->host;

	if (host->handler->effect != ONCED_EFFECT_ELSEWHERE) {
		return onced_setup_fail(setup, "the handler makes its effects elsewhere");
	}
	ARRAY_GROW(host->topics, host->topic_count, host->topic_capacity);
	host->topics[host->topic_count] = xstrdup(topic);
	return (int)host->topic_count++;
}

static struct onced_bytes bytes_copy(struct arena *arena, struct onced_bytes bytes)
{
	struct slice s = { bytes.data, bytes.len };

	return bytes.data ? fake_host_bytes(arena_copy(arena, s)) : bytes;
}

int onced_publish(const struct onced_event *event, int topic, const struct onced_record *record,
	struct onced_outcome *outcome)
{
	struct fake_host *host = event->host;
	struct onced_header *headers =
		arena_alloc(&host->arena, (record->header_count + 1) * sizeof(*headers));

	fake_host_demand(topic >= 0 && (size_t)topic < host->topic_count, "topic");
	for (size_t i = 0; i < record->header_count; i++) {
		headers[i].name = bytes_copy(&host->arena, record->headers[i].name);
		headers[i].value = bytes_copy(&host->arena, record->headers[i].value);
	}
	host->published = (struct fake_published){ topic, *record };
	host->published.record.headers = headers;
	host->published.record.key = bytes_copy(&host->arena, record->key);
	host->published.record.value = bytes_copy(&host->arena, record->value);
	host->published_count++;
	if (host->publish_result == ONCED_DONE) {
		return 0;
	}
	onced_outcome_set(outcome, host->publish_result, "CODE", "the broker says no");
	return -1;
}
