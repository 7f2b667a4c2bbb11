/*
 * main - onced: chooses what this process is
 *
 * One program, several roles; the supervisor starts the others by running itself again.
 */
#include <stdio.h>

#include "args.h"
#include "base/private.h"
#include "roles.h"

static int (*const roles[ROLES])(const struct args *) = {
	[ROLE_SUPERVISOR] = role_supervisor,
	[ROLE_WORKER] = role_worker,
	[ROLE_PROBE] = role_probe,
	[ROLE_MIGRATE] = role_migrate,
	[ROLE_CHECK_CONFIG] = role_check_config,
	[ROLE_DUMP_CONFIG] = role_dump_config,
	[ROLE_WRITE_SAMPLE] = role_write_sample,
	[ROLE_WRITE_MANUAL] = role_write_manual,
	[ROLE_TEST_HANDLER] = role_test_handler,
	[ROLE_VERSION] = role_version,
	[ROLE_DEMO] = role_demo,
	[ROLE_EMBEDDED_BROKER] = role_embedded_broker,
	[ROLE_HELP] = role_help,
};

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct args args;

	private_environment();
	private_core(false);
	if (args_parse(argc, argv, &args, &err) < 0) {
		fprintf(stderr, "onced: %s\ntry onced --help\n", err.text);
		return EXIT_STATUS_USAGE;
	}
	return roles[args.role](&args);
}
