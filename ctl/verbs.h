/*
 * verbs - what oncectl can do
 *
 * Every verb is one function; main.c has them in one table.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of oncectl. */
enum {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NOT_REACHABLE = 3,
	CTL_TIMED_OUT = 4, /* --wait ran out */
};

enum { CTL_ARGUMENTS_MAX = 64, CTL_OPTIONS_MAX = 32 };

struct verb;

/* What was said on the command line; read the rest by the functions below. */
struct ctl {
	const char *socket_path;
	const char *config_path;
	bool is_json;
	bool is_watching; /* --watch */
	const char *watch_interval, *watch_times; /* NULL: not given */
	const struct verb *verbs; /* all there are */

	const struct verb *verb;
	const char *arguments[CTL_ARGUMENTS_MAX];
	size_t argument_count;
	const char *values[CTL_OPTIONS_MAX]; /* of the verb's options, in their order */
};

/*
 * The value of an option of this verb, "" of a flag, NULL when it was not given. A name that its
 * table does not have is a bug and aborts.
 */
const char *ctl_option(const struct ctl *ctl, const char *name);

int verb_status(const struct ctl *ctl); /* status.c */
int verb_probe(const struct ctl *ctl); /* probe.c */
/* act.c */
int verb_pause(const struct ctl *ctl);
int verb_resume(const struct ctl *ctl);
int verb_drain(const struct ctl *ctl);
int verb_restart(const struct ctl *ctl);
int verb_top(const struct ctl *ctl); /* top.c */
int verb_drill(const struct ctl *ctl); /* drill.c */
int verb_retry_now(const struct ctl *ctl);
int verb_skip(const struct ctl *ctl);
/* show.c */
int verb_show_consumers(const struct ctl *ctl);
int verb_show_workers(const struct ctl *ctl);
int verb_show_partitions(const struct ctl *ctl);
/* verdicts.c */
int verb_show_verdicts(const struct ctl *ctl);
int verb_show_config(const struct ctl *ctl);
int verb_offsets_show(const struct ctl *ctl);
int verb_offsets_set(const struct ctl *ctl); /* offsets.c */
int verb_log_level(const struct ctl *ctl); /* log_level.c */
int verb_reload(const struct ctl *ctl); /* reload.c */
int show_config_changes(const struct ctl *ctl); /* of show config --diff */
int verb_migrate(const struct ctl *ctl); /* migrate.c */
int verb_dedup_check(const struct ctl *ctl); /* dedup.c */
int verb_dedup_forget(const struct ctl *ctl);
int verb_completion(const struct ctl *ctl); /* completion.c */
int verb_doctor(const struct ctl *ctl); /* doctor.c */
int verb_runbook(const struct ctl *ctl); /* runbook.c */
int verb_guarantees(const struct ctl *ctl); /* guarantees.c */
