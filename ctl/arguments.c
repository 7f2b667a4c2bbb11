/*
 * arguments - a command line against the table of verbs
 *
 * Runs in: oncectl. Help comes from the same tables.
 */
#include "arguments.h"

#include <assert.h>
#include <string.h>

static const struct verb_option common_options[] = {
	{ "--socket", "PATH",
		"the daemon's control socket (default $ONCED_SOCKET,\n"
		"else /run/onced/control.sock)" },
	{ "--config", "FILE", "the configuration (default /etc/onced/onced.ini); also -c" },
	{ "--json", NULL, "JSON instead of tables" },
	{ "--help", NULL, "this text; after a verb, the verb's; also -h" },
	{ "--version", NULL, "versions of the program and its libraries" },
	{ 0 },
};

/* Of verbs that only read. */
static const struct verb_option watch_options[] = {
	{ "--watch", NULL, "look again and again, until ^C" },
	{ "--interval", "TIME", "with --watch: so often (default 2s)" },
	{ "--times", "N", "with --watch: then end, after so many" },
	{ 0 },
};

const struct verb_option *arguments_common_options(void)
{
	return common_options;
}

const struct verb_option *arguments_watch_options(void)
{
	return watch_options;
}

static size_t word_count(const char *name)
{
	return strchr(name, ' ') ? 2 : 1;
}

/* Is `verb` named by these words? `second` may be NULL. */
static bool is_named(const struct verb *verb, const char *first, const char *second)
{
	size_t length = strcspn(verb->name, " ");

	if (strncmp(verb->name, first, length) != 0 || first[length] != '\0') {
		return false;
	}
	return verb->name[length] == '\0' ||
		(second && strcmp(verb->name + length + 1, second) == 0);
}

static const struct verb *find_verb(const struct verb *verbs, char *const *argv)
{
	for (; verbs->name; verbs++) {
		if (is_named(verbs, argv[0], argv[1])) {
			return verbs;
		}
	}
	return NULL;
}

/* Index of the option called so, -1 when there is none. */
static int find_option(const struct verb_option *options, const char *name)
{
	for (int i = 0; options && options[i].name; i++) {
		if (strcmp(options[i].name, name) == 0) {
			return i;
		}
	}
	return -1;
}

const char *ctl_option(const struct ctl *ctl, const char *name)
{
	int i = find_option(ctl->verb->options, name);

	assert(i >= 0 && i < CTL_OPTIONS_MAX);
	return ctl->values[i];
}

/* The place of an option's value, NULL for an option nobody knows. */
static const char **option_place(
	struct ctl *ctl, const char *name, const struct verb_option **ret_option)
{
	int i = find_option(common_options, name);

	if (i >= 0 && common_options[i].value) {
		*ret_option = &common_options[i];
		return strcmp(name, "--socket") == 0 ? &ctl->socket_path : &ctl->config_path;
	}
	i = ctl->verb ? find_option(ctl->verb->options, name) : -1;
	if (i < 0) {
		return NULL;
	}
	assert(i < CTL_OPTIONS_MAX);
	*ret_option = &ctl->verb->options[i];
	return &ctl->values[i];
}

/* The same of watch_options; a flag sets what it names. */
static const char **watch_place(
	struct ctl *ctl, const char *name, const struct verb_option **ret_option)
{
	static const char *ignored;
	int i = ctl->verb && ctl->verb->is_reading ? find_option(watch_options, name) : -1;

	if (i < 0) {
		return NULL;
	}
	*ret_option = &watch_options[i];
	if (!watch_options[i].value) {
		ctl->is_watching = true;
		return &ignored;
	}
	return strcmp(name, "--interval") == 0 ? &ctl->watch_interval : &ctl->watch_times;
}

/* How many words of argv the option took; -1 after a sentence. */
static int take_option(char *const *argv, struct ctl *ctl, FILE *complaints)
{
	const struct verb_option *option = NULL;
	const char *name = strcmp(argv[0], "-c") == 0 ? "--config" : argv[0];
	const char **place;

	if (strcmp(name, "--json") == 0) {
		ctl->is_json = true;
		return 1;
	}
	place = option_place(ctl, name, &option);
	place = place ? place : watch_place(ctl, name, &option);
	if (!place) {
		fprintf(complaints, "oncectl: unknown option: %s\n", argv[0]);
		return -1;
	}
	if (!option->value) {
		*place = "";
		return 1;
	}
	if (!argv[1]) {
		fprintf(complaints, "oncectl: %s needs a value (%s)\n", argv[0], option->value);
		return -1;
	}
	*place = argv[1];
	return 2;
}

