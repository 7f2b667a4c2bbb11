/*
 * exec_lines - what a command writes to standard error, made into lines for the log
 *
 * Pure. Lines are bounded: a longer one comes in pieces. Lines are counted against a rate: what is
 * beyond it is dropped and counted, and the count is told with the next line that passes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EXEC_LINE_MAX = 1000, /* bytes of a piece */
	EXEC_LINES_BURST = 100, /* lines at once */
	EXEC_LINES_PER_SECOND = 20, /* and from then on */
};

struct exec_lines {
	char pending[EXEC_LINE_MAX];
	size_t pending_len;
	int64_t tokens_us; /* a line costs a second's share */
	int64_t filled_us; /* when tokens were last added; 0: never */
	uint64_t dropped;
};

/* Takes one line. `text` is borrowed and may be any bytes; `dropped` lines were left out before. */
typedef void exec_line_fn(void *context, const char *text, size_t len, uint64_t dropped);

/* Bytes as they come; whole lines go to `fn`. */
void exec_lines_feed(struct exec_lines *lines, const char *data, size_t len, int64_t now_us,
	exec_line_fn *fn, void *context);

/* What is there of an unfinished line, and drops not told yet: at the end, or when it is old. */
void exec_lines_flush(
	struct exec_lines *lines, int64_t now_us, exec_line_fn *fn, void *context);
