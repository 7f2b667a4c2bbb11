/*
 * args - the command line of onced
 *
 * Runs in: every role, first of all.
 */
#include "args.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/scdoc.h"

static const char default_config_path[] = "/etc/onced/onced.ini";

enum { NO_ROLE = -1 };

static const struct option_row {
	const char *name, *short_name;
	int role; /* the option chooses it, or NO_ROLE */
	int only_with; /* the role it belongs to, NO_ROLE any */
	/* in struct args: a string with `value_name`, else a bool; 0 nothing (that is `role`) */
	size_t offset;
	const char *value_name, *help; /* help NULL: for onced's own use */
} rows[] = {
	{ "--config", "-c", NO_ROLE, NO_ROLE, offsetof(struct args, config_path), "FILE",
		"the configuration (default /etc/onced/onced.ini)" },
	{ "--check-config", NULL, ROLE_CHECK_CONFIG, NO_ROLE, 0, NULL,
		"check the configuration, without a network; exit 0 or 78" },
	{ "--load-plugins", NULL, NO_ROLE, ROLE_CHECK_CONFIG, offsetof(struct args, loads_plugins),
		NULL, "with --check-config: load plugins too, and let them check their keys" },
	{ "--dump-config", NULL, ROLE_DUMP_CONFIG, NO_ROLE, 0, NULL,
		"print the effective configuration, where each value comes from, secrets masked" },
	{ "--non-default", NULL, NO_ROLE, ROLE_DUMP_CONFIG, offsetof(struct args, non_default_only),
		NULL, "with --dump-config: only what was written" },
	{ "--write-sample", NULL, ROLE_WRITE_SAMPLE, NO_ROLE, 0, NULL,
		"print a configuration with every key, explained, at its default" },
	{ "test-handler", NULL, ROLE_TEST_HANDLER, NO_ROLE, 0, NULL,
		"run a handler over a file of events, without Kafka; the store keeps nothing of "
		"it" },
	{ "--handler", NULL, NO_ROLE, ROLE_TEST_HANDLER, offsetof(struct args, handler), "NAME",
		"with test-handler: which one, by its section" },
	{ "--events", NULL, NO_ROLE, ROLE_TEST_HANDLER, offsetof(struct args, events_path), "FILE",
		"with test-handler: the events, one JSON object a line" },
	{ "demo", NULL, ROLE_DEMO, NO_ROLE, 0, NULL,
		"show it at work on an embedded broker and SQLite; leaves nothing behind" },
	{ "--version", NULL, ROLE_VERSION, NO_ROLE, 0, NULL, "print versions, also of libraries" },
	{ "--help", "-h", ROLE_HELP, NO_ROLE, 0, NULL, "print this" },
	{ "--write-manual", NULL, ROLE_WRITE_MANUAL, NO_ROLE, offsetof(struct args, name), "PAGE",
		NULL },
	{ "--worker", NULL, ROLE_WORKER, NO_ROLE, offsetof(struct args, name), "NAME/SLOT", NULL },
	{ "--probe", NULL, ROLE_PROBE, NO_ROLE, offsetof(struct args, name), "NAME", NULL },
	{ "--migrate", NULL, ROLE_MIGRATE, NO_ROLE, offsetof(struct args, name), "NAME", NULL },
	{ "--embedded-broker", NULL, ROLE_EMBEDDED_BROKER, NO_ROLE, 0, NULL, NULL },
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

static const struct option_row *find_row(const char *arg, size_t len)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (strlen(rows[i].name) == len && strncmp(rows[i].name, arg, len) == 0) {
			return &rows[i];
		}
		if (rows[i].short_name && strcmp(rows[i].short_name, arg) == 0) {
			return &rows[i];
		}
	}
	return NULL;
}

