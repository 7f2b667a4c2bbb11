/*
 * fake_host - the host side of onced/handler.h for tests of handlers
 */
#include "fake_host.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

struct onced_event {
	struct fake_host *host;
	const struct fake_event *fake;
	struct json_ref refs[SCAN_PATHS_MAX];
};

struct fake_host_lines fake_host_lines = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void demand(bool is_right, const char *what)
{
	if (!is_right) {
		fprintf(stderr, "wrong use of the handler interface: %s\n", what);
		abort();
	}
}

/* ---- the host ---- */

void fake_host_init(struct fake_host *host, const struct onced_handler *handler,
	const struct onced_param *params)
{
	*host = (struct fake_host){
		.handler = handler,
		.params = params,
		.is_transactional = true,
		.timeout_ms = 20000,
		.paths = path_set_new(),
		.log = BUFFER_INIT,
		.arena = ARENA_INIT,
	};
	host->setup.host = host;
	demand(handler->abi == ONCED_HANDLER_ABI && handler->size == sizeof(*handler), "abi, size");
}

void fake_host_fini(struct fake_host *host)
{
	if (host->state && host->handler->close) {
		host->handler->close(host->state);
	}
	for (size_t i = 0; i < host->statement_count; i++) {
		free(host->statements[i].sql);
	}
	for (size_t i = 0; i < host->topic_count; i++) {
		free(host->topics[i]);
	}
	free(host->topics);
	free(host->statements);
	free(host->sent);
	path_set_free(host->paths);
	buffer_fini(&host->log);
	arena_fini(&host->arena);
}

static int call(struct fake_host *host, int r)
{
	demand((r == 0 && !host->setup.reason[0]) || (r == -1 && host->setup.reason[0]),
		"-1 goes with a reason, 0 without");
	return r;
}

int fake_host_check(struct fake_host *host)
{
	host->setup.reason[0] = '\0';
	return host->handler->check ? call(host, host->handler->check(&host->setup)) : 0;
}

int fake_host_open(struct fake_host *host)
{
	int r = 0;

	host->setup.reason[0] = '\0';
	if (host->handler->open) {
		r = call(host, host->handler->open(&host->setup, &host->state));
	}
	return r;
}

struct onced_outcome fake_host_handle(struct fake_host *host, const struct fake_event *fake)
{
	struct onced_event *event = NEW(struct onced_event);
	struct onced_outcome outcome = { .result = ONCED_DONE };

	event->host = host;
	event->fake = fake;
	if (scan_json(host->paths, fake->value, event->refs, NULL) != SCAN_OK) {
		memset(event->refs, 0, sizeof(event->refs));
	}
	arena_reset(&host->arena);
	host->sent_count = 0;
	host->published_count = 0;
	host->is_refused = false;
	host->handler->handle(host->state, event, &outcome);
	free(event);
	return outcome;
}

/* ---- the interface: outcome and log ---- */

void onced_outcome_set(struct onced_outcome *outcome, enum onced_result result, const char *code,
	const char *reason_format, ...)
{
	va_list args;

	outcome->result = result;
	snprintf(outcome->code, sizeof(outcome->code), "%s", code ? code : "");
	va_start(args, reason_format);
	vsnprintf(outcome->reason, sizeof(outcome->reason), reason_format, args);
	va_end(args);
}

void onced_log(const struct onced_event *event, const char *format, ...)
{
	struct buffer *log = &event->host->log;
	va_list args;

	buffer_printf(log, "%s:%d:%lld ", event->fake->topic, event->fake->partition,
		(long long)event->fake->offset);
	va_start(args, format);
	buffer_vprintf(log, format, args);
	va_end(args);
	buffer_append_char(log, '\n');
}

/* May come from a thread of the handler's, and from there it knows no host. */
void onced_log_line(const char *handler, const char *format, ...)
{
	struct buffer *lines = &fake_host_lines.text;
	va_list args;

	pthread_mutex_lock(&fake_host_lines.lock);
	buffer_printf(lines, "%s: ", handler);
	va_start(args, format);
	buffer_vprintf(lines, format, args);
	va_end(args);
	buffer_append_char(lines, '\n');
	pthread_mutex_unlock(&fake_host_lines.lock);
}

/* ---- the interface: the event ---- */

