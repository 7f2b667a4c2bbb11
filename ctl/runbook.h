/*
 * runbook - what to know about one consumer at three in the morning, as Markdown
 *
 * Pure, but for the verb.
 */
#pragma once

#include <jansson.h>

#include "arguments.h"
#include "base/buffer.h"
#include "config/config.h"

extern const struct verb_option runbook_options[];

struct runbook {
	const struct config *config;
	const struct config_consumer *consumer;
	/* of the daemon where it answers: its file is meant, wherever it is run from */
	const char *config_path, *socket_path;
	const char *owner; /* whom to ask; NULL: who is named in the configuration */
	/* why the daemon says nothing about the consumer, a sentence; NULL: it does */
	const char *silence;
	/* `config` is what the daemon goes by, not what stands in a file now */
	bool is_in_use;
	unsigned change_count; /* keys that the daemon's file says otherwise by now */
	/* of GET /v1/status: all, the consumer, and that so many seconds before; NULL: no answer */
	const json_t *daemon, *now, *before;
	double seconds;
	int64_t wall_ms; /* when it was asked */
};

void runbook_write(const struct runbook *runbook, struct buffer *out);

/* What the daemon says: how it is, what troubles it. Nothing but why where it says nothing. */
void runbook_write_live(const struct runbook *runbook, struct buffer *out);
/* Each alarm, what it means, and what it is about as it is now. */
void runbook_write_alarms(const struct runbook *runbook, struct buffer *out);

/* Text that is text in Markdown, whatever is in it; one line. */
void runbook_append_text(struct buffer *out, const char *text);
/* The same between backticks. */
void runbook_append_code(struct buffer *out, const char *text);
/* To the second, where it is more than one. */
void runbook_append_time(struct buffer *out, int64_t us);
