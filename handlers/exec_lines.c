/*
 * exec_lines - what a command writes to standard error, made into lines for the log
 *
 * Runs in: worker, the keeper's thread (pure).
 */
#include "exec_lines.h"

#include <string.h>

enum { LINE_COST_US = 1000000 / EXEC_LINES_PER_SECOND };

static void refill(struct exec_lines *lines, int64_t now_us)
{
	const int64_t full_us = (int64_t)EXEC_LINES_BURST * LINE_COST_US;

	lines->tokens_us =
		lines->filled_us == 0 ? full_us : lines->tokens_us + now_us - lines->filled_us;
	if (lines->tokens_us > full_us) {
		lines->tokens_us = full_us;
	}
	lines->filled_us = now_us;
}

static void emit(struct exec_lines *lines, exec_line_fn *fn, void *context)
{
	if (lines->tokens_us < LINE_COST_US) {
		lines->dropped++;
	} else {
		lines->tokens_us -= LINE_COST_US;
		fn(context, lines->pending, lines->pending_len, lines->dropped);
		lines->dropped = 0;
	}
	lines->pending_len = 0;
}

/* A carriage return before the newline belongs to it. */
static void end_line(struct exec_lines *lines, exec_line_fn *fn, void *context)
{
	if (lines->pending_len && lines->pending[lines->pending_len - 1] == '\r') {
		lines->pending_len--;
	}
	if (lines->pending_len) {
		emit(lines, fn, context);
	}
}

void exec_lines_feed(struct exec_lines *lines, const char *data, size_t len, int64_t now_us,
	exec_line_fn *fn, void *context)
{
	refill(lines, now_us);
	while (len) {
		const char *newline = memchr(data, '\n', len);
		size_t part = newline ? (size_t)(newline - data) : len;
		size_t room = EXEC_LINE_MAX - lines->pending_len;

		if (part > room) {
			part = room;
			newline = NULL;
		}
		memcpy(lines->pending + lines->pending_len, data, part);
		lines->pending_len += part;
		data += part;
		len -= part;
		if (newline) {
			end_line(lines, fn, context);
			data++;
			len--;
		} else if (lines->pending_len == EXEC_LINE_MAX) {
			emit(lines, fn, context);
		}
	}
}

void exec_lines_flush(struct exec_lines *lines, int64_t now_us, exec_line_fn *fn, void *context)
{
	refill(lines, now_us);
	end_line(lines, fn, context);
	if (lines->dropped) {
		fn(context, "", 0, lines->dropped);
		lines->dropped = 0;
	}
}
