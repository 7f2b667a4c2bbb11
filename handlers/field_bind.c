/*
 * field_bind - the value of one field, taken from an event
 *
 * Runs in: worker, lane threads (pure).
 */
#include "field_bind.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

/* What a root's function found. */
enum found { FOUND, FOUND_MISSING, FOUND_BAD_TEXT, FOUND_BAD_TIME };

struct source {
	const struct onced_event *event;
	const char *name;
	int path;
};

static enum found bind_null(struct field_binding *ret)
{
	ret->value = (struct onced_value){ .kind = ONCED_VALUE_NULL };
	return FOUND;
}

/* Bytes of unknown origin; null is a value. */
static enum found bind_text(struct onced_bytes bytes, struct field_binding *ret)
{
	if (!bytes.data) {
		return bind_null(ret);
	}
	if (!text_is_storable(bytes)) {
		return FOUND_BAD_TEXT;
	}
	ret->value = (struct onced_value){ ONCED_VALUE_TEXT, bytes };
	return FOUND;
}

/* As above, where null is absence. */
static enum found bind_text_if_any(struct onced_bytes bytes, struct field_binding *ret)
{
	return bytes.data ? bind_text(bytes, ret) : FOUND_MISSING;
}

static enum found bind_number(int64_t number, struct field_binding *ret)
{
	int len = snprintf(ret->text, sizeof(ret->text), "%" PRId64, number);

	ret->value = (struct onced_value){ ONCED_VALUE_NUMBER, { ret->text, (size_t)len } };
	return FOUND;
}

static enum found bind_path(const struct source *source, struct field_binding *ret)
{
	static const struct {
		enum onced_value_kind kind;
		const char *text; /* instead of the event's */
	} kinds[] = {
		[ONCED_TRUE] = { ONCED_VALUE_BOOL, "true" },
		[ONCED_FALSE] = { ONCED_VALUE_BOOL, "false" },
		[ONCED_NUMBER] = { ONCED_VALUE_NUMBER, NULL },
		[ONCED_STRING] = { ONCED_VALUE_TEXT, NULL },
		[ONCED_OBJECT] = { ONCED_VALUE_JSON, NULL },
		[ONCED_ARRAY] = { ONCED_VALUE_JSON, NULL },
	};
	struct onced_bytes text = { NULL, 0 };
	enum onced_kind kind = onced_event_path(source->event, source->path, &text);

	if (kind == ONCED_ABSENT) {
		return FOUND_MISSING;
	}
	if (kind == ONCED_NULL) {
		return bind_null(ret);
	}
	if (kind == ONCED_STRING && text.len > 0 && memchr(text.data, '\0', text.len)) {
		return FOUND_BAD_TEXT; /* JSON is UTF-8 already, but it can say \u0000 */
	}
	if (kinds[kind].text) {
		text = (struct onced_bytes){ kinds[kind].text, strlen(kinds[kind].text) };
	}
	ret->value = (struct onced_value){ kinds[kind].kind, text };
	return FOUND;
}

static enum found bind_header(const struct source *source, struct field_binding *ret)
{
	struct onced_bytes value;

	if (!onced_event_header(source->event, source->name, &value)) {
		return FOUND_MISSING;
	}
	return bind_text(value, ret);
}

static enum found bind_value(const struct source *source, struct field_binding *ret)
{
	return bind_text(onced_event_value(source->event), ret);
}

static enum found bind_key(const struct source *source, struct field_binding *ret)
{
	return bind_text(onced_event_key(source->event), ret);
}

static enum found bind_event_id(const struct source *source, struct field_binding *ret)
{
	return bind_text_if_any(onced_event_id(source->event), ret);
}

static enum found bind_event_type(const struct source *source, struct field_binding *ret)
{
	return bind_text_if_any(onced_event_type(source->event), ret);
}

static enum found bind_event_source(const struct source *source, struct field_binding *ret)
{
	return bind_text_if_any(onced_event_source(source->event), ret);
}

static enum found bind_topic(const struct source *source, struct field_binding *ret)
{
	return bind_text(onced_event_topic(source->event), ret);
}

static enum found bind_partition(const struct source *source, struct field_binding *ret)
{
	return bind_number(onced_event_partition(source->event), ret);
}

static enum found bind_offset(const struct source *source, struct field_binding *ret)
{
	return bind_number(onced_event_offset(source->event), ret);
}

