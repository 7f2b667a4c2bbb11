/*
 * metrics_text - names, labels and their escapes
 *
 * Runs in: supervisor.
 */
#include <inttypes.h>

#include "supervisor/metrics_private.h"

#include "supervisor/poison.h"

/* Label values: backslash, quote and newline are escaped; other bytes are theirs. */
void metrics_label(struct buffer *out, const char *name, const char *value)
{
	buffer_printf(out, "%s=\"", name);
	for (const char *p = value; *p; p++) {
		switch (*p) {
		case '\\':
			buffer_append_str(out, "\\\\");
			break;
		case '"':
			buffer_append_str(out, "\\\"");
			break;
		case '\n':
			buffer_append_str(out, "\\n");
			break;
		default:
			buffer_append_char(out, *p);
		}
	}
	buffer_append_char(out, '"');
}

void metrics_open_sample(struct writer *writer, const char *name, const struct consumer *consumer)
{
	buffer_append_str(writer->out, name);
	buffer_append_char(writer->out, '{');
	metrics_label(writer->out, "consumer", consumer->config->name);
}

void metrics_open_partition_sample(struct writer *writer, const char *name,
	const struct consumer *consumer, const struct merged *row)
{
	metrics_open_sample(writer, name, consumer);
	buffer_append_char(writer->out, ',');
	metrics_label(writer->out, "topic", row->topic);
	buffer_printf(writer->out, ",partition=\"%" PRId32 "\"", row->partition);
}

void metrics_add_label(struct writer *writer, const char *name, const char *value)
{
	buffer_append_char(writer->out, ',');
	metrics_label(writer->out, name, value);
}
