/*
 * status - what `oncectl status` makes of the daemon's JSON
 */
#pragma once

#include "base/buffer.h"

/* Tables for people out of the body of GET /v1/status. -1 when it is none. */
int status_render(const char *body, struct buffer *out);