static struct onced_bytes bytes_of(struct slice s)
{
	return (struct onced_bytes){ s.data, s.len };
}

struct onced_bytes onced_event_topic(const struct onced_event *event)
{
	return bytes_of(slice_from_str(event->fake->topic));
}

int32_t onced_event_partition(const struct onced_event *event)
{
	return event->fake->partition;
}

int64_t onced_event_offset(const struct onced_event *event)
{
	return event->fake->offset;
}

int64_t onced_event_timestamp_ms(const struct onced_event *event)
{
	return event->fake->timestamp_ms;
}

struct onced_bytes onced_event_key(const struct onced_event *event)
{
	return bytes_of(event->fake->key);
}

struct onced_bytes onced_event_value(const struct onced_event *event)
{
	return bytes_of(event->fake->value);
}

struct onced_bytes onced_event_json(const struct onced_event *event)
{
	struct path_set *none = path_set_new();
	struct json_ref refs[1];
	bool is_json = scan_json(none, event->fake->value, refs, NULL) == SCAN_OK;

	path_set_free(none);
	return is_json ? bytes_of(event->fake->value) : (struct onced_bytes){ NULL, 0 };
}

struct onced_bytes onced_event_id(const struct onced_event *event)
{
	return bytes_of(event->fake->id);
}

struct onced_bytes onced_event_type(const struct onced_event *event)
{
	return bytes_of(event->fake->type);
}

struct onced_bytes onced_event_source(const struct onced_event *event)
{
	return bytes_of(event->fake->source);
}

unsigned onced_event_attempt(const struct onced_event *event)
{
	return event->fake->attempt;
}

size_t onced_event_header_count(const struct onced_event *event)
{
	return event->fake->header_count;
}

bool onced_event_header_at(const struct onced_event *event, size_t i, struct onced_bytes *ret_name,
	struct onced_bytes *ret_value)
{
	if (i >= event->fake->header_count) {
		return false;
	}
	*ret_name = bytes_of(event->fake->headers[i].name);
	*ret_value = bytes_of(event->fake->headers[i].value);
	return true;
}

bool onced_event_header(
	const struct onced_event *event, const char *name, struct onced_bytes *ret_value)
{
	for (size_t i = event->fake->header_count; i-- > 0;) {
		if (slice_equal_str(event->fake->headers[i].name, name)) {
			*ret_value = bytes_of(event->fake->headers[i].value);
			return true;
		}
	}
	return false;
}

static struct slice unescaped(struct fake_host *host, struct slice escaped)
{
	struct buffer plain = BUFFER_INIT;
	struct slice s;

	scan_unescape(escaped, &plain);
	s = arena_copy(&host->arena, slice_from(buffer_str(&plain), plain.len));
	buffer_fini(&plain);
	return s;
}

enum onced_kind onced_event_path(
	const struct onced_event *event, int path, struct onced_bytes *ret_text)
{
	static const enum onced_kind kinds[] = {
		[JSON_KIND_ABSENT] = ONCED_ABSENT,
		[JSON_KIND_NULL] = ONCED_NULL,
		[JSON_KIND_TRUE] = ONCED_TRUE,
		[JSON_KIND_FALSE] = ONCED_FALSE,
		[JSON_KIND_NUMBER] = ONCED_NUMBER,
		[JSON_KIND_STRING] = ONCED_STRING,
		[JSON_KIND_OBJECT] = ONCED_OBJECT,
		[JSON_KIND_ARRAY] = ONCED_ARRAY,
	};
	const struct json_ref *ref;

	demand(path >= 0 && (unsigned)path < path_set_count(event->host->paths), "path");
	ref = &event->refs[path];
	*ret_text = bytes_of(ref->has_escapes ? unescaped(event->host, ref->text) : ref->text);
	return kinds[ref->kind];
}

/* ---- the interface: set-up ---- */

const char *onced_setup_handler_name(const struct onced_setup *setup)
{
	return "under-test";
}

/* "headers.*" covers headers.x-tenant. */
static bool covers(const char *spec, const char *name)
{
	size_t len = strlen(spec);

	if (len > 2 && strcmp(spec + len - 2, ".*") == 0) {
		return strncmp(spec, name, len - 1) == 0 && name[len - 1];
	}
	return strcmp(spec, name) == 0;
}

