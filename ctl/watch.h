/*
 * watch - a reading verb again and again, until it is stopped
 *
 * On a terminal the screen is drawn anew, elsewhere each look is a block with an empty line behind
 * it, with --json one line.
 */
#pragma once

#include <stdint.h>

#include "verbs.h"

/* Run ctl->verb as --watch, --interval and --times of it ask. An exit status. */
int watch_run(const struct ctl *ctl);

/* Make ^C and SIGTERM end the looking; was one of them sent? For `top`, too. */
void watch_take_signals(void);
int watch_is_over(void);
/* Sleep; a signal ends it early. */
void watch_wait_us(int64_t us);
/* How many lines a screen has for us. */
unsigned watch_screen_lines(void);
/*
 * "1s" of --interval (NULL: `otherwise_us`) and the number of --times (NULL: without end). False
 * after a sentence.
 */
bool watch_parse(const struct ctl *ctl, const char *interval, const char *times,
	int64_t otherwise_us, int64_t *ret_interval_us, int64_t *ret_times);
