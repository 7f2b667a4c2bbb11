/*
 * args - the command line of onced
 *
 * Pure. One table of options; usage and parsing come from it.
 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"
#include "base/err.h"

enum role {
	ROLE_SUPERVISOR,
	ROLE_WORKER,
	ROLE_PROBE,
	ROLE_MIGRATE,
	ROLE_CHECK_CONFIG,
	ROLE_DUMP_CONFIG,
	ROLE_WRITE_SAMPLE,
	ROLE_WRITE_MANUAL,
	ROLE_TEST_HANDLER,
	ROLE_VERSION,
	ROLE_DEMO,
	ROLE_EMBEDDED_BROKER,
	ROLE_HELP,
	ROLES
};

struct args {
	enum role role;
	const char *config_path; /* default /etc/onced/onced.ini */
	const char *name; /* WORKER: "NAME/SLOT"; PROBE, MIGRATE: "NAME"; WRITE_MANUAL: a page */
	const char *handler, *events_path; /* TEST_HANDLER */
	bool non_default_only; /* DUMP_CONFIG */
	bool loads_plugins; /* CHECK_CONFIG */
};

/* 0 and `ret`, whose strings borrow from argv; -EINVAL with the sentence. */
int args_parse(int argc, char *const *argv, struct args *ret, struct err *err);

/* The options for the manual page onced(8), in scdoc's form. */
void args_write_manual(struct buffer *out);

/* What --help prints; options for onced's own use are left out. */
void args_write_usage(struct buffer *out);
