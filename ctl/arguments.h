/*
 * arguments - a command line against the table of verbs
 *
 * A verb is one or two words, then its arguments; options stand anywhere after the words they
 * belong to, those of every verb also before it. Values are borrowed from argv.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "verbs.h"

/* Ends with name == NULL. */
struct verb_option {
	const char *name; /* "--reason" */
	const char *value; /* what the help calls its value; NULL: a flag */
	const char *help;
};

struct verb {
	const char *name; /* "status", "dlq list" */
	const char *arguments; /* what the help calls them: "CONSUMER [ID...]"; NULL: none */
	unsigned argument_min, argument_max; /* at most CTL_ARGUMENTS_MAX */
	const char *help;
	const struct verb_option *options; /* NULL: none of its own */
	bool is_reading; /* changes nothing: takes --watch */
	int (*run)(const struct ctl *ctl);
};

/*
 * Fills `ctl` from argv; `verbs` ends with name == NULL. 0; 1 when help was asked for (of
 * ctl->verb, or of all); -1 after a sentence on `complaints`.
 */
int arguments_parse(
	char *const *argv, const struct verb *verbs, struct ctl *ctl, FILE *complaints);

/* Options that every verb has, and that reading verbs have; each ends with name == NULL. */
const struct verb_option *arguments_common_options(void);
const struct verb_option *arguments_watch_options(void);

/* The help of one verb, or of all with NULL. */
void arguments_help(const struct verb *verbs, const struct verb *verb, FILE *out);
