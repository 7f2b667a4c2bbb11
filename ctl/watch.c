/*
 * watch - a reading verb again and again, until it is stopped
 *
 * Runs in: oncectl. What the verb prints is collected first, so that a screen changes at once and
 * does not flicker while the daemon is asked. A look that fails does not end it, unless it is the
 * first: a daemon that restarts is worth waiting for.
 */
#include "watch.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "base/cleanup.h"
#include "config/value.h"
#include "output.h"

enum { LINES_DEFAULT = 24 };
#define INTERVAL_DEFAULT_US INT64_C(2000000)
#define INTERVAL_MIN_US 100000
#define CLEAR "\033[H\033[2J"

static volatile sig_atomic_t is_over;

static void end(int number)
{
	is_over = 1;
}

void watch_take_signals(void)
{
	struct sigaction action = { .sa_handler = end };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

int watch_is_over(void)
{
	return is_over;
}

void watch_wait_us(int64_t us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

/* ---- the screen ---- */

/* A terminal that can be cleared. */
static bool is_screen(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) == 1 && term && term[0] && strcmp(term, "dumb") != 0;
}

/* Bytes of a colour, which take no place; 0: it is none. */
static size_t paint_length(const char *text)
{
	size_t len = text[0] == '\033' && text[1] == '[' ? 2 + strspn(text + 2, "0123456789;") : 0;

	return len > 0 && text[len] == 'm' ? len + 1 : 0;
}

/* A line that wraps would take two, and push the first off the screen. */
static const char *cut_line(const char *line, unsigned columns, struct buffer *out)
{
	bool is_painted = false;
	unsigned width = 0;

	while (*line && *line != '\n') {
		size_t paint = paint_length(line), len = paint ? paint : 1;

		while (!paint && ((unsigned char)line[len] & 0xc0) == 0x80) {
			len++;
		}
		width += paint == 0;
		is_painted |= paint > 0;
		if (width <= columns) {
			buffer_append(out, line, len);
		}
		line += len;
	}
	buffer_append_str(out, width > columns && is_painted ? "\033[0m" : "");
	return line;
}

void watch_cut(const char *text, unsigned lines, unsigned columns, struct buffer *out)
{
	for (; *text && lines > 0; lines--) {
		text = cut_line(text, columns, out);
		if (*text == '\n') {
			buffer_append_char(out, '\n');
			text++;
		}
	}
}

void watch_show(const char *text)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	struct winsize size = { 0 };

	if (!is_screen()) {
		printf("%s\n", text);
		return;
	}
	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	watch_cut(text, size.ws_row > 1 ? size.ws_row - 1u : LINES_DEFAULT,
		size.ws_col > 0 ? size.ws_col : UINT32_MAX, &out);
	printf("%s%s", CLEAR, buffer_str(&out));
}

bool watch_parse(const struct ctl *ctl, const char *interval, const char *times,
	int64_t otherwise_us, int64_t *ret_interval_us, int64_t *ret_times)
{
	char *rest = NULL;

	*ret_interval_us = otherwise_us;
	*ret_times = INT64_MAX - 1;
	if (interval &&
		(value_parse_duration(interval, ret_interval_us) < 0 ||
			*ret_interval_us < INTERVAL_MIN_US)) {
		fprintf(stderr, "oncectl %s: %s is no time span of 100ms or more\n",
			ctl->verb->name, interval);
		return false;
	}
	if (times) {
		*ret_times = strtoll(times, &rest, 10);
		if (*rest || *ret_times < 1 || *ret_times >= INT64_MAX - 1) {
			fprintf(stderr, "oncectl %s: --times %s is no number from 1 on\n",
				ctl->verb->name, times);
			return false;
		}
	}
	return true;
}

/* Run the verb; what it prints is in `ret_text`, the caller's. */
static int collect(const struct ctl *ctl, char **ret_text)
{
	FILE *screen = stdout;
	size_t size = 0;
	int status;

	*ret_text = NULL;
	stdout = open_memstream(ret_text, &size);
	if (!stdout) {
		stdout = screen;
		perror("oncectl: --watch");
		return CTL_FAILED;
	}
	status = ctl->verb->run(ctl);
	fclose(stdout);
	stdout = screen;
	return status;
}

static int look(const struct ctl *ctl, bool is_first)
{
	_cleanup_free_ char *text = NULL;
	int status = collect(ctl, &text);

	if (ctl->is_json || status != CTL_OK) {
		fputs(text ? text : "", stdout);
	} else {
		watch_show(text ? text : "");
	}
	if (!output_flush()) {
		is_over = 1;
		return CTL_FAILED;
	}
	is_over |= is_first && status != CTL_OK;
	return status;
}

int watch_run(const struct ctl *ctl)
{
	int64_t interval_us, times;
	int status = CTL_OK;

	if (!watch_parse(ctl, ctl->watch_interval, ctl->watch_times, INTERVAL_DEFAULT_US,
		    &interval_us, &times)) {
		return CTL_USAGE;
	}
	watch_take_signals();
	for (int64_t i = 0; i < times && !is_over; i++) {
		status = look(ctl, i == 0);
		if (i + 1 < times && !is_over) {
			watch_wait_us(interval_us);
		}
	}
	return status;
}
