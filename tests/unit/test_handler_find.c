/*
 * test_handler_find - how the code of a handler is found, and which plugins are refused
 *
 * Argument: the directory of the plugins of tests/support/plugins. They are copied to where only
 * this test can write.
 */
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_host.h"
#include "handler_find.h"
#include "handler_types.h"
#include "handlers/builtins.h"

static char directory[64];
static const char *plugins;

/* A copy of a plugin; borrowed until the next call. */
static const char *installed(const char *name)
{
	static char path[128];
	char command[512];

	snprintf(path, sizeof(path), "%s/%s.so", directory, name);
	/* a new file each time: the one before is mapped */
	snprintf(command, sizeof(command), "install -m 0644 '%s/%s.so' '%s'", plugins, name, path);
	assert_int_equal(system(command), 0);
	return path;
}

struct section {
	struct config_pair pairs[4];
	struct config_handler config;
};

static void section_init(struct section *section, const char *path)
{
	*section = (struct section){
		.pairs = { { (char *)"path", (char *)path, false, "onced.ini:7" },
			{ (char *)"depth", (char *)"3", false, "onced.ini:8" } },
		.config = { .name = (char *)"h", .type = (char *)HANDLER_TYPE_PLUGIN },
	};
	section->config.params = (struct config_pairs){ section->pairs, 2 };
}

static void assert_refused(const char *plugin, const char *words)
{
	struct onced_handler found;
	struct section section;
	struct err err = ERR_INIT;

	section_init(&section, installed(plugin));
	assert_int_equal(handler_find(&section.config, &found, &err), -EINVAL);
	if (!strstr(err.text, words) ||
		strncmp(err.text, "onced.ini:7: [handler h] path = /", 33)) {
		fail_msg("\"%s\" is not in \"%s\"", words, err.text);
	}
}

static void a_built_in_needs_no_library(void **state)
{
	const struct config_handler log = { .name = (char *)"h", .type = (char *)"log" };
	const struct config_handler none = { .name = (char *)"h", .type = (char *)"lgo" };
	struct onced_handler found;
	struct err err = ERR_INIT;

	assert_int_equal(handler_find(&log, &found, &err), 0);
	assert_ptr_equal(found.handle, log_handler.handle);
	assert_int_equal(handler_find(&none, &found, &err), -EINVAL);
	assert_string_equal(err.text, "[handler h] type = lgo: no such handler");
}

static void a_plugin_is_loaded_and_calls_the_host(void **state)
{
	static const struct onced_param params[] = { { "depth", "3" }, { NULL, NULL } };
	const struct fake_event event = { .topic = "orders", .offset = 42 };
	struct onced_handler found;
	struct section section;
	struct err err = ERR_INIT;
	struct fake_host host;
	struct onced_outcome outcome;

	section_init(&section, installed("flawed_none"));
	if (handler_find(&section.config, &found, &err) != 0) {
		fail_msg("%s", err.text);
	}
	assert_string_equal(found.name, "flawed");
	fake_host_init(&host, &found, params);
	assert_int_equal(fake_host_open(&host), 0);
	outcome = fake_host_handle(&host, &event);
	assert_int_equal(outcome.result, ONCED_SKIP);
	assert_string_equal(outcome.reason, "seen by a plugin at 42");
	fake_host_fini(&host);
}

static void an_older_plugin_of_the_interface_goes_on_working(void **state)
{
	struct onced_handler found;
	struct section section;
	struct err err = ERR_INIT;

	section_init(&section, installed("flawed_older"));
	if (handler_find(&section.config, &found, &err) != 0) {
		fail_msg("%s", err.text);
	}
	assert_non_null(found.handle);
	assert_null(found.handle_batch);
}

static void a_plugin_of_another_interface_is_refused(void **state)
{
	assert_refused("flawed_abi",
		"the plugin speaks version 2 of the handler interface, this onced version 1; "
		"build it with");
	assert_refused("flawed_newer", "the plugin was built for a newer onced");
	assert_refused("flawed_too_small", "fewer than any version's");
}

