/*
 * log_line - one log line as bytes
 *
 * Every append keeps LOG_LINE_TAIL bytes free, which is what closing the line takes.
 */
#include "base/log_line.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/shown.h"

enum { LOG_LINE_TAIL = sizeof("\"}\n"), LOG_NUMBER_MAX = 48 };

/* Append all of it or nothing. */
static bool line_put(struct log_line *line, const char *data, size_t len)
{
	if (line->len + len + LOG_LINE_TAIL > line->max) {
		return false;
	}
	memcpy(line->data + line->len, data, len);
	line->len += len;
	return true;
}

/* Room was kept for these. */
static void line_close(struct log_line *line, const char *tail)
{
	size_t len = strlen(tail);
	memcpy(line->data + line->len, tail, len);
	line->len += len;
}

/* Append one byte so that it stays one byte of this value. */
static bool line_put_byte(struct log_line *line, bool is_json, unsigned char c)
{
	static const char short_names[] = {
		['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['"'] = '"', ['\\'] = '\\'
	};
	if (c < sizeof(short_names) && short_names[c]) {
		return line_put(line, (const char[]){ '\\', short_names[c] }, 2);
	}
	if (c >= 0x20 && c < 0x7f) {
		return line_put(line, (const char *)&c, 1);
	}
	char escape[8];
	int len = snprintf(escape, sizeof(escape), is_json ? "\\u00%02x" : "\\x%02x", c);
	return line_put(line, escape, (size_t)len);
}

/* As much as fits; with `is_text` valid UTF-8 stays as it is. */
static void line_put_escaped(struct log_line *line, bool is_json, struct slice value, bool is_text)
{
	const unsigned char *bytes = (const unsigned char *)value.data;
	bool fits = true;
	for (size_t i = 0; fits && i < value.len;) {
		size_t sequence = is_text && bytes[i] >= 0x80
			? shown_length(value.data + i, value.len - i)
			: 0;
		if (sequence > 0) {
			fits = line_put(line, value.data + i, sequence);
			i += sequence;
		} else {
			fits = line_put_byte(line, is_json, bytes[i]);
			i++;
		}
	}
}

static void line_put_quoted(struct log_line *line, bool is_json, struct slice value, bool is_text)
{
	if (!line_put(line, "\"", 1)) {
		return;
	}
	line_put_escaped(line, is_json, value, is_text);
	/*
	 * Its byte is part of the tail that every append left free, and is given back to it here.
	 */
	line->data[line->len++] = '"';
}

/* May a logfmt value stand without quotes? */
static bool is_bare(struct slice value)
{
	if (value.len == 0 || value.len > 256) {
		return false;
	}
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];
		bool is_word =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!is_word && (c == '\0' || !strchr("_-.:/+@,", c))) {
			return false;
		}
	}
	return true;
}

static void line_put_value(struct log_line *line, bool is_json, struct slice value, bool is_text)
{
	if (!is_json && is_bare(value) && line_put(line, value.data, value.len)) {
		return;
	}
	line_put_quoted(line, is_json, value, is_text);
}

/* " name=" or ",\"name\":"; only when at least an empty value fits behind it. */
static bool line_put_name(struct log_line *line, bool is_json, const char *name)
{
	char text[80];
	bool is_first = line->len == 0 || line->data[line->len - 1] == '{';
	const char *separator = is_first ? "" : is_json ? "," : " ";
	int len = snprintf(text, sizeof(text), is_json ? "%s\"%s\":" : "%s%s=", separator, name);
	bool fits = len > 0 && (size_t)len < sizeof(text) &&
		line->len + (size_t)len + LOG_NUMBER_MAX + LOG_LINE_TAIL <= line->max;
	return fits && line_put(line, text, (size_t)len);
}

static void line_put_number(
	struct log_line *line, bool is_json, const char *name, const char *number)
{
	if (line_put_name(line, is_json, name)) {
		line_put(line, number, strlen(number));
	}
}

static void line_put_named(
	struct log_line *line, bool is_json, const char *name, struct slice value, bool is_text)
{
	if (!slice_is_null(value) && line_put_name(line, is_json, name)) {
		line_put_value(line, is_json, value, is_text);
	}
}

/* The text of a number; "" for one that is none. */
static const char *number_text(const struct log_field *field, char ret[LOG_NUMBER_MAX])
{
	ret[0] = '\0';
	if (field->kind == LOG_FIELD_INT) {
		snprintf(ret, LOG_NUMBER_MAX, "%" PRId64, field->integer);
	} else if (isfinite(field->seconds) && fabs(field->seconds) < 1e15) {
		snprintf(ret, LOG_NUMBER_MAX, "%.6f", field->seconds);
	}
	return ret;
}

static void line_put_field(struct log_line *line, bool is_json, const struct log_field *field)
{
	char number[LOG_NUMBER_MAX];
	switch (field->kind) {
	case LOG_FIELD_STR:
		line_put_named(line, is_json, field->name, slice_from_str(field->str), true);
		return;
	case LOG_FIELD_SLICE:
		line_put_named(line, is_json, field->name, field->slice, false);
		return;
	case LOG_FIELD_INT:
	case LOG_FIELD_SECONDS:
		if (number_text(field, number)[0]) {
			line_put_number(line, is_json, field->name, number);
		}
		return;
	case LOG_FIELD_ID:
	case LOG_FIELD_END:
		return;
	}
}

static void line_put_fields(struct log_line *line, bool is_json, const struct log_field *fields)
{
	for (; fields->kind != LOG_FIELD_END; fields++) {
		line_put_field(line, is_json, fields);
	}
}

