/*
 * log_repeat - the same line again and again, told once with how often
 *
 * Pure: time is an argument; one thread at a time. A line is the same as another when module,
 * level, message and all fields are: nothing that differs is ever held back. Of one line
 * LOG_REPEAT_BURST are written in LOG_REPEAT_WINDOW_US, the rest are counted and told at the end of
 * the window by one line with the field `repeated`. Inside base and its tests only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

#define LOG_REPEAT_WINDOW_US ((int64_t)10 * 1000 * 1000)
enum {
	LOG_REPEAT_BURST = 5,
	/* Different lines that are watched at a time; of more the oldest is told and let go. */
	LOG_REPEAT_LINES = 16,
	LOG_REPEAT_FIELDS = 16,
	LOG_REPEAT_TEXT = 1024, /* of its message and values; what does not fit is left out */
};

/* A line that is watched, copied. */
struct log_repeat_line {
	uint64_t hash; /* 0: unused */
	int64_t ends_us;
	uint64_t seen, held_back; /* in this window */
	enum log_level level;
	enum log_module module;
	const char *message; /* inside `text` */
	/* values inside `text`, names borrowed; room for one more and the end */
	struct log_field fields[LOG_REPEAT_FIELDS + 2];
	size_t text_len;
	char text[LOG_REPEAT_TEXT];
};

struct log_repeat {
	struct log_repeat_line lines[LOG_REPEAT_LINES];
};

/*
 * Is this line to be written now? `ret_told` is a line that had to make room and has repeats to
 * tell, else its held_back is 0.
 */
bool log_repeat_ask(struct log_repeat *repeat, int64_t now_us, enum log_module module,
	enum log_level level, const char *message, const struct log_field *fields,
	struct log_repeat_line *ret_told);

/*
 * A line whose window is over and that has repeats to tell, and forget it; false when there is
 * none. With `is_last` those whose window is not over, too.
 */
bool log_repeat_take(
	struct log_repeat *repeat, int64_t now_us, bool is_last, struct log_repeat_line *ret);
