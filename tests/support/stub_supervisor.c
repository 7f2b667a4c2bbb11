/*
 * stub_supervisor - a real supervisor whose children are the program a test names
 *
 * usage: stub_supervisor CONFIG WORKER_PROGRAM HEARTBEAT_LIMIT_US
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"
#include "supervisor/supervisor.h"

static int load(const char *path, struct config **ret, struct config_errors *errors)
{
	return config_load(path, environ, NULL, ret, errors);
}

int main(int argc, char **argv)
{
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;
	_cleanup_(config_freep) struct config *config = NULL;

	if (argc != 4) {
		return 2;
	}
	if (load(argv[1], &config, &errors) < 0) {
		fputs(buffer_str(&errors.text), stderr);
		return 78;
	}
	log_init(STDERR_FILENO, LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, "supervisor", NULL, -1);
	return supervisor_run(&(struct supervisor_options){
		.config = config,
		.config_path = argv[1],
		.load = load,
		.exe = argv[2],
		.version = "test",
		.heartbeat_limit_us = atoll(argv[3]),
	});
}
