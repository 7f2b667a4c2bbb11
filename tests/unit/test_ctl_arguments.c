/*
 * test_ctl_arguments - command lines of oncectl against a table of verbs
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arguments.h"
#include "base/cleanup.h"

static int run_nothing(const struct ctl *ctl)
{
	return ctl->is_json ? CTL_OK : CTL_FAILED;
}

static const struct verb_option pause_options[] = {
	{ "--reason", "TEXT", "why" },
	{ "--wait", NULL, "until it is done" },
	{ 0 },
};

static const struct verb verbs[] = {
	{ .name = "status", .help = "state", .is_reading = true, .run = run_nothing },
	{ .name = "pause",
		.arguments = "CONSUMER [WHAT]",
		.argument_min = 1,
		.argument_max = 2,
		.help = "stop giving out",
		.options = pause_options,
		.run = run_nothing },
	{ .name = "dlq list", .help = "dead letters", .run = run_nothing },
	{ .name = "dlq show",
		.arguments = "POSITION",
		.argument_min = 1,
		.argument_max = 1,
		.help = "one dead letter",
		.run = run_nothing },
	{ 0 },
};

/* A command line, blanks between its words; what was complained about is in `said`. */
struct line {
	char text[256], said[256];
	char *argv[16];
	struct ctl ctl;
};

static int parse(struct line *line, const char *text)
{
	FILE *complaints;
	int count = 0;
	int result;

	*line = (struct line){ .ctl = { .socket_path = "socket", .config_path = "config" } };
	snprintf(line->text, sizeof(line->text), "%s", text);
	for (char *word = strtok(line->text, " "); word; word = strtok(NULL, " ")) {
		line->argv[count++] = word;
	}
	complaints = fmemopen(line->said, sizeof(line->said), "w");
	assert_non_null(complaints);
	result = arguments_parse(line->argv, verbs, &line->ctl, complaints);
	fclose(complaints);
	return result;
}

static void options_stand_before_and_after_the_verb(void **state)
{
	struct line line;

	assert_int_equal(parse(&line, "oncectl --socket /s status --json -c /c"), 0);
	assert_string_equal(line.ctl.verb->name, "status");
	assert_string_equal(line.ctl.socket_path, "/s");
	assert_string_equal(line.ctl.config_path, "/c");
	assert_true(line.ctl.is_json);
}

static void a_verb_has_arguments_and_options_of_its_own(void **state)
{
	struct line line;

	assert_int_equal(parse(&line, "oncectl pause orders --reason deploy t --wait"), 0);
	assert_int_equal(line.ctl.argument_count, 2);
	assert_string_equal(line.ctl.arguments[0], "orders");
	assert_string_equal(line.ctl.arguments[1], "t");
	assert_string_equal(ctl_option(&line.ctl, "--reason"), "deploy");
	assert_string_equal(ctl_option(&line.ctl, "--wait"), "");
	assert_int_equal(parse(&line, "oncectl pause orders"), 0);
	assert_null(ctl_option(&line.ctl, "--reason"));
	assert_null(ctl_option(&line.ctl, "--wait"));
}

static void two_words_name_a_verb(void **state)
{
	struct line line;

	assert_int_equal(parse(&line, "oncectl dlq list"), 0);
	assert_string_equal(line.ctl.verb->name, "dlq list");
	assert_int_equal(parse(&line, "oncectl dlq show -- -1"), 0);
	assert_string_equal(line.ctl.verb->name, "dlq show");
	assert_string_equal(line.ctl.arguments[0], "-1");
}

static void only_what_reads_is_watched(void **state)
{
	struct line line;

	assert_int_equal(parse(&line, "oncectl status --interval 1s --watch --times 3"), 0);
	assert_true(line.ctl.is_watching);
	assert_string_equal(line.ctl.watch_interval, "1s");
	assert_string_equal(line.ctl.watch_times, "3");
	assert_int_equal(parse(&line, "oncectl status"), 0);
	assert_false(line.ctl.is_watching);
	assert_int_equal(parse(&line, "oncectl status --times 3"), -1);
	assert_non_null(strstr(line.said, "belong to --watch"));
	assert_int_equal(parse(&line, "oncectl pause orders --watch"), -1);
	assert_non_null(strstr(line.said, "unknown option: --watch"));
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "oncectl", "A verb is missing" },
		{ "oncectl --json", "A verb is missing" },
		{ "oncectl frobnicate", "unknown verb: frobnicate\n" },
		{ "oncectl dlq", "unknown verb: dlq\n" },
		{ "oncectl dlq lisp", "unknown verb: dlq lisp\n" },
		{ "oncectl statu", "unknown verb: statu\n" },
		{ "oncectl status now", "status: unexpected argument: now" },
		{ "oncectl pause", "pause: needs CONSUMER" },
		{ "oncectl pause a b c", "pause: unexpected argument: c" },
		{ "oncectl status --reason x", "unknown option: --reason" },
		{ "oncectl --reason x pause a", "unknown option: --reason" },
		{ "oncectl pause a --reason", "--reason needs a value (TEXT)" },
		{ "oncectl status --socket", "--socket needs a value (PATH)" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct line line;

		assert_int_equal(parse(&line, cases[i].text), -1);
		if (!strstr(line.said, cases[i].said)) {
			fail_msg("%s: said %s", cases[i].text, line.said);
		}
	}
}

static void help_is_of_the_verb_or_of_all(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct line line;

	assert_int_equal(parse(&line, "oncectl --help"), 1);
	assert_null(line.ctl.verb);
	arguments_help(verbs, NULL, out);
	assert_int_equal(parse(&line, "oncectl pause -h"), 1);
	arguments_help(verbs, line.ctl.verb, out);
	fclose(out);
	assert_non_null(strstr(text, "dlq list           dead letters\n"));
	assert_non_null(strstr(text, "usage: oncectl pause CONSUMER [WHAT] [option...]\n"));
	assert_non_null(strstr(text, "  --reason TEXT          why\n"));
	assert_non_null(strstr(text, "\n                         else /run/onced/control.sock"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_before_and_after_the_verb),
		cmocka_unit_test(a_verb_has_arguments_and_options_of_its_own),
		cmocka_unit_test(two_words_name_a_verb),
		cmocka_unit_test(only_what_reads_is_watched),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(help_is_of_the_verb_or_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
