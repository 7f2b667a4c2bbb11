/*
 * exec_request - an event as the line that a command reads
 *
 * Pure but for memory. The members are described in docs/exec-handler.md.
 */
#pragma once

#include "compose.h"

/* Replace `text` by the event's line, its newline included. */
void exec_request_write(
	struct compose *text, uint64_t sequence, const struct onced_event *event);
