/*
 * watch - a reading verb again and again, until it is stopped
 *
 * On a terminal that can be cleared the screen is drawn anew, elsewhere each look is a block with
 * an empty line behind it, with --json one line.
 */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "verbs.h"

/* Run ctl->verb as --watch, --interval and --times of it ask. An exit status. */
int watch_run(const struct ctl *ctl);

/* Make ^C and SIGTERM end the looking; was one of them sent? For `top`, too. */
void watch_take_signals(void);
int watch_is_over(void);
/* Sleep; a signal ends it early. */
void watch_wait_us(int64_t us);
/* On a terminal a screen as large as that, elsewhere a block. */
void watch_show(const char *text);
/* The first lines, none wider; colours take no place. For watch_show(), and tests. */
void watch_cut(const char *text, unsigned lines, unsigned columns, struct buffer *out);
/*
 * "1s" of --interval (NULL: `otherwise_us`) and the number of --times (NULL: without end). False
 * after a sentence.
 */
bool watch_parse(const struct ctl *ctl, const char *interval, const char *times,
	int64_t otherwise_us, int64_t *ret_interval_us, int64_t *ret_times);
