/*
 * main - oncectl: the tool beside the daemon
 *
 * Runs in: its own short-lived process. Verbs and their options are tables; help comes from them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/private.h"
#include "client.h"
#include "config_file.h"
#include "dlq.h"
#include "doctor_verb.h"
#include "manual.h"
#include "output.h"
#include "rebuild.h"
#include "runbook.h"
#include "verbs.h"
#include "watch.h"

#define OWNER                                                                                      \
	{                                                                                          \
		"--owner", "NAME", "whom to ask about it (default: who calls)"                     \
	}

static const struct verb_option owner_options[] = { OWNER, { 0 } };

static const struct verb_option config_options[] = { { "--non-default", NULL,
							     "only what is not at its default" },
	{ "--diff", NULL, "what a reload of the file would change, and how" }, { 0 } };

static const struct verb_option pause_options[] = {
	{ "--reason", "TEXT", "why, for whoever finds it paused; required" },
	{ "--for", "TIME", "resume by itself after so long: 10m" }, OWNER, { 0 }
};

static const struct verb_option resume_options[] = { { "--reason", "TEXT", "why" }, OWNER, { 0 } };

static const struct verb_option drain_options[] = { { "--all", NULL,
							    "every consumer, one after the other" },
	{ "--wait", NULL, "until nothing is in hand and all is committed" },
	{ "--timeout", "TIME", "with --wait: at most so long, then status 4; it goes on" },
	{ "--release", NULL, "then leave the group, static members too" },
	{ "--reason", "TEXT", "why, for whoever finds it paused" }, OWNER, { 0 } };

static const struct verb_option restart_options[] = { { "--wait", NULL, "until all are back" },
	{ "--timeout", "TIME", "with --wait: at most so long, then status 4; it goes on" }, OWNER,
	{ 0 } };

static const struct verb_option reload_options[] = { { "--wait", NULL,
							     "until all workers run with it" },
	{ "--timeout", "TIME", "with --wait: at most so long, then status 4; it goes on" }, OWNER,
	{ 0 } };

static const struct verb_option log_level_options[] = {
	{ "--for", "TIME", "as configured again after so long: 10m" }, OWNER, { 0 }
};

static const struct verb_option skip_options[] = {
	{ "--reason", "TEXT", "why it is skipped; required" },
	{ "--timeout", "TIME", "wait at most so long, then status 4 (default 10s)" }, OWNER, { 0 }
};

static const struct verb_option offsets_options[] = {
	{ "--to", "WHERE", "an offset, earliest, latest, or a time:\n2026-11-21T20:00:00Z" },
	{ "--reason", "TEXT", "why" },
	{ "--timeout", "TIME", "wait at most so long, then status 4 (default 10s)" }, OWNER, { 0 }
};

static const struct verb_option drill_options[] = {
	{ "--lag", "TIME", "let lag build for so long (default 30s)" },
	{ "--timeout", "TIME", "longest drain, and longest catching up (default 10m)" }, OWNER,
	{ 0 }
};

static const struct verb_option probe_options[] = {
	{ "--ready", NULL, "whether it takes part: every worker has joined" }, { 0 }
};

static const struct verb_option top_options[] = { { "--interval", "TIME",
							  "look so often (default 1s)" },
	{ "--times", "N", "then end, after so many screens" }, { 0 } };

static const struct verb verbs[] = {
	{ .name = "status",
		.is_reading = true,
		.help = "consumers, workers, and partitions that need a look",
		.run = verb_status },
	{ .name = "top",
		.help = "the same as a live screen, with rates; ^C ends it",
		.options = top_options,
		.run = verb_top },
	{ .name = "probe",
		.help = "whether it lives, as exit status 0, 1 or 3",
		.options = probe_options,
		.run = verb_probe },
	{ .name = "show consumers",
		.is_reading = true,
		.arguments = "[CONSUMER]",
		.argument_max = 1,
		.help = "what they are at, in figures",
		.run = verb_show_consumers },
	{ .name = "show workers",
		.is_reading = true,
		.arguments = "[CONSUMER]",
		.argument_max = 1,
		.help = "their processes, and what troubles them",
		.run = verb_show_workers },
	{ .name = "show partitions",
		.is_reading = true,
		.arguments = "[CONSUMER]",
		.argument_max = 1,
		.help = "all of them, and why one does not move",
		.run = verb_show_partitions },
	{ .name = "show verdicts",
		.is_reading = true,
		.arguments = "[CONSUMER[:TOPIC[:PARTITION]]]",
		.argument_max = 1,
		.help = "what was last said of records, also before a crash",
		.run = verb_show_verdicts },
	{ .name = "show config",
		.is_reading = true,
		.help = "the configuration in use, secrets masked",
		.options = config_options,
		.run = verb_show_config },
	{ .name = "pause",
		.arguments = "CONSUMER[:TOPIC[:PARTITION]]",
		.argument_min = 1,
		.argument_max = 1,
		.help = "begin nothing more; stays assigned, survives restarts",
		.options = pause_options,
		.run = verb_pause },
	{ .name = "resume",
		.arguments = "CONSUMER[:TOPIC[:PARTITION]]",
		.argument_min = 1,
		.argument_max = 1,
		.help = "end a pause or a drain, and all inside of it",
		.options = resume_options,
		.run = verb_resume },
	{ .name = "drain",
		.arguments = "CONSUMER",
		.argument_max = 1,
		.help = "finish what is in hand, commit, stay paused",
		.options = drain_options,
		.run = verb_drain },
	{ .name = "restart",
		.arguments = "CONSUMER[/WORKER]",
		.argument_min = 1,
		.argument_max = 1,
		.help = "replace workers, at most one away at a time",
		.options = restart_options,
		.run = verb_restart },
	{ .name = "drill",
		.arguments = "CONSUMER",
		.argument_min = 1,
		.argument_max = 1,
		.help = "drain the live service, resume it, and say how that went",
		.options = drill_options,
		.run = verb_drill },
	{ .name = "reload",
		.help = "apply what changed in the configuration file",
		.options = reload_options,
		.run = verb_reload },
	{ .name = "log-level",
		.arguments = "[LEVEL [MODULE]]",
		.argument_max = 2,
		.help = "what is logged; more or less of it, by module",
		.options = log_level_options,
		.run = verb_log_level },
	{ .name = "retry-now",
		.arguments = "CONSUMER[:TOPIC[:PARTITION]]",
		.argument_min = 1,
		.argument_max = 1,
		.help = "what is parked or held is tried at once",
		.options = owner_options,
		.run = verb_retry_now },
	{ .name = "skip",
		.arguments = "CONSUMER TOPIC:PARTITION:OFFSET",
		.argument_min = 2,
		.argument_max = 2,
		.help = "settle one record as skipped: it never takes effect",
		.options = skip_options,
		.run = verb_skip },
	{ .name = "offsets show",
		.is_reading = true,
		.arguments = "[CONSUMER]",
		.argument_max = 1,
		.help = "where the group and the logs stand",
		.run = verb_offsets_show },
	{ .name = "offsets set",
		.arguments = "CONSUMER TOPIC:PARTITION",
		.argument_min = 2,
		.argument_max = 2,
		.help = "read a paused partition from somewhere else",
		.options = offsets_options,
		.run = verb_offsets_set },
	{ .name = "migrate",
		.help = "bring the store's schema up to date (-c FILE)",
		.options = migrate_options,
		.run = verb_migrate },
	{ .name = "rebuild",
		.arguments = "CONSUMER",
		.argument_min = 1,
		.argument_max = 1,
		.help = "a projection anew from the log (-c FILE)",
		.options = rebuild_options,
		.run = verb_rebuild },
	{ .name = "completion",
		.arguments = "bash",
		.argument_min = 1,
		.argument_max = 1,
		.help = "what makes the shell complete all this",
		.run = verb_completion },
	{ .name = "doctor",
		.help = "would the configuration work here? (-c FILE)",
		.options = doctor_options,
		.run = verb_doctor },
	{ .name = "runbook",
		.arguments = "CONSUMER",
		.argument_min = 1,
		.argument_max = 1,
		.help = "what to know and do about it, as Markdown",
		.options = runbook_options,
		.run = verb_runbook },
	{ .name = "guarantees",
		.help = "what is promised, and what is not",
		.run = verb_guarantees },
	{ .name = "dedup check",
		.is_reading = true,
		.arguments = "ID",
		.argument_min = 1,
		.argument_max = 1,
		.help = "what the store knows of an event; status 1: nothing",
		.options = dedup_check_options,
		.run = verb_dedup_check },
	{ .name = "dedup forget",
		.arguments = "ID",
		.argument_min = 1,
		.argument_max = 1,
		.help = "make the store forget an event that ended",
		.options = dedup_forget_options,
		.run = verb_dedup_forget },
	{ .name = "dlq list",
		.is_reading = true,
		.arguments = "[CONSUMER]",
		.argument_max = 1,
		.help = "dead letters, and of what they died",
		.options = dlq_list_options,
		.run = verb_dlq_list },
	{ .name = "dlq show",
		.is_reading = true,
		.arguments = "[CONSUMER] TOPIC:PARTITION:OFFSET",
		.argument_min = 1,
		.argument_max = 2,
		.help = "one dead letter, whole; by where it lies or came from",
		.options = dlq_show_options,
		.run = verb_dlq_show },
	{ .name = "dlq export",
		.arguments = "[CONSUMER]",
		.argument_max = 1,
		.help = "dead letters as lines of JSON",
		.options = dlq_export_options,
		.run = verb_dlq_export },
	{ .name = "dlq import",
		.arguments = "[CONSUMER]",
		.argument_max = 1,
		.help = "exported dead letters back into a dead-letter topic",
		.options = dlq_import_options,
		.run = verb_dlq_import },
	{ .name = "dlq replay",
		.arguments = "[CONSUMER]",
		.argument_max = 1,
		.help = "dead letters back to where they came from",
		.options = dlq_replay_options,
		.run = verb_dlq_replay },
	{ .name = "dlq discard",
		.arguments = "[CONSUMER]",
		.argument_max = 1,
		.help = "settle dead letters that nobody will replay",
		.options = dlq_discard_options,
		.run = verb_dlq_discard },
	{ .name = "dlq audit",
		.is_reading = true,
		.arguments = "[CONSUMER]",
		.argument_max = 1,
		.help = "who replayed and discarded what, when and why",
		.options = dlq_audit_options,
		.run = verb_dlq_audit },
	{ 0 },
};

static int show_manual(void)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	manual_write(verbs, &out);
	fputs(buffer_str(&out), stdout);
	return CTL_OK;
}

static int show_version(void)
{
	printf("oncectl %s\nlibcurl %s\n", ONCED_VERSION, client_library_version());
	return CTL_OK;
}

static int run(int argc, char **argv)
{
	const char *socket_path = getenv("ONCED_SOCKET");
	struct ctl ctl = {
		.socket_path = socket_path ? socket_path : "/run/onced/control.sock",
		.config_path = "/etc/onced/onced.ini",
	};
	int status;

	private_core(false);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		return show_version();
	}
	if (argc == 2 && strcmp(argv[1], "--write-manual") == 0) {
		return show_manual(); /* for the build */
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
	return ctl.is_watching ? watch_run(&ctl) : ctl.verb->run(&ctl);
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	return output_flush() ? status : CTL_FAILED;
}
