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
	const char *config_path, *socket_path;
	const char *owner; /* whom to ask; NULL: nobody is named */
	/* of GET /v1/status: the consumer, and the same so many seconds before; NULL: no answer */
	const json_t *now, *before;
	double seconds;
};

void runbook_write(const struct runbook *runbook, struct buffer *out);

/* Text that is text in Markdown, whatever is in it; one line. */
void runbook_append_text(struct buffer *out, const char *text);
/* The same between backticks. */
void runbook_append_code(struct buffer *out, const char *text);
