/*
 * main - oncectl: the tool beside the daemon
 *
 * Runs in: its own short-lived process. Verbs and options are two tables; usage comes from them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client.h"
#include "verbs.h"

static const struct verb {
	const char *name, *help;
	int (*run)(const struct ctl *ctl);
} verbs[] = {
	{ "status", "consumers, workers, and partitions that need a look", verb_status },
	{ "migrate", "bring the store's schema up to date (-c FILE)", verb_migrate },
	{ "guarantees", "what is promised, and what is not", verb_guarantees },
};

static const char usage_options[] =
	"  --socket PATH      the daemon's control socket (default $ONCED_SOCKET, else\n"
	"                     /run/onced/control.sock)\n"
	"  -c, --config FILE  the configuration (default /etc/onced/onced.ini)\n"
	"  --json             JSON instead of tables\n"
	"  --version, --help\n"
	"\nexit status: 0 ok, 1 refused or failed, 2 usage, 3 not reachable\n";

static int show_usage(FILE *out)
{
	fputs("usage: oncectl VERB [option...]\n\n", out);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		fprintf(out, "  %-18s %s\n", verbs[i].name, verbs[i].help);
	}
	fputc('\n', out);
	fputs(usage_options, out);
	return out == stdout ? CTL_OK : CTL_USAGE;
}

static int show_version(void)
{
	printf("oncectl %s\nlibcurl %s\n", ONCED_VERSION, client_library_version());
	return CTL_OK;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0) {
			return &verbs[i];
		}
	}
	return NULL;
}

/* The string an option fills, NULL for one that takes none. */
static const char **value_of(struct ctl *ctl, const char *option)
{
	if (strcmp(option, "--socket") == 0) {
		return &ctl->socket_path;
	}
	if (strcmp(option, "-c") == 0 || strcmp(option, "--config") == 0) {
		return &ctl->config_path;
	}
	return NULL;
}

/* 0, or a sentence on standard error and -1. */
static int parse(char *const *argv, struct ctl *ctl, const struct verb **ret_verb)
{
	for (int i = 1; argv[i]; i++) {
		const char **value = value_of(ctl, argv[i]);

		if (value && !argv[i + 1]) {
			fprintf(stderr, "oncectl: %s needs a value\n", argv[i]);
			return -1;
		}
		if (value) {
			*value = argv[++i];
		} else if (strcmp(argv[i], "--json") == 0) {
			ctl->is_json = true;
		} else if (!*ret_verb && find_verb(argv[i])) {
			*ret_verb = find_verb(argv[i]);
		} else {
			fprintf(stderr, "oncectl: unknown argument: %s\n", argv[i]);
			return -1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *socket_path = getenv("ONCED_SOCKET");
	const struct verb *verb = NULL;
	struct ctl ctl = {
		.socket_path = socket_path ? socket_path : "/run/onced/control.sock",
		.config_path = "/etc/onced/onced.ini",
	};
	int status;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		return show_usage(stdout);
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		return show_version();
	}
	if (parse(argv, &ctl, &verb) < 0 || !verb) {
		return show_usage(stderr);
	}
	status = verb->run(&ctl);
	if (fflush(stdout) != 0) {
		perror("oncectl: standard output");
		return CTL_FAILED;
	}
	return status;
}
