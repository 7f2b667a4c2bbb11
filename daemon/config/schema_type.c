/*
 * schema_type - how each type of value is read and written
 */
#include "config/schema_type.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/address.h"
#include "config/nearest.h"
#include "config/value.h"

typedef int schema_parse_fn(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err);
typedef bool schema_write_fn(const struct schema_key *key, const void *field, struct buffer *out);

/* ---- strings ---- */

static int parse_text(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	if (key->max > 0 && strlen(text) > (size_t)key->max) {
		return err_set(err, -EINVAL, "must not be longer than %" PRId64 " bytes", key->max);
	}
	*(char **)field = pool_strdup(context->pool, text);
	return 0;
}

static int parse_string(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	if (strpbrk(text, "\n\r")) {
		return err_set(err, -EINVAL, "must be a single line");
	}
	return parse_text(key, text, context, field, err);
}

static bool write_string(const struct schema_key *key, const void *field, struct buffer *out)
{
	const char *text = *(char *const *)field;

	if (!text && !(key->flags & SCHEMA_MAY_BE_NONE)) {
		return false;
	}
	buffer_append_str(out, text ? text : "none");
	return true;
}

static int parse_store_url(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	static const char *const schemes[] = { "postgresql://", "postgres://",
		"sqlite:", "redis://", "rediss://", "redis+unix://", "redis+sentinel://",
		"rediss+sentinel://", "memory:" };
	bool is_known = strcmp(text, "none:") == 0;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		is_known = is_known || strncmp(text, schemes[i], strlen(schemes[i])) == 0;
	}
	if (!is_known) {
		return err_set(err, -EINVAL,
			"must be postgresql://HOST/DATABASE, sqlite:/PATH, redis://HOST/DB, "
			"memory:, or none: (written so, on purpose)");
	}
	if (strcmp(text, "sqlite:") == 0 || strcmp(text, "sqlite://") == 0) {
		return err_set(err, -EINVAL, "must name a file: sqlite:/PATH");
	}
	if (strncmp(text, "sqlite::memory:", 15) == 0) {
		return err_set(err, -EINVAL,
			"must name a file: what is in memory is forgotten at the first crash");
	}
	return parse_string(key, text, context, field, err);
}

static int parse_path(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	if (text[0] != '/') {
		return err_set(err, -EINVAL, "must be an absolute path");
	}
	return parse_string(key, text, context, field, err);
}

static int parse_address(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	struct sockaddr_storage address;
	socklen_t len;

	if (strcmp(text, "off") == 0) {
		*(char **)field = NULL;
		return 0;
	}
	if (address_parse(text, &address, &len) < 0) {
		return err_set(err, -EINVAL,
			"must be off, or an address and a port like 127.0.0.1:9464, 0.0.0.0:9464 "
			"or [::]:9464");
	}
	return parse_string(key, text, context, field, err);
}

static bool write_address(const struct schema_key *key, const void *field, struct buffer *out)
{
	const char *text = *(char *const *)field;

	buffer_append_str(out, text ? text : "off");
	return true;
}

static int parse_topic(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	if ((key->flags & SCHEMA_MAY_BE_NONE) && strcmp(text, "none") == 0) {
		*(char **)field = NULL;
		return 0;
	}
	if (!config_is_topic_name(text)) {
		return err_set(err, -EINVAL,
			"must be the name of a topic (1 to 249 of A-Z a-z 0-9 . _ -)%s",
			key->flags & SCHEMA_MAY_BE_NONE ? " or none" : "");
	}
	return parse_string(key, text, context, field, err);
}

/* "auto", "off", or a template in which supervisor/instance.c replaces %H, %c and %n. */
static int parse_instance_id(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	for (const char *s = text; *s; s++) {
		bool is_replaced = s[0] == '%' && s[1] && strchr("Hcn", s[1]);

		if (!is_replaced && !isalnum((unsigned char)*s) && !strchr("._-", *s)) {
			return err_set(err, -EINVAL,
				"must be auto, off, or letters, digits, . _ - with %%H (host), %%c "
				"(consumer) and %%n (number of the worker)");
		}
		s += is_replaced;
	}
	return parse_string(key, text, context, field, err);
}

/* ---- numbers ---- */

/* `off` is 0, where a key may be switched off. */
static bool is_off(const struct schema_key *key, const char *text)
{
	return (key->flags & SCHEMA_MAY_BE_OFF) && strcmp(text, "off") == 0;
}

static bool is_written_off(const struct schema_key *key, int64_t value)
{
	return (key->flags & SCHEMA_MAY_BE_OFF) && value == 0;
}

static int parse_bool(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	return value_parse_bool(text, field) < 0 ? err_set(err, -EINVAL, "must be yes or no") : 0;
}

static bool write_bool(const struct schema_key *key, const void *field, struct buffer *out)
{
	buffer_append_str(out, *(const bool *)field ? "yes" : "no");
	return true;
}

