/*
 * fake_host - the host side of onced/handler.h for tests of handlers
 */
#include "fake_host_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/memory.h"

struct fake_host_lines fake_host_lines = { .lock = PTHREAD_MUTEX_INITIALIZER };

void fake_host_demand(bool is_right, const char *what)
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
	fake_host_demand(handler->abi == ONCED_HANDLER_ABI && handler->size == sizeof(*handler),
		"abi, size");
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
	bool is_failure = r == -1 || err_is_shortage(r);

	fake_host_demand(
		(r == 0 && !host->setup.reason[0]) || (is_failure && host->setup.reason[0]),
		"-1 or a shortage goes with a reason, 0 without");
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

static void begin(struct fake_host *host)
{
	arena_reset(&host->arena);
	host->sent_count = 0;
	host->published_count = 0;
	host->is_refused = false;
}

static struct onced_event *event_new(struct fake_host *host, const struct fake_event *fake)
{
	struct onced_event *event = NEW(struct onced_event);

	event->host = host;
	event->fake = fake;
	if (scan_json(host->paths, fake->value, event->refs, NULL) != SCAN_OK) {
		memset(event->refs, 0, sizeof(event->refs));
	}
	return event;
}

static void event_free(struct onced_event *event)
{
	tree_free(event->tree);
	free(event);
}

struct onced_outcome fake_host_handle(struct fake_host *host, const struct fake_event *fake)
{
	struct onced_outcome outcome = { .result = ONCED_DONE };
	struct onced_event *event = event_new(host, fake);

	begin(host);
	if (host->handler->handle_batch) {
		const struct onced_event *const events[] = { event };
		host->handler->handle_batch(host->state, events, &outcome, 1);
	} else {
		host->handler->handle(host->state, event, &outcome);
	}
	event_free(event);
	return outcome;
}

void fake_host_handle_batch(struct fake_host *host, const struct fake_event *fakes,
	struct onced_outcome *outcomes, size_t count)
{
	struct onced_event **events = xcalloc(count, sizeof(*events));

	for (size_t i = 0; i < count; i++) {
		events[i] = event_new(host, &fakes[i]);
		outcomes[i] = (struct onced_outcome){ .result = ONCED_DONE };
	}
	begin(host);
	host->is_batch = true;
	host->handler->handle_batch(
		host->state, (const struct onced_event *const *)events, outcomes, count);
	host->is_batch = false;
	for (size_t i = 0; i < count; i++) {
		event_free(events[i]);
	}
	free(events);
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

struct onced_bytes fake_host_bytes(struct slice s)
{
	return (struct onced_bytes){ s.data, s.len };
}

struct onced_bytes onced_event_topic(const struct onced_event *event)
{
	return fake_host_bytes(slice_from_str(event->fake->topic));
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
	return fake_host_bytes(event->fake->key);
}

struct onced_bytes onced_event_value(const struct onced_event *event)
{
	return fake_host_bytes(event->fake->value);
}

struct onced_bytes onced_event_json(const struct onced_event *event)
{
	struct path_set *none = path_set_new();
	struct json_ref refs[1];
	bool is_json = scan_json(none, event->fake->value, refs, NULL) == SCAN_OK;

	path_set_free(none);
	return is_json ? fake_host_bytes(event->fake->value) : (struct onced_bytes){ NULL, 0 };
}

struct json_t *onced_event_tree(const struct onced_event *event, const char **ret_why)
{
	struct onced_event *host = (struct onced_event *)event;

	if (!host->tree) {
		host->tree = tree_new(event->fake->value, ret_why);
	}
	return host->tree;
}

struct onced_bytes onced_event_id(const struct onced_event *event)
{
	return fake_host_bytes(event->fake->id);
}

struct onced_bytes onced_event_type(const struct onced_event *event)
{
	return fake_host_bytes(event->fake->type);
}

struct onced_bytes onced_event_source(const struct onced_event *event)
{
	return fake_host_bytes(event->fake->source);
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
	*ret_name = fake_host_bytes(event->fake->headers[i].name);
	*ret_value = fake_host_bytes(event->fake->headers[i].value);
	return true;
}

bool onced_event_header(
	const struct onced_event *event, const char *name, struct onced_bytes *ret_value)
{
	for (size_t i = event->fake->header_count; i-- > 0;) {
		if (slice_equal_str(event->fake->headers[i].name, name)) {
			*ret_value = fake_host_bytes(event->fake->headers[i].value);
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

	fake_host_demand(path >= 0 && (unsigned)path < path_set_count(event->host->paths), "path");
	ref = &event->refs[path];
	*ret_text =
		fake_host_bytes(ref->has_escapes ? unescaped(event->host, ref->text) : ref->text);
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

	fake_host_demand(spec != NULL, "a parameter outside the handler's table");
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
		fake_host_demand(spec_find(setup->host->handler, params[count].name) != NULL,
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
