/*
 * http_verdict - what the end of a request means for the event
 *
 * A table; `retry.on`, `reject.on` and `hold.on` of the handler come before it, and know the same
 * codes: the status, or a word where none came.
 */
#pragma once

#include "http_client.h"
#include "http_excerpt.h"

/* Sets result, code, reason and the pause asked for. The reply's body is changed. */
void http_verdict(const struct http_settings *settings, const struct http_secrets *secrets,
	struct http_reply *reply, struct onced_outcome *outcome);