static int parse_integer(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	int64_t value = 0;

	if (!is_off(key, text) &&
		(value_parse_integer(text, &value) < 0 || value < key->min || value > key->max)) {
		return err_set(err, -EINVAL,
			"must be a whole number from %" PRId64 " to %" PRId64 "%s", key->min,
			key->max, key->flags & SCHEMA_MAY_BE_OFF ? ", or off" : "");
	}
	*(int64_t *)field = value;
	return 0;
}

static bool write_integer(const struct schema_key *key, const void *field, struct buffer *out)
{
	if (is_written_off(key, *(const int64_t *)field)) {
		buffer_append_str(out, "off");
		return true;
	}
	buffer_printf(out, "%" PRId64, *(const int64_t *)field);
	return true;
}

static int parse_unsigned(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	int64_t value = 0;
	int r = parse_integer(key, text, context, &value, err);

	if (r == 0) {
		*(unsigned *)field = (unsigned)value;
	}
	return r;
}

static bool write_unsigned(const struct schema_key *key, const void *field, struct buffer *out)
{
	buffer_printf(out, "%u", *(const unsigned *)field);
	return true;
}

/* Complain about a value with a unit: what it looks like, and its range in the
 * same form. */
static int refuse_range(const struct schema_key *key, const char *form,
	void (*write)(struct buffer *out, int64_t value), struct err *err)
{
	struct buffer range = BUFFER_INIT;

	write(&range, key->min);
	buffer_append_str(&range, " to ");
	write(&range, key->max);
	err_set(err, -EINVAL, "must be %s, from %s", form, buffer_str(&range));
	buffer_fini(&range);
	return -EINVAL;
}

static int parse_duration(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	bool may_be_off = key->flags & SCHEMA_MAY_BE_OFF;
	int64_t us = 0;

	if (!is_off(key, text) &&
		(value_parse_duration(text, &us) < 0 || us < key->min || us > key->max)) {
		return refuse_range(key,
			may_be_off ? "off, or a time like 500ms, 5s, 1m, 2h or 7d"
				   : "a time like 500ms, 5s, 1m, 2h or 7d",
			value_write_duration, err);
	}
	*(int64_t *)field = us;
	return 0;
}

static bool write_duration(const struct schema_key *key, const void *field, struct buffer *out)
{
	if (is_written_off(key, *(const int64_t *)field)) {
		buffer_append_str(out, "off");
		return true;
	}
	value_write_duration(out, *(const int64_t *)field);
	return true;
}

static int parse_size(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	bool may_be_off = key->flags & SCHEMA_MAY_BE_OFF;
	int64_t bytes = 0;

	if (!is_off(key, text) &&
		(value_parse_size(text, &bytes) < 0 || bytes < key->min || bytes > key->max)) {
		return refuse_range(key,
			may_be_off ? "off, or a size like 32MiB, 4MB or 1024"
				   : "a size like 32MiB, 4MB or 1024",
			value_write_size, err);
	}
	*(int64_t *)field = bytes;
	return 0;
}

static bool write_size(const struct schema_key *key, const void *field, struct buffer *out)
{
	if (is_written_off(key, *(const int64_t *)field)) {
		buffer_append_str(out, "off");
		return true;
	}
	value_write_size(out, *(const int64_t *)field);
	return true;
}

static int parse_rate(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	struct config_rate rate;

	if (value_parse_rate(text, &rate) < 0 || rate.count < key->min || rate.count > key->max) {
		return err_set(err, -EINVAL,
			"must be a rate like 5 in 1m%s, at most %" PRId64 " in a time",
			key->min == 0 ? ", or off" : "", key->max);
	}
	*(struct config_rate *)field = rate;
	return 0;
}

static bool write_rate(const struct schema_key *key, const void *field, struct buffer *out)
{
	value_write_rate(out, field);
	return true;
}

static int parse_factor(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	double factor;

	if (value_parse_factor(text, &factor) < 0 || factor < (double)key->min ||
		factor > (double)key->max) {
		return err_set(err, -EINVAL,
			"must be a number like 2 or 1.5, from %" PRId64 " to %" PRId64, key->min,
			key->max);
	}
	*(double *)field = factor;
	return 0;
}

static bool write_factor(const struct schema_key *key, const void *field, struct buffer *out)
{
	value_write_factor(out, *(const double *)field);
	return true;
}

/* ---- words and names ---- */

static int parse_enum(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	struct buffer words = BUFFER_INIT;

	for (size_t i = 0; key->words[i]; i++) {
		if (strcmp(text, key->words[i]) == 0) {
			*(unsigned *)field = (unsigned)key->min + (unsigned)i;
			buffer_fini(&words);
			return 0;
		}
		buffer_printf(&words, "%s%s", i == 0 ? "" : (key->words[i + 1] ? ", " : " or "),
			key->words[i]);
	}
	err_set(err, -EINVAL, "must be %s", buffer_str(&words));
	buffer_fini(&words);
	return -EINVAL;
}