/* The same for a word that is no option: the verb, or an argument of it. */
static int take_word(char *const *argv, const struct verb *verbs, struct ctl *ctl, FILE *complaints)
{
	if (!ctl->verb) {
		ctl->verb = find_verb(verbs, argv);
		if (!ctl->verb) {
			fprintf(complaints, "oncectl: unknown verb: %s%s%s\n", argv[0],
				argv[1] ? " " : "", argv[1] ? argv[1] : "");
			return -1;
		}
		return (int)word_count(ctl->verb->name);
	}
	if (ctl->argument_count == ctl->verb->argument_max) {
		fprintf(complaints, "oncectl %s: unexpected argument: %s\n", ctl->verb->name,
			argv[0]);
		return -1;
	}
	ctl->arguments[ctl->argument_count++] = argv[0];
	return 1;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int arguments_parse(char *const *argv, const struct verb *verbs, struct ctl *ctl, FILE *complaints)
{
	bool has_ended = false; /* a lone -- was seen: what follows are arguments */

	ctl->verbs = verbs;
	for (int i = 1; argv[i];) {
		int taken;

		if (!has_ended && is_help(argv[i])) {
			return 1;
		}
		if (!has_ended && strcmp(argv[i], "--") == 0) {
			has_ended = true;
			i++;
			continue;
		}
		taken = !has_ended && argv[i][0] == '-' && argv[i][1] != '\0'
			? take_option(&argv[i], ctl, complaints)
			: take_word(&argv[i], verbs, ctl, complaints);
		if (taken < 0) {
			return -1;
		}
		i += taken;
	}
	if (!ctl->verb) {
		fputs("oncectl: what to do? A verb is missing.\n", complaints);
		return -1;
	}
	if (ctl->argument_count < ctl->verb->argument_min) {
		fprintf(complaints, "oncectl %s: needs %s\n", ctl->verb->name,
			ctl->verb->arguments);
		return -1;
	}
	if (!ctl->is_watching && (ctl->watch_interval || ctl->watch_times)) {
		fprintf(complaints, "oncectl %s: --interval and --times belong to --watch\n",
			ctl->verb->name);
		return -1;
	}
	return 0;
}

static void help_options(const struct verb_option *options, FILE *out)
{
	for (; options->name; options++) {
		const char *line = options->help;
		char left[64];

		snprintf(left, sizeof(left), "%s %s", options->name,
			options->value ? options->value : "");
		for (const char *end; (end = strchr(line, '\n')); line = end + 1, left[0] = '\0') {
			fprintf(out, "  %-22s %.*s\n", left, (int)(end - line), line);
		}
		fprintf(out, "  %-22s %s\n", left, line);
	}
}

static void help_verb(const struct verb *verb, FILE *out)
{
	fprintf(out, "usage: oncectl %s%s%s [option...]\n\n%s\n\n", verb->name,
		verb->arguments ? " " : "", verb->arguments ? verb->arguments : "", verb->help);
	if (verb->options) {
		help_options(verb->options, out);
	}
	if (verb->is_reading) {
		help_options(watch_options, out);
	}
}

void arguments_help(const struct verb *verbs, const struct verb *verb, FILE *out)
{
	if (verb) {
		help_verb(verb, out);
	} else {
		fputs("usage: oncectl VERB [argument...] [option...]\n\n", out);
		for (; verbs->name; verbs++) {
			fprintf(out, "  %-18s %s\n", verbs->name, verbs->help);
		}
		fputs("\n`oncectl VERB --help` tells more of a verb. With every verb:\n\n", out);
	}
	help_options(common_options, out);
	fputs("\nexit status: 0 ok, 1 refused or failed, 2 usage, 3 not reachable, 4 --wait ran "
	      "out\n",
		out);
}
