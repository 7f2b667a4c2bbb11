/*
 * filter - which records go to the handler at all
 *
 * Runs in: worker; built at start, then read-only. Pure but for the scan it is given.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "config/config.h"
#include "event/scan.h"

struct onced_event;

struct filter {
	const struct config_condition *conditions; /* borrowed */
	size_t count;
	int *paths; /* of each condition, into the roster's set; -1: of no path */
	bool wants_headers;
};

/* `config` is borrowed; its paths are added to `paths`. -EINVAL for one that is none. */
int filter_init(struct filter *filter, const struct config_filter *config, struct path_set *paths,
	struct err *err);
void filter_fini(struct filter *filter);

/*
 * Do all conditions hold? A header is one of the values when any of that name is; JSON strings are
 * compared without their escapes, other scalars as they are written; objects and arrays are no
 * value, JSON null is absent. What is absent is not any value. Conditions on headers that cannot be
 * parsed, and on a value that is no JSON (`is_scanned` is false), are taken to hold: the event is
 * undecodable, which is for the caller to say.
 */
bool filter_passes(const struct filter *filter, struct onced_event *event, bool is_scanned);
