#include "dlq_progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { BAR_WIDTH = 30, BAR_EVERY_US = 200000, LINE_EVERY_US = 10000000 };

void dlq_progress_init(struct dlq_progress *progress)
{
	*progress = (struct dlq_progress){ .is_terminal = isatty(STDERR_FILENO),
		.next_us = clock_mono_us() + BAR_EVERY_US };
}

void dlq_progress_tell(struct dlq_progress *progress, size_t done, size_t total, const char *note)
{
	static const char full[] = "##############################";
	int64_t now_us = clock_mono_us();
	int width = total > 0 ? (int)(done * BAR_WIDTH / total) : BAR_WIDTH;

	if (now_us < progress->next_us) {
		return;
	}
	if (progress->is_terminal) {
		fprintf(stderr, "\r[%-*.*s] %zu of %zu%s%s\033[K", BAR_WIDTH, width, full, done,
			total, note[0] ? "; " : "", note);
		progress->is_shown = true;
		progress->next_us = now_us + BAR_EVERY_US;
	} else {
		fprintf(stderr, "%zu of %zu%s%s\n", done, total, note[0] ? "; " : "", note);
		progress->next_us = now_us + LINE_EVERY_US;
	}
}

void dlq_progress_end(struct dlq_progress *progress)
{
	if (progress->is_shown) {
		fputs("\r\033[K", stderr);
		progress->is_shown = false;
	}
}
