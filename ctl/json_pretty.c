#include "json_pretty.h"

#include <string.h>

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

/* DEL, and the C1 controls, which are two bytes of UTF-8. */
static bool write_control(struct pretty *p)
{
	const unsigned char *c = (const unsigned char *)p->text.data + p->at;

	if (c[0] == 0x7f) {
		buffer_append_str(p->out, "\\u007f");
		p->at++;
		return true;
	}
	if (c[0] == 0xc2 && c[1] < 0xa0) {
		buffer_printf(p->out, "\\u00%02x", c[1]);
		p->at += 2;
		return true;
	}
	return false;
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
