#include "dlq_page.h"

#include <stdbool.h>

#include "base/clock.h"
#include "base/shown.h"
#include "event/utf8.h"
#include "json_pretty.h"

enum { LABEL_WIDTH = 16, HEX_ROW = 16 };

/* One line, whatever it holds. */
static void write_line(struct slice text, struct buffer *out)
{
	if (!utf8_is_valid(text)) {
		buffer_append_str(out, "0x");
		for (size_t i = 0; i < text.len; i++) {
			buffer_printf(out, "%02x", (unsigned char)text.data[i]);
		}
		return;
	}
	shown_append(out, text);
}

static void write_fact(struct buffer *out, const char *label, struct slice text)
{
	if (text.len > 0) {
		buffer_printf(out, "%-*s", LABEL_WIDTH, label);
		write_line(text, out);
		buffer_append_char(out, '\n');
	}
}

static void write_number(struct buffer *out, const char *label, int64_t value)
{
	if (value >= 0) {
		buffer_printf(out, "%-*s%lld\n", LABEL_WIDTH, label, (long long)value);
	}
}

static void write_time(struct buffer *out, const char *label, int64_t wall_ms)
{
	char text[CLOCK_RFC3339_MAX];

	if (wall_ms >= 0) {
		buffer_printf(
			out, "%-*s%s\n", LABEL_WIDTH, label, clock_format_rfc3339(wall_ms, text));
	}
}

/* ---- payloads ---- */

static void write_hex(struct slice bytes, const char *indent, struct buffer *out)
{
	for (size_t row = 0; row < bytes.len; row += HEX_ROW) {
		buffer_printf(out, "%s%08zx ", indent, row);
		for (size_t i = row; i < row + HEX_ROW; i++) {
			if (i < bytes.len) {
				buffer_printf(out, " %02x", (unsigned char)bytes.data[i]);
			} else {
				buffer_append_str(out, "   ");
			}
		}
		buffer_append_str(out, "  ");
		for (size_t i = row; i < row + HEX_ROW && i < bytes.len; i++) {
			char c = bytes.data[i];

			buffer_append_char(out, c >= 0x20 && c < 0x7f ? c : '.');
		}
		buffer_append_char(out, '\n');
	}
}

static bool has_controls(struct slice text)
{
	for (size_t i = 0; i < text.len;) {
		size_t length = shown_length(text.data + i, text.len - i);

		if (length == 0 && text.data[i] != '\n' && text.data[i] != '\t') {
			return true;
		}
		i += length > 0 ? length : 1;
	}
	return false;
}

static void write_lines(struct slice text, const char *indent, struct buffer *out)
{
	bool is_start = true;

	for (size_t i = 0; i < text.len; i++) {
		buffer_append_str(out, is_start ? indent : "");
		buffer_append_char(out, text.data[i]);
		is_start = text.data[i] == '\n';
	}
	buffer_append_str(out, is_start ? "" : "\n");
}

void dlq_page_bytes(struct slice bytes, const char *indent, struct buffer *out)
{
	if (slice_is_null(bytes)) {
		buffer_printf(out, "%s(null)\n", indent);
		return;
	}
	if (bytes.len == 0) {
		buffer_printf(out, "%s(empty)\n", indent);
		return;
	}
	if (json_pretty(bytes, indent, out)) {
		return;
	}
	if (utf8_is_valid(bytes) && !has_controls(bytes)) {
		write_lines(bytes, indent, out);
	} else {
		write_hex(bytes, indent, out);
	}
}

/* ---- the page ---- */

static void write_story(const struct dlq_letter *letter, struct buffer *out)
{
	char scratch[DLQ_EVENT_ID_MAX];

	write_fact(out, "reason", letter->reason);
	write_fact(out, "code", letter->code);
	write_fact(out, "error", letter->error);
	write_number(out, "attempts", letter->attempts);
	write_time(out, "first failure", letter->first_failure_ms);
	write_time(out, "last failure", letter->last_failure_ms);
	write_fact(out, "consumer", letter->consumer);
	write_fact(out, "handler", letter->handler);
	write_fact(out, "host", letter->host);
	write_fact(out, "event id", dlq_letter_event_id(letter, scratch));
	write_fact(out, "from topic", letter->topic);
	write_number(out, "partition", letter->partition);
	write_number(out, "offset", letter->offset);
	write_time(out, "record time", letter->timestamp_ms);
	if (letter->replays > 0) {
		write_number(out, "replayed", letter->replays);
		write_fact(out, "last replay", letter->replay);
	}
	if (letter->fault) {
		buffer_printf(out, "%-*s%s\n", LABEL_WIDTH, "malformed", letter->fault);
	}
}

static void write_headers(const struct dlq_letter *letter, struct buffer *out)
{
	size_t shown = 0;

	buffer_append_str(out, "\nheaders\n");
	for (size_t i = 0; i < letter->record->header_count; i++) {
		const struct source_header *header = &letter->record->headers[i];

		if (dlq_letter_adds(letter, i)) {
			continue; /* told above */
		}
		shown++;
		buffer_append_str(out, "  ");
		write_line(header->name, out);
		buffer_append_str(out, " = ");
		write_line(header->value.data ? header->value : SLICE_LITERAL("(null)"), out);
		buffer_append_char(out, '\n');
	}
	buffer_append_str(out, shown == 0 ? "  (none)\n" : "");
}

void dlq_page_write(const char *topic, const struct dlq_letter *letter, enum dlq_state state,
	struct buffer *out)
{
	const struct kafka_reader_record *record = letter->record;

	buffer_printf(out, "%-*s%s:%d:%lld\n", LABEL_WIDTH, "dead letter", topic,
		(int)record->partition, (long long)record->offset);
	buffer_printf(out, "%-*s%s\n", LABEL_WIDTH, "state", dlq_state_name(state));
	buffer_printf(out, "%-*s%s\n", LABEL_WIDTH, "written by", dlq_format_name(letter->format));
	write_story(letter, out);
	buffer_append_str(out, "\nkey\n");
	dlq_page_bytes(record->key, "  ", out);
	write_headers(letter, out);
	buffer_printf(out, "\nvalue (%zu bytes)\n", record->value.len);
	dlq_page_bytes(record->value, "  ", out);
}