static bool write_enum(const struct schema_key *key, const void *field, struct buffer *out)
{
	buffer_append_str(out, key->words[*(const unsigned *)field - (unsigned)key->min]);
	return true;
}

static int unknown_reference(const char *section, const struct nearest *nearest, struct err *err)
{
	if (nearest->best) {
		return err_set(err, -EINVAL, "there is no [%s %.100s]; did you mean %s?", section,
			nearest->wanted, nearest->best);
	}
	return err_set(err, -EINVAL, "there is no [%s %.100s]", section, nearest->wanted);
}

static int parse_handler(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	struct nearest nearest = nearest_to(text);

	for (size_t i = 0; i < context->config->handler_count; i++) {
		const struct config_handler *handler = &context->config->handlers[i];

		if (strcmp(handler->name, text) == 0) {
			*(const struct config_handler **)field = handler;
			return 0;
		}
		nearest_offer(&nearest, handler->name);
	}
	return unknown_reference("handler", &nearest, err);
}

static bool write_handler(const struct schema_key *key, const void *field, struct buffer *out)
{
	const struct config_handler *handler = *(const struct config_handler *const *)field;

	if (handler) {
		buffer_append_str(out, handler->name);
	}
	return handler != NULL;
}

static int parse_retry(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	struct nearest nearest = nearest_to(text);

	for (size_t i = 0; i < context->config->retry_count; i++) {
		const struct config_retry *retry = &context->config->retries[i];

		if (strcmp(retry->name, text) == 0) {
			*(const struct config_retry **)field = retry;
			return 0;
		}
		if (retry->name[0]) {
			nearest_offer(&nearest, retry->name);
		}
	}
	return unknown_reference("retry", &nearest, err);
}

static bool write_retry(const struct schema_key *key, const void *field, struct buffer *out)
{
	const struct config_retry *retry = *(const struct config_retry *const *)field;

	if (retry && retry->name[0]) {
		buffer_append_str(out, retry->name);
		return true;
	}
	return false;
}

static const struct schema_ops {
	schema_parse_fn *parse;
	schema_write_fn *write;
} schema_ops[SCHEMA_TYPE_COUNT] = {
	[SCHEMA_STRING] = { parse_string, write_string },
	[SCHEMA_TEXT] = { parse_text, write_string },
	[SCHEMA_STORE_URL] = { parse_store_url, write_string },
	[SCHEMA_PATH] = { parse_path, write_string },
	[SCHEMA_ADDRESS] = { parse_address, write_address },
	[SCHEMA_TOPIC] = { parse_topic, write_string },
	[SCHEMA_TOPICS] = { schema_parse_topics, schema_write_strings },
	[SCHEMA_INSTANCE_ID] = { parse_instance_id, write_string },
	[SCHEMA_SQLSTATES] = { schema_parse_sqlstates, schema_write_strings },
	[SCHEMA_BOOL] = { parse_bool, write_bool },
	[SCHEMA_UNSIGNED] = { parse_unsigned, write_unsigned },
	[SCHEMA_INTEGER] = { parse_integer, write_integer },
	[SCHEMA_SIZE] = { parse_size, write_size },
	[SCHEMA_DURATION] = { parse_duration, write_duration },
	[SCHEMA_RATE] = { parse_rate, write_rate },
	[SCHEMA_FACTOR] = { parse_factor, write_factor },
	[SCHEMA_ENUM] = { parse_enum, write_enum },
	[SCHEMA_PARTITIONS] = { schema_parse_partitions, schema_write_partitions },
	[SCHEMA_EVENT_ID] = { schema_parse_event_id, schema_write_id_sources },
	[SCHEMA_EVENT_SOURCE] = { schema_parse_event_source, schema_write_id_sources },
	[SCHEMA_FILTER] = { schema_parse_filter, schema_write_filter },
	[SCHEMA_TIERS] = { schema_parse_tiers, schema_write_tiers },
	[SCHEMA_HANDLER] = { parse_handler, write_handler },
	[SCHEMA_RETRY] = { parse_retry, write_retry },
};

int schema_parse(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *object, struct err *err)
{
	if (text[0] == '\0') {
		return err_set(
			err, -EINVAL, "must not be empty; leave the line out for the default");
	}
	return schema_ops[key->type].parse(key, text, context, schema_field(key, object), err);
}

void schema_set_default(
	const struct schema_key *key, const struct schema_context *context, void *object)
{
	const char *text = key->default_text;
	int r = 0;

	if (key->flags & SCHEMA_DEFAULTS_TO_NAME) {
		text = context->name;
	}
	if (key->type == SCHEMA_RETRY) {
		r = parse_retry(key, "", context, schema_field(key, object), NULL);
	} else if (text) {
		r = schema_parse(key, text, context, object, NULL);
	}
	assert(r == 0); /* a default that its own row refuses */
	(void)r;
}

bool schema_write(const struct schema_key *key, const void *object, struct buffer *out)
{
	return schema_ops[key->type].write(key, schema_const_field(key, object), out);
}