static enum found bind_attempt(const struct source *source, struct field_binding *ret)
{
	return bind_number(onced_event_attempt(source->event), ret);
}

/* ---- time ---- */

enum { MS_PER_DAY = 86400000, DAYS_TO_MARCH_0 = 719468, DAYS_PER_ERA = 146097 };

/* 0001-01-01 and 9999-12-31 in days since 1970: four digits of a year, and no year 0. */
enum { DAY_MIN = -719162, DAY_MAX = 2932896 };

struct date {
	unsigned year, month, day;
};

/*
 * The date of a day counted from 1970, without the C library's locks. Years begin in March here,
 * so that the leap day is their last; an era is the 400 years after which the calendar repeats.
 */
static struct date date_of_day(int64_t day)
{
	unsigned since = (unsigned)(day + DAYS_TO_MARCH_0);
	unsigned era = since / DAYS_PER_ERA, day_of_era = since % DAYS_PER_ERA;
	unsigned year =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * day_of_year + 2) / 153; /* 0 is March */
	bool is_next_year = month >= 10;

	return (struct date){
		.year = era * 400 + year + is_next_year,
		.month = is_next_year ? month - 9 : month + 3,
		.day = day_of_year - (153 * month + 2) / 5 + 1,
	};
}

static enum found bind_timestamp(const struct source *source, struct field_binding *ret)
{
	int64_t time_ms = onced_event_timestamp_ms(source->event);
	int64_t day = time_ms / MS_PER_DAY, ms = time_ms % MS_PER_DAY;
	struct date date;
	int len;

	if (time_ms == -1) {
		return FOUND_MISSING;
	}
	if (ms < 0) {
		ms += MS_PER_DAY;
		day--;
	}
	if (day < DAY_MIN || day > DAY_MAX) {
		return FOUND_BAD_TIME;
	}
	date = date_of_day(day);
	len = snprintf(ret->text, sizeof(ret->text), "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
		date.year, date.month, date.day, (unsigned)(ms / 3600000),
		(unsigned)(ms / 60000 % 60), (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000));
	ret->value = (struct onced_value){ ONCED_VALUE_TEXT, { ret->text, (size_t)len } };
	return FOUND;
}

static enum found bind_timestamp_ms(const struct source *source, struct field_binding *ret)
{
	int64_t time_ms = onced_event_timestamp_ms(source->event);

	return time_ms == -1 ? FOUND_MISSING : bind_number(time_ms, ret);
}

/* ---- all of them ---- */

static enum found (*const binders[FIELD_COUNT])(const struct source *, struct field_binding *) = {
	[FIELD_PATH] = bind_path,
	[FIELD_HEADER] = bind_header,
	[FIELD_VALUE] = bind_value,
	[FIELD_KEY] = bind_key,
	[FIELD_EVENT_ID] = bind_event_id,
	[FIELD_EVENT_TYPE] = bind_event_type,
	[FIELD_SOURCE] = bind_event_source,
	[FIELD_TOPIC] = bind_topic,
	[FIELD_PARTITION] = bind_partition,
	[FIELD_OFFSET] = bind_offset,
	[FIELD_TIMESTAMP] = bind_timestamp,
	[FIELD_TIMESTAMP_MS] = bind_timestamp_ms,
	[FIELD_ATTEMPT] = bind_attempt,
};

static int reject(struct onced_outcome *outcome, const struct field *field, enum found found)
{
	static const struct {
		const char *code, *reason;
	} texts[] = {
		[FOUND_MISSING] = { "missing", "is missing in the event" },
		[FOUND_BAD_TEXT] = { "text",
			"holds a NUL or invalid UTF-8, which no text value can" },
		[FOUND_BAD_TIME] = { "timestamp", "is outside the years 1 to 9999" },
	};

	onced_outcome_set(outcome, ONCED_REJECT, texts[found].code, "parameter %s %s",
		field->written, texts[found].reason);
	return -1;
}

int field_bind(const struct onced_event *event, const struct field *field, int path,
	bool is_null_fine, struct field_binding *ret, struct onced_outcome *outcome)
{
	const struct source source = { event, field->name, path };
	enum found found = binders[field->root](&source, ret);

	if (found == FOUND_MISSING && (field->is_optional || is_null_fine)) {
		found = bind_null(ret);
	}
	return found == FOUND ? 0 : reject(outcome, field, found);
}
