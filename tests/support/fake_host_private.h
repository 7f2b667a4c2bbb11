/*
 * fake_host_private - what the files of the fake host share
 */
#pragma once

#include "event/tree.h"
#include "fake_host.h"

struct onced_event {
	struct fake_host *host;
	const struct fake_event *fake;
	struct json_ref refs[SCAN_PATHS_MAX];
	struct json_t *tree;
};

/* Or abort, with the sentence. */
void fake_host_demand(bool is_right, const char *what);
struct onced_bytes fake_host_bytes(struct slice s);