static void a_plugin_that_lacks_something_is_refused(void **state)
{
	assert_refused("flawed_no_handle", "the plugin's description lacks its handle()");
	assert_refused("flawed_effect", "the plugin's effect is 7, which is unknown");
	assert_refused("flawed_batch_elsewhere", "and needs a handle()");
	assert_refused("flawed_taken_key", "the plugin's table has a parameter timeout, which");
	assert_refused("flawed_no_export",
		"it is no plugin of onced: it has no onced_plugin_handler; put "
		"ONCED_EXPORT_HANDLER(...) into its source");
}

static void a_function_this_onced_lacks_is_told_at_load(void **state)
{
	assert_refused("flawed_no_function", "undefined symbol: onced_function_of_a_later_version");
}

/* Two plugins may use one name for different things; so may a plugin and a library of ours. */
static void a_plugins_names_are_seen_by_itself_alone(void **state)
{
	struct onced_handler found;
	struct section section;
	struct err err = ERR_INIT;

	section_init(&section, installed("flawed_none"));
	assert_int_equal(handler_find(&section.config, &found, &err), 0);
	assert_null(dlsym(RTLD_DEFAULT, "onced_plugin_handler"));
}

static void what_is_no_library_is_refused(void **state)
{
	struct onced_handler found;
	struct section section;
	struct err err = ERR_INIT;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/text.so", directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("#!/bin/sh\n", file);
	assert_int_equal(fclose(file), 0);
	section_init(&section, path);
	assert_int_equal(handler_find(&section.config, &found, &err), -EINVAL);
	assert_non_null(strstr(err.text, "text.so: file too short"));
	section_init(&section, "/none/x.so");
	assert_int_equal(handler_find(&section.config, &found, &err), -EINVAL);
	assert_string_equal(err.text,
		"onced.ini:7: [handler h] path = /none/x.so: /none: No such file or directory");
}

static void a_library_others_may_change_is_refused(void **state)
{
	struct onced_handler found;
	struct section section;
	struct err err = ERR_INIT;
	const char *path = installed("flawed_none");

	assert_int_equal(chmod(path, 0666), 0);
	section_init(&section, path);
	assert_int_equal(handler_find(&section.config, &found, &err), -EINVAL);
	assert_non_null(strstr(err.text, "flawed_none.so is writable by everybody"));
}

static void keys_are_checked_by_the_plugins_table(void **state)
{
	struct onced_handler found;
	struct section section;
	struct err err = ERR_INIT;

	section_init(&section, installed("flawed_none"));
	section.pairs[1].name = (char *)"dept";
	section.pairs[2] = (struct config_pair){ (char *)"words.any", (char *)"x", false, "o:9" };
	section.pairs[3] = (struct config_pair){ (char *)"timeuot", (char *)"x", false, "o:10" };
	section.config.params.count = 4;
	assert_int_equal(handler_find(&section.config, &found, &err), -EINVAL);
	assert_string_equal(err.text,
		"onced.ini:8: [handler h] dept: unknown key; did you mean depth?\n"
		"o:10: [handler h] timeuot: unknown key; did you mean timeout?\n"
		"onced.ini:7: [handler h] depth is missing; the plugin flawed needs it");
	section.pairs[1].name = (char *)"nothing-like-it";
	section.config.params.count = 2;
	assert_int_equal(handler_find(&section.config, &found, &err), -EINVAL);
	assert_non_null(strstr(
		err.text, "nothing-like-it: unknown key; the plugin flawed has none of that name"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_built_in_needs_no_library),
		cmocka_unit_test(a_plugin_is_loaded_and_calls_the_host),
		cmocka_unit_test(a_plugin_of_another_interface_is_refused),
		cmocka_unit_test(an_older_plugin_of_the_interface_goes_on_working),
		cmocka_unit_test(a_plugin_that_lacks_something_is_refused),
		cmocka_unit_test(a_function_this_onced_lacks_is_told_at_load),
		cmocka_unit_test(a_plugins_names_are_seen_by_itself_alone),
		cmocka_unit_test(what_is_no_library_is_refused),
		cmocka_unit_test(a_library_others_may_change_is_refused),
		cmocka_unit_test(keys_are_checked_by_the_plugins_table),
	};
	char command[128];
	int r;

	assert(argc == 2);
	plugins = argv[1];
	snprintf(directory, sizeof(directory), "/tmp/onced-plugins-XXXXXX");
	assert(mkdtemp(directory));
	r = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command) == 0 ? r : 1;
}
