/*
 * host_tx - the event's transaction as handlers see it
 *
 * Runs in: worker, lanes. Statements are recorded with the event, queries are asked of its unit of
 * work. Wrong use is a fault of the handler's code, not of an event: it ends the worker.
 */
#include <stdlib.h>

#include "base/log.h"
#include "worker/event.h"

static void misused(const struct onced_event *event, const char *how, int64_t number)
{
	log_error("wrong use of the handler interface", LOG_ID(HANDLER_MISUSE),
		LOG_STR("fault", how), LOG_INT("number", number), LOG_SLICE("topic", event->topic),
		LOG_INT("partition", event->partition),
		LOG_INT("offset", record_offset(event->record)));
	log_flush();
	abort();
}

static bool lies_in(const struct onced_bytes *b, struct slice whole)
{
	return whole.data && b->data >= whole.data && b->data + b->len <= whole.data + whole.len;
}

/* In the event's arena. */
static struct event_statement *statement_new(const struct onced_event *event, int statement,
	const struct onced_value *values, size_t count)
{
	static const enum store_value_kind kinds[] = {
		[ONCED_VALUE_NULL] = STORE_VALUE_NULL,
		[ONCED_VALUE_TEXT] = STORE_VALUE_TEXT,
		[ONCED_VALUE_NUMBER] = STORE_VALUE_NUMBER,
		[ONCED_VALUE_BOOL] = STORE_VALUE_BOOL,
		[ONCED_VALUE_JSON] = STORE_VALUE_JSON,
	};
	struct event_statement *made;

	if (statement < 0 || (size_t)statement >= event->roster->statement_count) {
		misused(event, "a statement that was never asked for", statement);
	}
	made = arena_alloc(event->arena, sizeof(*made) + count * sizeof(made->values[0]));
	*made = (struct event_statement){ .index = statement, .value_count = count };
	for (size_t i = 0; i < count; i++) {
		struct slice text = slice_from(values[i].text.data, values[i].text.len);
		if (text.data && !lies_in(&values[i].text, event->record->value) &&
			!lies_in(&values[i].text, event->record->key)) {
			text = arena_copy(event->arena, text);
		}
		made->values[i] = (struct store_value){ kinds[values[i].kind], text };
	}
	return made;
}

int onced_tx_send(const struct onced_event *event, int statement, const struct onced_value *values,
	size_t count)
{
	/* the list is the host's part of an event that is const for the handler */
	struct onced_event *host = (struct onced_event *)event;
	struct event_statement *sent = statement_new(event, statement, values, count);

	if (host->last_statement) {
		host->last_statement->next = sent;
	} else {
		host->statements = sent;
	}
	host->last_statement = sent;
	return 0;
}

const struct onced_rows *onced_tx_query(const struct onced_event *event, int statement,
	const struct onced_value *values, size_t count)
{
	struct onced_event *host = (struct onced_event *)event;
	const struct event_statement *asked = statement_new(event, statement, values, count);

	return event->host->ask(event->host, host, asked) ? &event->answer : NULL;
}

size_t onced_rows_count(const struct onced_rows *rows)
{
	return rows->rows.row_count;
}

size_t onced_rows_columns(const struct onced_rows *rows)
{
	return rows->rows.column_count;
}

struct onced_bytes onced_rows_value(const struct onced_rows *rows, size_t row, size_t column)
{
	struct slice value;

	if (row >= rows->rows.row_count || column >= rows->rows.column_count) {
		log_error("a handler reads behind the rows of its query",
			LOG_INT("row", (int64_t)row), LOG_INT("column", (int64_t)column));
		log_flush();
		abort();
	}
	value = rows->rows.values[row * rows->rows.column_count + column];
	return (struct onced_bytes){ value.data, value.len };
}
