/*
 * verbs - what oncectl can do
 *
 * Every verb is one function; main.c has them in one table.
 */
#pragma once

#include <stdbool.h>

/* Exit statuses of oncectl. */
enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_NOT_REACHABLE = 3 };

struct ctl {
	const char *socket_path;
	const char *config_path;
	bool is_json;
};

int verb_status(const struct ctl *ctl); /* status.c */
int verb_migrate(const struct ctl *ctl); /* migrate.c */
int verb_guarantees(const struct ctl *ctl); /* guarantees.c */
