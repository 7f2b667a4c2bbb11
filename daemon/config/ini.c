/*
 * ini - the lines of an INI text, put together
 *
 * A value is complete when the line after it turns out not to continue it, so
 * each key waits in `struct reader` until then.
 */
#include "config/ini.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/slice.h"

enum reader_state {
	READER_IDLE, /* no key waits */
	READER_PAIR, /* a key waits for the rest of its value */
	READER_REFUSED, /* the line before was refused, and so is what continues it */
};

struct reader {
	const struct ini_sink *sink;
	void *context;
	enum reader_state state;
	unsigned line; /* the one being read */
	char *key; /* of the waiting pair */
	unsigned key_line;
	bool is_secret;
	struct buffer origin; /* of the next pair, or of the waiting one; "": not told */
	struct buffer value; /* room for the whole text from the start: it may hold secrets */
	unsigned *lines;
	size_t line_count, line_capacity;
	unsigned empty_lines; /* seen since; part of the value if it goes on */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct slice trim_end(struct slice s)
{
	while (s.len > 0 && is_blank(s.data[s.len - 1])) {
		s.len--;
	}
	return s;
}

static struct slice trim(struct slice s)
{
	while (s.len > 0 && is_blank(s.data[0])) {
		s.data++;
		s.len--;
	}
	return trim_end(s);
}

static void end_value(struct reader *reader)
{
	if (reader->state == READER_PAIR) {
		struct ini_pair pair = {
			.line = reader->key_line,
			.key = reader->key,
			.value = buffer_str(&reader->value),
			.is_secret = reader->is_secret,
			.origin = reader->origin.len > 0 ? buffer_str(&reader->origin) : NULL,
			.value_lines = reader->lines,
			.value_line_count = reader->line_count,
		};

		reader->sink->pair(reader->context, &pair);
		buffer_clear(&reader->origin);
	}
	free(reader->key);
	reader->key = NULL;
	reader->state = READER_IDLE;
}

static void refuse(struct reader *reader, const char *what)
{
	reader->sink->problem(reader->context, reader->line, what);
	reader->state = READER_REFUSED;
}

static void note_line(struct reader *reader, unsigned line)
{
	ARRAY_GROW(reader->lines, reader->line_count, reader->line_capacity);
	reader->lines[reader->line_count] = line;
	reader->line_count++;
}

static void begin_pair(struct reader *reader, struct slice key, struct slice value)
{
	reader->state = READER_PAIR;
	reader->key = xstrndup(key.data, key.len);
	reader->key_line = reader->line;
	reader->is_secret = false;
	reader->line_count = 0;
	reader->empty_lines = 0;
	buffer_clear(&reader->value);
	buffer_append(&reader->value, value.data, value.len);
	note_line(reader, reader->line);
}

static void read_section(struct reader *reader, struct slice line)
{
	char *title;

	end_value(reader);
	line = trim_end(line);
	if (line.data[line.len - 1] != ']') {
		refuse(reader, "a section header ends with ] and nothing after it");
		reader->sink->lost(reader->context);
		return;
	}
	line = trim(slice_from(line.data + 1, line.len - 2));
	title = xstrndup(line.data, line.len);
	reader->sink->section(reader->context, reader->line, title);
	free(title);
}

/* Split at the first `=`. A line without one, or without a key, is refused. */
static bool split_pair(
	struct reader *reader, struct slice line, struct slice *ret_key, struct slice *ret_value)
{
	const char *equals = memchr(line.data, '=', line.len);
	size_t key_len = equals ? (size_t)(equals - line.data) : 0;

	end_value(reader);
	if (!equals) {
		refuse(reader,
			"expected `key = value`, a [section], or a comment that starts with # or "
			";");
		return false;
	}
	*ret_key = trim(slice_from(line.data, key_len));
	*ret_value = slice_from(equals + 1, line.len - key_len - 1);
	if (ret_key->len == 0) {
		refuse(reader, "there is no key before the =");
		return false;
	}
	return true;
}

static void continue_value(struct reader *reader, struct slice line)
{
	if (reader->state == READER_REFUSED) {
		return;
	}
	if (reader->state == READER_IDLE) {
		refuse(reader,
			"a line that starts with a blank continues a value, and there is none "
			"before it");
		return;
	}
	for (; reader->empty_lines > 0; reader->empty_lines--) {
		buffer_append_char(&reader->value, '\n');
		note_line(reader, reader->line - reader->empty_lines);
	}
	buffer_append_char(&reader->value, '\n');
	buffer_append(&reader->value, line.data, line.len);
	note_line(reader, reader->line);
}

static void read_line_of_people(struct reader *reader, struct slice line)
{
	struct slice key, value;

	line = trim_end(line);
	if (line.len == 0) {
		reader->empty_lines++;
	} else if (line.data[0] == '#' || line.data[0] == ';') {
		/* A comment does not end a value: long statements are commented in between.
     */
		reader->empty_lines = 0;
	} else if (is_blank(line.data[0])) {
		continue_value(reader, trim(line));
	} else if (line.data[0] == '[') {
		read_section(reader, line);
	} else if (split_pair(reader, line, &key, &value)) {
		begin_pair(reader, key, trim(value));
	}
}

static void read_line_exact(struct reader *reader, struct slice line)
{
	struct slice key, value;

	if (line.len > 0 && line.data[0] == '\t') {
		continue_value(reader, slice_from(line.data + 1, line.len - 1));
	} else if (line.len > 3 && memcmp(line.data, "#@ ", 3) == 0) {
		end_value(reader);
		buffer_clear(&reader->origin);
		buffer_append(&reader->origin, line.data + 3, line.len - 3);
	} else if (line.len == 0 || line.data[0] == '#') {
		return;
	} else if (line.data[0] == '[') {
		read_section(reader, line);
	} else if (split_pair(reader, line, &key, &value)) {
		bool is_secret = value.len > 0 && value.data[0] == '!';
		size_t skip = is_secret ? 1 : 0;

		skip += value.len > skip && value.data[skip] == ' ';
		begin_pair(reader, key, slice_from(value.data + skip, value.len - skip));
		reader->is_secret = is_secret;
	}
}

void ini_parse(const char *text, size_t len, enum ini_dialect dialect, const struct ini_sink *sink,
	void *context)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	struct reader reader = {
		.sink = sink, .context = context, .origin = BUFFER_INIT, .value = BUFFER_INIT
	};
	const char *at = text, *end = text + len;

	buffer_reserve(&reader.value, len + 1);
	if (len >= 3 && memcmp(at, byte_order_mark, 3) == 0) {
		at += 3;
	}
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		struct slice line = slice_from(at, (size_t)((newline ? newline : end) - at));

		reader.line++;
		if (dialect == INI_EXACT) {
			read_line_exact(&reader, line);
		} else {
			read_line_of_people(&reader, line);
		}
		at = newline ? newline + 1 : end;
	}
	end_value(&reader);
	if (reader.value.data) {
		explicit_bzero(reader.value.data, reader.value.capacity);
	}
	buffer_fini(&reader.value);
	buffer_fini(&reader.origin);
	free(reader.lines);
}
