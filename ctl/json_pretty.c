#include "json_pretty.h"

#include <stdint.h>
#include <string.h>

#include "base/shown.h"
#include "event/scan.h"

enum { STEP = 2 };

struct pretty {
	struct slice text;
	size_t at;
	int depth;
	const char *indent;
	struct buffer *out;
};

static void new_line(const struct pretty *p)
{
	buffer_printf(p->out, "\n%s%*s", p->indent, p->depth * STEP, "");
}

static void skip_blanks(struct pretty *p)
{
	while (p->at < p->text.len && strchr(" \t\r\n", p->text.data[p->at])) {
		p->at++;
	}
}

/* What would do something to the terminal, as JSON may say it too. The text is valid UTF-8. */
static bool write_control(struct pretty *p)
{
	const unsigned char *c = (const unsigned char *)p->text.data + p->at;
	size_t length = c[0] < 0x80 ? 1 : c[0] < 0xe0 ? 2 : 3;
	uint32_t code = c[0] & (length == 1 ? 0x7fU : length == 2 ? 0x1fU : 0x0fU);

	if (shown_length((const char *)c, p->text.len - p->at) > 0) {
		return false;
	}
	for (size_t i = 1; i < length; i++) {
		code = code << 6 | (c[i] & 0x3fU);
	}
	buffer_printf(p->out, "\\u%04x", (unsigned)code);
	p->at += length;
	return true;
}

static void copy_string(struct pretty *p)
{
	const char *data = p->text.data;

	buffer_append_char(p->out, data[p->at++]);
	while (data[p->at] != '"') {
		if (write_control(p)) {
			continue;
		}
		if (data[p->at] == '\\') {
			buffer_append_char(p->out, data[p->at++]);
		}
		buffer_append_char(p->out, data[p->at++]);
	}
	buffer_append_char(p->out, data[p->at++]);
}

static void open_bracket(struct pretty *p, char c)
{
	char closing = c == '{' ? '}' : ']';

	buffer_append_char(p->out, c);
	p->at++;
	skip_blanks(p);
	if (p->text.data[p->at] == closing) {
		buffer_append_char(p->out, closing);
		p->at++;
		return;
	}
	p->depth++;
	new_line(p);
}

static void write_token(struct pretty *p)
{
	char c = p->text.data[p->at];

	switch (c) {
	case '"':
		copy_string(p);
		return;
	case '{':
	case '[':
		open_bracket(p, c);
		return;
	case '}':
	case ']':
		p->depth--;
		new_line(p);
		break;
	case ',':
		buffer_append_char(p->out, c);
		new_line(p);
		p->at++;
		return;
	case ':':
		buffer_append_str(p->out, ": ");
		p->at++;
		return;
	default:
		break;
	}
	buffer_append_char(p->out, c);
	p->at++;
}

static bool is_json(struct slice text)
{
	struct path_set *none = path_set_new();
	struct json_ref ref;
	bool result = scan_json(none, text, &ref, NULL) == SCAN_OK;

	path_set_free(none);
	return result;
}

bool json_pretty(struct slice text, const char *indent, struct buffer *out)
{
	struct pretty p = { .text = text, .indent = indent, .out = out };

	if (!is_json(text)) {
		return false;
	}
	buffer_append_str(out, indent);
	for (skip_blanks(&p); p.at < text.len; skip_blanks(&p)) {
		write_token(&p);
	}
	buffer_append_char(out, '\n');
	return true;
}
