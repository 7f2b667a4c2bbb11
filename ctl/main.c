/*
 * main - oncectl: the tool beside the daemon
 *
 * Runs in: its own short-lived process. Verbs and their options are tables; help comes from them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "client.h"
#include "dlq.h"
#include "verbs.h"

static const struct verb verbs[] = {
	{ .name = "status",
		.help = "consumers, workers, and partitions that need a look",
		.run = verb_status },
	{ .name = "migrate",
		.help = "bring the store's schema up to date (-c FILE)",
		.run = verb_migrate },
	{ .name = "guarantees",
		.help = "what is promised, and what is not",
		.run = verb_guarantees },
	{ .name = "dlq list",
		.arguments = "CONSUMER",
		.argument_max = 1,
		.help = "dead letters, and of what they died",
		.options = dlq_list_options,
		.run = verb_dlq_list },
	{ .name = "dlq show",
		.arguments = "[CONSUMER] TOPIC:PARTITION:OFFSET",
		.argument_min = 1,
		.argument_max = 2,
		.help = "one dead letter, whole; by where it lies or came from",
		.options = dlq_show_options,
		.run = verb_dlq_show },
	{ .name = "dlq export",
		.arguments = "CONSUMER",
		.argument_max = 1,
		.help = "dead letters as lines of JSON",
		.options = dlq_export_options,
		.run = verb_dlq_export },
	{ .name = "dlq audit",
		.arguments = "CONSUMER",
		.argument_max = 1,
		.help = "who replayed and discarded what, when and why",
		.options = dlq_audit_options,
		.run = verb_dlq_audit },
	{ 0 },
};

static int show_version(void)
{
	printf("oncectl %s\nlibcurl %s\n", ONCED_VERSION, client_library_version());
	return CTL_OK;
}

int main(int argc, char **argv)
{
	const char *socket_path = getenv("ONCED_SOCKET");
	struct ctl ctl = {
		.socket_path = socket_path ? socket_path : "/run/onced/control.sock",
		.config_path = "/etc/onced/onced.ini",
	};
	int status;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		return show_version();
	}
	status = arguments_parse(argv, verbs, &ctl, stderr);
	if (status < 0) {
		arguments_help(verbs, ctl.verb, stderr);
		return CTL_USAGE;
	}
	if (status > 0) {
		arguments_help(verbs, ctl.verb, stdout);
		return CTL_OK;
	}
	status = ctl.verb->run(&ctl);
	if (fflush(stdout) != 0) {
		perror("oncectl: standard output");
		return CTL_FAILED;
	}
	return status;
}
