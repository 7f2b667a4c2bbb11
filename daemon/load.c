/*
 * load - the configuration file, or words on standard error
 *
 * Runs in: supervisor, --check-config, --dump-config. Printed and not logged: somebody waits for it
 * at a terminal, and how to log is part of what could not be read.
 */
#include "load.h"

#include <stdio.h>
#include <unistd.h>

#include "handler_types.h"
#include "roles.h"

int load_again(const char *path, struct config **ret, struct config_errors *errors)
{
	return config_load(path, environ, handler_types(), ret, errors);
}

int load_config(const char *path, struct config **ret)
{
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;

	if (load_again(path, ret, &errors) == 0) {
		return 0;
	}
	fputs(buffer_str(&errors.text), stderr);
	fprintf(stderr, "onced: %u error%s in the configuration; nothing was started\n",
		errors.count, errors.count == 1 ? "" : "s");
	return EXIT_STATUS_CONFIG;
}
