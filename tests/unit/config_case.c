/*
 * config_case - configurations for tests: written to a directory of their own, loaded, compared
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_case.h"

static const struct config_param no_params[] = { { .name = NULL } };
static const struct config_param sql_params[] = {
	{ .name = "statement", .help = "What is run.", .is_required = true, .is_sql = true },
	{ .name = "missing", .help = "What is not there.", .default_value = "reject" },
	{ .name = "rows", .help = "How many.", .default_value = "any" },
	{ .name = NULL },
};

static const struct config_param http_params[] = {
	{ .name = "url", .help = "Where to.", .is_required = true },
	{ .name = "headers.*", .help = "A header of each request." },
	{ .name = NULL },
};
static const struct config_param forward_params[] = {
	{ .name = "topic", .help = "Where to.", .is_required = true },
	{ .name = "key", .help = "Which key." },
	{ .name = "headers.*", .help = "A header of each record." },
	{ .name = NULL },
};
static const struct config_param plugin_params[] = {
	{ .name = "path", .help = "The library.", .is_required = true },
	{ .name = NULL },
};

const struct config_handler_type config_case_types[] = {
	{ .name = "log", .help = "Writes a line.", .params = no_params },
	{ .name = "sql", .help = "Runs statements.", .params = sql_params },
	{ .name = "http", .help = "Sends requests.", .params = http_params },
	{ .name = "forward",
		.help = "Writes to a topic.",
		.params = forward_params,
		.target_key = "topic" },
	{ .name = "plugin", .help = "Yours.", .params = plugin_params, .takes_more = true },
	{ .name = NULL },
};

void config_case_begin(struct config_case *test)
{
	*test = (struct config_case){ .errors = CONFIG_ERRORS_INIT };
	snprintf(test->directory, sizeof(test->directory), "/tmp/onced-config-XXXXXX");
	assert_non_null(mkdtemp(test->directory));
	snprintf(test->path, sizeof(test->path), "%s/onced.ini", test->directory);
}

void config_case_end(struct config_case *test)
{
	char command[128];

	config_free(test->config);
	config_errors_fini(&test->errors);
	snprintf(command, sizeof(command), "rm -rf '%s'", test->directory);
	assert_int_equal(system(command), 0);
}

void config_case_write(struct config_case *test, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	if (strncmp(name, "conf.d/", 7) == 0) {
		snprintf(path, sizeof(path), "%s/conf.d", test->directory);
		mkdir(path, 0700);
	}
	snprintf(path, sizeof(path), "%s/%s", test->directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

int config_case_load(struct config_case *test, const char *text)
{
	config_free(test->config);
	test->config = NULL;
	config_errors_fini(&test->errors);
	config_case_write(test, "onced.ini", text);
	return config_load(
		test->path, test->environment, config_case_types, &test->config, &test->errors);
}

const struct config *config_case_load_good(struct config_case *test, const char *text)
{
	config_case_load(test, text);
	assert_string_equal(buffer_str(&test->errors.text), "");
	assert_non_null(test->config);
	return test->config;
}

int config_case_load_with(struct config_case *test, const char *onced, const char *kafka,
	const char *consumer, const char *rest)
{
	struct buffer text = BUFFER_INIT;
	int r;

	buffer_printf(&text, "[onced]\nstore = none:\n%s\n", onced);
	buffer_printf(&text, "[kafka]\nbootstrap.servers = 127.0.0.1:9092\n%s\n", kafka);
	buffer_printf(&text,
		"[consumer orders]\ntopics = orders\nhandler = h\ndlq.topic = none\n%s\n",
		consumer);
	buffer_printf(&text, "[handler h]\ntype = log\n%s\n", rest);
	r = config_case_load(test, buffer_str(&text));
	buffer_fini(&text);
	return r;
}

struct config *config_case_travel(const struct config *config, const char *consumer)
{
	_cleanup_close_ int fd = memfd_create("config", MFD_CLOEXEC);
	struct buffer text = BUFFER_INIT;
	struct config_errors errors = CONFIG_ERRORS_INIT;
	struct config *travelled = NULL;

	config_serialize(config, config_find_consumer(config, consumer), &text);
	assert_int_equal(write(fd, text.data, text.len), text.len);
	buffer_fini(&text);
	config_load_fd(fd, &travelled, &errors);
	assert_string_equal(buffer_str(&errors.text), "");
	config_errors_fini(&errors);
	return travelled;
}

void config_case_meaning(
	const struct config *config, const struct config_consumer *consumer, struct buffer *out)
{
	struct buffer text = BUFFER_INIT;

	config_serialize(config, consumer, &text);
	for (const char *line = buffer_str(&text); *line;) {
		size_t len = strcspn(line, "\n") + 1;

		if (strncmp(line, "#@ ", 3) != 0) {
			buffer_append(out, line, len);
		}
		line += len;
	}
	buffer_fini(&text);
}
