/*
 * log_repeat - the same line again and again, told once with how often
 */
#include "base/log_repeat.h"

#include <string.h>

/* FNV-1a: lines are not chosen by an enemy who gains by a collision. */
static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	}
	return hash;
}

/* With its length, so that the bytes of one value are never those of the next. */
static uint64_t mix_value(uint64_t hash, struct slice value)
{
	hash = mix(hash, &value.len, sizeof(value.len));
	return mix(hash, value.data, value.len);
}

static struct slice value_of(const struct log_field *field)
{
	switch (field->kind) {
	case LOG_FIELD_STR:
		return field->str ? slice_from_str(field->str) : SLICE_NULL;
	case LOG_FIELD_SLICE:
		return field->slice;
	case LOG_FIELD_INT:
		return slice_from(&field->integer, sizeof(field->integer));
	case LOG_FIELD_SECONDS:
		return slice_from(&field->seconds, sizeof(field->seconds));
	case LOG_FIELD_ID:
		return slice_from(&field->id, sizeof(field->id));
	case LOG_FIELD_END:
		break;
	}
	return SLICE_NULL;
}

static uint64_t hash_line(enum log_module module, enum log_level level, const char *message,
	const struct log_field *fields)
{
	uint64_t hash = 0xcbf29ce484222325;

	hash = mix(hash, &module, sizeof(module));
	hash = mix(hash, &level, sizeof(level));
	hash = mix_value(hash, slice_from_str(message));
	for (; fields->kind != LOG_FIELD_END; fields++) {
		hash = mix_value(hash, fields->name ? slice_from_str(fields->name) : SLICE_NULL);
		hash = mix_value(hash, value_of(fields));
	}
	return hash ? hash : 1;
}

/* ---- copies ---- */

/* NULL when it does not fit. */
static const char *keep_text(struct log_repeat_line *line, struct slice value)
{
	char *kept = line->text + line->text_len;

	if (line->text_len + value.len + 1 > sizeof(line->text)) {
		return NULL;
	}
	memcpy(kept, value.data, value.len);
	kept[value.len] = '\0';
	line->text_len += value.len + 1;
	return kept;
}

/* False: left out. */
static bool keep_field(
	struct log_repeat_line *line, const struct log_field *field, struct log_field *ret)
{
	struct slice value = value_of(field);
	const char *kept;

	*ret = *field;
	if (field->kind != LOG_FIELD_STR && field->kind != LOG_FIELD_SLICE) {
		return true;
	}
	kept = slice_is_null(value) ? NULL : keep_text(line, value);
	if (field->kind == LOG_FIELD_STR) {
		ret->str = kept;
	} else if (kept) {
		ret->slice = slice_from(kept, value.len);
	}
	return kept != NULL;
}

static void keep(struct log_repeat_line *line, const char *message, const struct log_field *fields)
{
	size_t count = 0, room = LOG_REPEAT_TEXT / 2;
	size_t len = strlen(message);

	line->text_len = 0;
	line->message = keep_text(line, slice_from(message, len < room ? len : room));
	for (; fields->kind != LOG_FIELD_END && count < LOG_REPEAT_FIELDS; fields++) {
		count += keep_field(line, fields, &line->fields[count]);
	}
	line->fields[count] = (struct log_field){ LOG_FIELD_END, NULL, { NULL } };
}

/* What points into the copy points into the copy's copy. */
static void hand_over(struct log_repeat_line *line, struct log_repeat_line *ret)
{
	*ret = *line;
	ret->message = ret->text + (line->message - line->text);
	for (struct log_field *field = ret->fields; field->kind != LOG_FIELD_END; field++) {
		if (field->kind == LOG_FIELD_STR) {
			field->str = ret->text + (field->str - line->text);
		} else if (field->kind == LOG_FIELD_SLICE) {
			field->slice.data = ret->text + (field->slice.data - line->text);
		}
	}
	line->hash = 0;
}

/* ---- what is watched ---- */

static struct log_repeat_line *find(struct log_repeat *repeat, uint64_t hash)
{
	for (int i = 0; i < LOG_REPEAT_LINES; i++) {
		if (repeat->lines[i].hash == hash) {
			return &repeat->lines[i];
		}
	}
	return NULL;
}

/* A free one, or the one whose window ends first. */
static struct log_repeat_line *make_room(
	struct log_repeat *repeat, struct log_repeat_line *ret_told)
{
	struct log_repeat_line *oldest = find(repeat, 0);

	if (oldest) {
		return oldest;
	}
	oldest = &repeat->lines[0];
	for (int i = 1; i < LOG_REPEAT_LINES; i++) {
		if (repeat->lines[i].ends_us < oldest->ends_us) {
			oldest = &repeat->lines[i];
		}
	}
	if (oldest->held_back > 0) {
		hand_over(oldest, ret_told);
	}
	return oldest;
}

bool log_repeat_ask(struct log_repeat *repeat, int64_t now_us, enum log_module module,
	enum log_level level, const char *message, const struct log_field *fields,
	struct log_repeat_line *ret_told)
{
	uint64_t hash = hash_line(module, level, message, fields);
	struct log_repeat_line *line = find(repeat, hash);

	ret_told->held_back = 0;
	if (line && now_us >= line->ends_us) {
		if (line->held_back > 0) {
			hand_over(line, ret_told);
		}
		line->hash = 0;
		line = NULL;
	}
	if (!line) {
		line = make_room(repeat, ret_told);
		line->hash = hash;
		line->ends_us = now_us + LOG_REPEAT_WINDOW_US;
		line->seen = line->held_back = 0;
		line->level = level;
		line->module = module;
	}
	line->seen++;
	if (line->seen <= LOG_REPEAT_BURST) {
		return true;
	}
	if (line->held_back++ == 0) {
		keep(line, message, fields);
	}
	return false;
}

bool log_repeat_take(
	struct log_repeat *repeat, int64_t now_us, bool is_last, struct log_repeat_line *ret)
{
	for (int i = 0; i < LOG_REPEAT_LINES; i++) {
		struct log_repeat_line *line = &repeat->lines[i];

		if (line->hash != 0 && (is_last || now_us >= line->ends_us)) {
			if (line->held_back > 0) {
				hand_over(line, ret);
				return true;
			}
			line->hash = 0;
		}
	}
	return false;
}
