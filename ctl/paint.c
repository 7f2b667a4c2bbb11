/*
 * paint - colours, where a person looks
 *
 * Runs in: oncectl. The sixteen colours every terminal has, in its owner's shades.
 */
#include "paint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define RED "\033[31m"
#define BLUE "\033[34m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static const struct {
	const char *state, *colour;
} colours[] = {
	{ "running", GREEN },
	{ "ready", GREEN },
	{ "starting", BLUE },
	{ "opening", BLUE },
	{ "draining", BLUE },
	{ "paused", YELLOW },
	{ "held", RED },
	{ "degraded", RED },
	{ "stopped", RED },
	{ "waiting", RED },
	{ "fenced", RED },
};

bool paint_is_wanted_by(bool is_terminal, const char *no_color, const char *term)
{
	return is_terminal && !(no_color && no_color[0]) && term && term[0] &&
		strcmp(term, "dumb") != 0;
}

bool paint_is_wanted(void)
{
	return paint_is_wanted_by(isatty(STDOUT_FILENO) == 1, getenv("NO_COLOR"), getenv("TERM"));
}

void paint_state(struct buffer *out, const char *state)
{
	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (strcmp(colours[i].state, state) == 0) {
			buffer_printf(out, "%s%s" PLAIN, colours[i].colour, state);
			return;
		}
	}
	buffer_append_str(out, state);
}

void paint_head(struct buffer *out, const char *head)
{
	buffer_printf(out, BOLD "%s" PLAIN, head);
}
