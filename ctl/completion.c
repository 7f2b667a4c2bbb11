/*
 * completion - `oncectl completion bash`: the shell completes verbs, options and consumers
 *
 * Runs in: oncectl, also while it is built. Words come from the table of verbs; names of consumers
 * are asked of the daemon when somebody presses the key, and are none where nobody answers.
 */
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "verbs.h"

static const char beginning[] =
	"# bash completion of oncectl, made by `oncectl completion bash`\n"
	"_oncectl_consumers() {\n"
	"\toncectl \"$@\" show consumers --json 2>/dev/null | grep -oE "
	"'\"name\":\"[A-Za-z0-9._-]+\",\"group_id\"' | cut -d'\"' -f4\n"
	"}\n"
	"\n"
	"_oncectl() {\n"
	"\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb= words= "
	"socket=() i\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tcase ${COMP_WORDS[i]} in\n"
	"\t\t--socket) socket=(--socket \"${COMP_WORDS[i + 1]}\") && ((i++)) ;;\n"
	"\t\t--config | -c) ((i++)) ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*) verb=\"${verb:+$verb }${COMP_WORDS[i]}\" ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tcase $before in\n"
	"\t--socket | --config | -c)\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
	"\t\treturn ;;\n"
	"\tesac\n"
	"\tcase $verb in\n";

static const char end[] =
	"\tesac\n"
	"\tcase $words in\n"
	"\t*CONSUMER*) [[ $word == -* ]] || words=\"$(_oncectl_consumers \"${socket[@]}\")\" ;;\n"
	"\tesac\n"
	"\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
	"}\n"
	"complete -F _oncectl oncectl\n";

static void print_options(const struct verb_option *options)
{
	for (; options && options->name; options++) {
		printf(" %s", options->name);
	}
}

/* First words at the beginning, second ones behind the first. */
static void print_words(const struct verb *verbs)
{
	const char *last = "";
	size_t last_len = 0;

	fputs("\t'') words='", stdout);
	for (const struct verb *verb = verbs; verb->name; verb++) {
		size_t len = strcspn(verb->name, " ");

		if (len != last_len || strncmp(verb->name, last, len) != 0) {
			printf("%s%.*s", verb == verbs ? "" : " ", (int)len, verb->name);
		}
		last = verb->name;
		last_len = len;
	}
	print_options(arguments_common_options());
	fputs("' ;;\n", stdout);
}

static void print_second_words(const struct verb *verbs)
{
	for (const struct verb *verb = verbs; verb->name; verb++) {
		size_t len = strcspn(verb->name, " ");
		bool is_first = verb == verbs || strncmp(verb[-1].name, verb->name, len + 1) != 0;

		if (verb->name[len] == '\0' || !is_first) {
			continue;
		}
		printf("\t'%.*s') words='%s", (int)len, verb->name, verb->name + len + 1);
		for (const struct verb *next = verb + 1;
			next->name && strncmp(next->name, verb->name, len + 1) == 0; next++) {
			printf(" %s", next->name + len + 1);
		}
		fputs("' ;;\n", stdout);
	}
}

static void print_verb(const struct verb *verb)
{
	bool takes_consumer = verb->arguments && strstr(verb->arguments, "CONSUMER");

	printf("\t'%s' | '%s '*) words='%s", verb->name, verb->name,
		takes_consumer ? "CONSUMER" : "");
	print_options(verb->options);
	if (verb->is_reading) {
		print_options(arguments_watch_options());
	}
	print_options(arguments_common_options());
	fputs("' ;;\n", stdout);
}

int verb_completion(const struct ctl *ctl)
{
	if (strcmp(ctl->arguments[0], "bash") != 0) {
		fprintf(stderr, "oncectl completion: there is one for bash, none for %s\n",
			ctl->arguments[0]);
		return CTL_USAGE;
	}
	fputs(beginning, stdout);
	print_words(ctl->verbs);
	print_second_words(ctl->verbs);
	for (const struct verb *verb = ctl->verbs; verb->name; verb++) {
		print_verb(verb);
	}
	fputs(end, stdout);
	return CTL_OK;
}