static const struct onced_param_spec *spec_find(
	const struct onced_handler *handler, const char *name)
{
	for (const struct onced_param_spec *spec = handler->params; spec->name; spec++) {
		if (covers(spec->name, name)) {
			return spec;
		}
	}
	return NULL;
}

const char *onced_setup_param(const struct onced_setup *setup, const char *name)
{
	const struct onced_param_spec *spec = spec_find(setup->host->handler, name);

	demand(spec != NULL, "a parameter outside the handler's table");
	for (const struct onced_param *param = setup->host->params; param->name; param++) {
		if (strcmp(param->name, name) == 0) {
			return param->value;
		}
	}
	return spec->default_value;
}

bool onced_setup_param_at(const struct onced_setup *setup, size_t i, struct onced_param *ret)
{
	const struct onced_param *params = setup->host->params;
	size_t count = 0;

	while (params[count].name) {
		demand(spec_find(setup->host->handler, params[count].name) != NULL,
			"a parameter outside the handler's table");
		count++;
	}
	if (i >= count) {
		return false;
	}
	*ret = params[i];
	return true;
}

int64_t onced_setup_timeout_ms(const struct onced_setup *setup)
{
	return setup->host->timeout_ms;
}

int onced_setup_fail(struct onced_setup *setup, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(setup->reason, sizeof(setup->reason), format, args);
	va_end(args);
	return -1;
}

int onced_need_path(struct onced_setup *setup, const char *path)
{
	int index = path_set_add(setup->host->paths, path);

	return index < 0 ? onced_setup_fail(setup, "path %s is refused", path) : index;
}

int onced_need_statement(struct onced_setup *setup, const char *sql, unsigned param_count,
	long rows_min, long rows_max)
{
	struct fake_host *host = setup->host;

	if (!host->is_transactional) {
		return onced_setup_fail(setup, "the store applies no effects");
	}
	ARRAY_GROW(host->statements, host->statement_count, host->statement_capacity);
	host->statements[host->statement_count] =
		(struct fake_statement){ xstrdup(sql), param_count, rows_min, rows_max };
	return (int)host->statement_count++;
}

bool onced_setup_is_transactional(const struct onced_setup *setup)
{
	return setup->host->is_transactional;
}

/* ---- the interface: the transaction ---- */

static struct onced_value value_copy(struct arena *arena, struct onced_value value)
{
	struct slice text = { value.text.data, value.text.len };

	demand((value.kind == ONCED_VALUE_NULL) == (text.data == NULL), "a null has no text");
	if (text.data) {
		text = arena_copy(arena, text);
	}
	return (struct onced_value){ value.kind, bytes_of(text) };
}

static void note_sent(struct fake_host *host, int statement, const struct onced_value *values,
	size_t count, bool is_query)
{
	struct onced_value *copies = arena_alloc(&host->arena, (count + 1) * sizeof(*copies));

	demand(statement >= 0 && (size_t)statement < host->statement_count, "statement");
	demand(count == host->statements[statement].param_count, "number of values");
	for (size_t i = 0; i < count; i++) {
		copies[i] = value_copy(&host->arena, values[i]);
	}
	ARRAY_GROW(host->sent, host->sent_count, host->sent_capacity);
	host->sent[host->sent_count++] = (struct fake_sent){ statement, is_query, copies, count };
}

int onced_tx_send(const struct onced_event *event, int statement, const struct onced_value *values,
	size_t count)
{
	note_sent(event->host, statement, values, count, false);
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

	note_sent(host, statement, values, count, true);
	if (host->is_refused) {
		return NULL;
	}
	demand(host->answered < host->answer_count, "a query that the test has no answer to");
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

	demand(row < rows->answer.row_count && column < rows->answer.column_count,
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

	return bytes.data ? bytes_of(arena_copy(arena, s)) : bytes;
}

int onced_publish(const struct onced_event *event, int topic, const struct onced_record *record,
	struct onced_outcome *outcome)
{
	struct fake_host *host = event->host;
	struct onced_header *headers =
		arena_alloc(&host->arena, (record->header_count + 1) * sizeof(*headers));

	demand(topic >= 0 && (size_t)topic < host->topic_count, "topic");
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
