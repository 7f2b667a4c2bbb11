/*
 * fuzz_log_line - what others wrote, on its way into the log and to a terminal
 *
 * See tests/support/fuzz_driver.h for how to run it. What holds: a value stays inside its line in
 * every format; nothing in a line, and nothing shown of a text, would command who reads it; a JSON
 * line is read again with the value as it was, as far as it is text and fits.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log_line.h"
#include "base/shown.h"
#include "fuzz_driver.h"

static const struct slice values[] = {
	SLICE_LITERAL("plain"),
	SLICE_LITERAL("two words \"quoted\" \\"),
	SLICE_LITERAL("line\nlevel=error msg=forged\r\n"),
	SLICE_LITERAL("\x1b[2J\x07\x7f\xc2\x9b"
		      "31m"),
	SLICE_LITERAL("\xe2\x80\xaegpj.exe\xe2\x81\xa9\xef\xbb\xbf"),
	SLICE_LITERAL("\xf0\x9f\x98\x80 \xc3\xbc \xe2\x82\xac"),
	SLICE_LITERAL("\xff\xc0\x80\xed\xa0\x80"),
	SLICE_LITERAL("nul\0inside"),
	SLICE_LITERAL("MESSAGE=x\nPRIORITY=0"),
};

const struct slice fuzz_words[] = {
	SLICE_LITERAL("\n"),
	SLICE_LITERAL("\""),
	SLICE_LITERAL("\\"),
	SLICE_LITERAL("\\u0000"),
	SLICE_LITERAL("\x1b["),
	SLICE_LITERAL("\xc2\x9b"),
	SLICE_LITERAL("\xe2\x80\xae"),
	SLICE_LITERAL("\xe2\x80"),
	SLICE_LITERAL("\xf0\x9f\x98\x80"),
	SLICE_LITERAL("%s%n"),
	SLICE_LITERAL("}\n{"),
	SLICE_LITERAL(
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return sizeof(values) / sizeof(values[0]);
}

struct slice fuzz_corpus_at(size_t i)
{
	return values[i];
}

static bool may_be_shown(struct slice text)
{
	for (size_t at = 0; at < text.len;) {
		size_t length = shown_length(text.data + at, text.len - at);

		if (length == 0) {
			return false;
		}
		at += length;
	}
	return true;
}

/* The member as it was given; what does not fit is cut, and then it is a beginning. */
static const char *check_json(const struct log_line *line, const char *text)
{
	json_t *root = json_loadb(line->data, line->len, JSON_ALLOW_NUL, NULL);
	const char *said = json_string_value(json_object_get(root, "text"));
	const char *wrong = NULL;

	if (!said || strcmp(json_string_value(json_object_get(root, "msg")), "told") != 0) {
		wrong = "a JSON line that says something else";
	} else if (may_be_shown(slice_from_str(text)) && strncmp(said, text, strlen(said)) != 0) {
		wrong = "a JSON line with another value";
	}
	json_decref(root);
	return wrong;
}

static const char *check_line(enum log_format format, const char *text, struct slice bytes)
{
	static struct log_line line;
	const struct log_origin origin = { .process = "worker", .consumer = "orders", .slot = 0 };
	const struct log_field fields[] = { LOG_STR("text", text), LOG_SLICE("bytes", bytes),
		{ .kind = LOG_FIELD_END } };

	log_line_build(&line, format, LOG_LEVEL_ERROR, 0, &origin, "told", fields);
	if (line.len == 0 || line.data[line.len - 1] != '\n') {
		return "a line without an end";
	}
	if (format != LOG_FORMAT_JOURNAL && !may_be_shown(slice_from(line.data, line.len - 1))) {
		return "a line that is two, or commands its reader";
	}
	return format == LOG_FORMAT_JSON ? check_json(&line, text) : NULL;
}

/* Each line of an entry is a field of ours. */
static const char *check_journal(const char *text, struct slice bytes)
{
	static struct log_line line;
	static const char *const ours[] = { "PRIORITY=", "SYSLOG_IDENTIFIER=", "ONCED_",
		"MESSAGE=" };
	const struct log_origin origin = { .process = "worker", .consumer = "orders", .slot = 0 };
	const struct log_field fields[] = { LOG_STR("text", text), LOG_SLICE("bytes", bytes),
		{ .kind = LOG_FIELD_END } };
	size_t count = 0;

	log_line_build(&line, LOG_FORMAT_JOURNAL, LOG_LEVEL_ERROR, 0, &origin, "told", fields);
	for (size_t at = 0; at < line.len; count++) {
		const char *end = memchr(line.data + at, '\n', line.len - at);
		bool is_ours = false;

		if (!end ||
			!may_be_shown(slice_from(line.data + at, (size_t)(end - line.data) - at))) {
			return "a field that is two, or commands its reader";
		}
		for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
			is_ours |= strncmp(line.data + at, ours[i], strlen(ours[i])) == 0;
		}
		if (!is_ours) {
			return "a field that nobody wrote";
		}
		at = (size_t)(end - line.data) + 1;
	}
	return count <= 9 ? NULL : "more fields than were written";
}

static const char *check_shown(const char *text, struct slice bytes)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	_cleanup_free_ char *plain = strdup(text);

	shown_append(&out, bytes);
	shown_plain(plain);
	if (!may_be_shown(slice_from(out.data, out.len)) || !may_be_shown(slice_from_str(plain))) {
		return "shown text that commands its reader";
	}
	return !may_be_shown(bytes) || slice_equal(slice_from(buffer_str(&out), out.len), bytes)
		? NULL
		: "harmless text that is shown as another";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	struct slice bytes = slice_from((const char *)data, size);
	const char *wrong = check_shown(text, bytes);

	wrong = wrong ? wrong : check_line(LOG_FORMAT_LOGFMT, text, bytes);
	wrong = wrong ? wrong : check_line(LOG_FORMAT_TEXT, text, bytes);
	wrong = wrong ? wrong : check_line(LOG_FORMAT_JSON, text, bytes);
	wrong = wrong ? wrong : check_journal(text, bytes);
	if (wrong) {
		fuzz_fail(wrong, bytes);
	}
	return 0;
}
