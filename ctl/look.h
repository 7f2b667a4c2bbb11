/*
 * look - ask the daemon how it is
 *
 * Runs in: oncectl. What is wrong is on standard error; the return is an exit status.
 */
#pragma once

#include <jansson.h>

#include "base/buffer.h"
#include "verbs.h"

int look_get(const struct ctl *ctl, const char *target, struct buffer *body);

/*
 * The consumers of GET /v1/status, or with `name` the one called so; an array, the caller's. None
 * is a failure.
 */
int look_at_consumers(const struct ctl *ctl, const char *name, json_t **ret);