static void line_put_origin(struct log_line *line, bool is_json, const struct log_origin *origin)
{
	line_put_field(line, is_json, &LOG_STR("process", origin->process));
	line_put_field(line, is_json, &LOG_STR("consumer", origin->consumer));
	if (origin->slot >= 0) {
		line_put_field(line, is_json, &LOG_INT("slot", origin->slot));
	}
}

/* For people: "process consumer/slot: message name=value"; the message is not quoted. */
static void line_put_text(struct log_line *line, const struct log_origin *origin,
	const char *message, const struct log_field *fields)
{
	char who[256], slot[16] = "";
	if (origin->consumer && origin->slot >= 0) {
		snprintf(slot, sizeof(slot), "/%d", origin->slot);
	}
	snprintf(who, sizeof(who), "%s%s%s%s%s", origin->process ? origin->process : "",
		origin->process && origin->consumer ? " " : "",
		origin->consumer ? origin->consumer : "", slot,
		origin->process || origin->consumer ? ": " : "");
	line_put_escaped(line, false, slice_from_str(who), false);
	line_put_escaped(line, false, slice_from_str(message), true);
	line_put_fields(line, false, fields);
}

/* ---- the journal ---- */

static const char *const id_texts[] = {
#define LOG_ID_TEXT_(name, text) [LOG_ID_##name] = text,
	LOG_IDS(LOG_ID_TEXT_)
#undef LOG_ID_TEXT_
};

/* "NAME=": capitals, digits and underscores. False when nothing fits behind it. */
static bool line_begin_entry(struct log_line *line, const char *prefix, const char *name)
{
	char text[80];
	int len = snprintf(text, sizeof(text), "%s%s=", prefix, name);
	for (char *c = text; *c; c++) {
		bool is_plain = (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '=';
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : is_plain ? *c : '_';
	}
	return len > 0 && (size_t)len < sizeof(text) &&
		line->len + (size_t)len + LOG_NUMBER_MAX + LOG_LINE_TAIL <= line->max &&
		line_put(line, text, (size_t)len);
}

static void line_put_entry(struct log_line *line, const char *prefix, const char *name,
	struct slice value, bool is_text)
{
	if (!slice_is_null(value) && line_begin_entry(line, prefix, name)) {
		line_put_escaped(line, false, value, is_text);
		line_close(line, "\n");
	}
}

static void line_put_entry_of(struct log_line *line, const struct log_field *field)
{
	char number[LOG_NUMBER_MAX];
	switch (field->kind) {
	case LOG_FIELD_STR:
		line_put_entry(line, "ONCED_", field->name, slice_from_str(field->str), true);
		return;
	case LOG_FIELD_SLICE:
		line_put_entry(line, "ONCED_", field->name, field->slice, false);
		return;
	case LOG_FIELD_INT:
	case LOG_FIELD_SECONDS:
		if (number_text(field, number)[0]) {
			line_put_entry(line, "ONCED_", field->name, slice_from_str(number), false);
		}
		return;
	case LOG_FIELD_ID:
		line_put_entry(line, "", "MESSAGE_ID", slice_from_str(id_texts[field->id]), false);
		return;
	case LOG_FIELD_END:
		return;
	}
}

static void line_put_journal(struct log_line *line, enum log_level level,
	const struct log_origin *origin, const char *message, const struct log_field *fields)
{
	const char priority[2] = { (char)('0' + level), '\0' };
	line_put_entry(line, "", "PRIORITY", slice_from_str(priority), false);
	line_put_entry(line, "", "SYSLOG_IDENTIFIER", SLICE_LITERAL("onced"), false);
	line_put_entry_of(line, &LOG_STR("module", log_module_name(origin->module)));
	line_put_entry_of(line, &LOG_STR("process", origin->process));
	line_put_entry_of(line, &LOG_STR("consumer", origin->consumer));
	if (origin->slot >= 0) {
		line_put_entry_of(line, &LOG_INT("slot", origin->slot));
	}
	/* It says everything once more; the fields shall have room, too. */
	line->max = LOG_LINE_MAX / 2;
	if (line_begin_entry(line, "", "MESSAGE")) {
		line_put_text(line, origin, message, fields);
		line_close(line, "\n");
	}
	line->max = LOG_LINE_MAX;
	for (; fields->kind != LOG_FIELD_END; fields++) {
		line_put_entry_of(line, fields);
	}
}

void log_line_build(struct log_line *line, enum log_format format, enum log_level level,
	int64_t wall_ms, const struct log_origin *origin, const char *message,
	const struct log_field *fields)
{
	bool is_json = format == LOG_FORMAT_JSON;
	char time[CLOCK_RFC3339_MAX], head[CLOCK_RFC3339_MAX + 16];
	line->len = 0;
	line->max = LOG_LINE_MAX;
	if (format == LOG_FORMAT_JOURNAL) {
		line_put_journal(line, level, origin, message, fields);
		return;
	}
	clock_format_rfc3339(wall_ms, time);
	if (format == LOG_FORMAT_TEXT) {
		snprintf(head, sizeof(head), "%s %-7s ", time, log_level_name(level));
		line_put(line, head, strlen(head));
		line_put_text(line, origin, message, fields);
	} else {
		line_put(line, "{", is_json ? 1 : 0);
		line_put_field(line, is_json, &LOG_STR("ts", time));
		line_put_field(line, is_json, &LOG_STR("level", log_level_name(level)));
		line_put_origin(line, is_json, origin);
		line_put_field(line, is_json, &LOG_STR("msg", message));
		line_put_fields(line, is_json, fields);
	}
	line_close(line, is_json ? "}\n" : "\n");
}