/* The value is the rest after '=', or the next argument. */
static int take_value(const struct option_row *row, char *const *argv, int *index,
	const char *inline_value, struct args *args, struct err *err)
{
	const char *value = inline_value;

	if (!value && argv[*index + 1]) {
		value = argv[++*index];
	}
	if (!value || value[0] == '\0') {
		return err_set(err, -EINVAL, "%s needs a value: %s", row->name, row->value_name);
	}
	memcpy((char *)args + row->offset, &value, sizeof(value));
	return 0;
}

static int take_option(const struct option_row *row, char *const *argv, int *index,
	const char *inline_value, struct args *args, struct err *err)
{
	if (row->value_name) {
		int r = take_value(row, argv, index, inline_value, args, err);

		if (r < 0) {
			return r;
		}
	} else if (inline_value) {
		return err_set(err, -EINVAL, "%s takes no value", row->name);
	}
	if (row->role == NO_ROLE && !row->value_name) {
		memcpy((char *)args + row->offset, &(bool){ true }, sizeof(bool));
	}
	if (row->role == NO_ROLE) {
		return 0;
	}
	if (args->role != ROLE_SUPERVISOR) {
		return err_set(err, -EINVAL, "%s: one command at a time", row->name);
	}
	args->role = (enum role)row->role;
	return 0;
}

static const char *name_of(int role)
{
	const struct option_row *row = rows;

	while (row->role != role) {
		row++;
	}
	return row->name;
}

/* What was said goes together, and nothing is missing. `said`: a bit for each row. */
static int check_together(const struct args *args, uint32_t said, struct err *err)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct option_row *row = &rows[i];

		if ((said & (1u << i)) && row->only_with != NO_ROLE &&
			row->only_with != (int)args->role) {
			return err_set(err, -EINVAL, "%s belongs to %s", row->name,
				name_of(row->only_with));
		}
	}
	if (args->role == ROLE_TEST_HANDLER && (!args->handler || !args->events_path)) {
		return err_set(err, -EINVAL, "test-handler needs --handler NAME and --events FILE");
	}
	return 0;
}

_Static_assert(ROW_COUNT <= 32, "a bit for each row");

int args_parse(int argc, char *const *argv, struct args *ret, struct err *err)
{
	uint32_t said = 0;

	*ret = (struct args){ .role = ROLE_SUPERVISOR, .config_path = default_config_path };

	for (int i = 1; i < argc; i++) {
		const char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
		size_t len = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
		const struct option_row *row = find_row(argv[i], len);
		int r;

		if (!row) {
			return err_set(err, -EINVAL, "unknown argument: %s", argv[i]);
		}
		r = take_option(row, argv, &i, equals ? equals + 1 : NULL, ret, err);
		if (r < 0) {
			return r;
		}
		said |= 1u << (row - rows);
	}
	return check_together(ret, said, err);
}

void args_write_manual(struct buffer *out)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct option_row *row = &rows[i];

		if (!row->help) {
			continue;
		}
		buffer_printf(out, "%s*%s%s%s*%s%s\n\t", out->len > 0 ? "\n" : "",
			row->short_name ? row->short_name : "", row->short_name ? "*, *" : "",
			row->name, row->value_name ? " " : "",
			row->value_name ? row->value_name : "");
		scdoc_text(out, row->help);
		buffer_append_str(out, ".\n");
	}
}

void args_write_usage(struct buffer *out)
{
	buffer_append_str(out,
		"usage: onced [-c FILE]\n"
		"       onced COMMAND [-c FILE]\n\n"
		"A Kafka consumer daemon that applies each event once.\n\n");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct option_row *row = &rows[i];

		if (row->help) {
			buffer_printf(out, "  %s%s%s%s%s\n        %s\n",
				row->short_name ? row->short_name : "", row->short_name ? ", " : "",
				row->name, row->value_name ? " " : "",
				row->value_name ? row->value_name : "", row->help);
		}
	}
	buffer_append_str(out,
		"\nSIGTERM and SIGINT drain and stop, SIGUSR1 logs the status. "
		"See also oncectl(1).\n");
}
