/*
 * log_line - one log line as bytes
 *
 * Pure. Whatever the values hold, the result is one line that ends with a newline, is at most
 * LOG_LINE_MAX bytes (so that one write to a pipe is atomic) and reads back as the fields given: no
 * value can forge another field or line. What does not fit is cut inside its own quotes. Inside
 * base and its tests only.
 *
 * LOG_FORMAT_JOURNAL is a datagram of systemd's native protocol: lines NAME=VALUE. MESSAGE is the
 * whole line as people read it; each field is there by itself as well, as ONCED_ and its name in
 * capitals.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

enum { LOG_LINE_MAX = 4096 };

/* Who speaks. */
struct log_origin {
	enum log_module module;
	const char *process; /* "supervisor", "worker"; NULL leaves it out */
	const char *consumer; /* NULL leaves it out */
	int slot; /* negative leaves it out */
};

struct log_line {
	size_t len;
	size_t max; /* what may be filled now; the builder's own */
	char data[LOG_LINE_MAX];
};

/* `format` is not AUTO. `fields` ends with LOG_FIELD_END. */
void log_line_build(struct log_line *line, enum log_format format, enum log_level level,
	int64_t wall_ms, const struct log_origin *origin, const char *message,
	const struct log_field *fields);
