/*
 * test_config_diff - what differs between two configurations, and what it takes to apply it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/diff.h"
#include "config/schema.h"
#include "config_case.h"

static struct config_case before, after;
static struct config_diff diff;

static int setup(void **state)
{
	config_case_begin(&before);
	config_case_begin(&after);
	return 0;
}

static int teardown(void **state)
{
	config_diff_fini(&diff);
	config_case_end(&before);
	config_case_end(&after);
	return 0;
}

/* Lines of each place: [onced], [kafka], [consumer orders], [handler h], [retry]. */
struct lines {
	const char *onced, *kafka, *consumer, *handler, *retry;
};

static const struct config *load(struct config_case *test, const struct lines *lines)
{
	char text[4096];

	snprintf(text, sizeof(text),
		"[onced]\n%s\n"
		"[kafka]\nbootstrap.servers = 127.0.0.1:9092\n%s\n"
		"[consumer orders]\nhandler = h\ndlq.topic = none\n%s\n"
		"[consumer other]\ntopics = o\nhandler = own\ndlq.topic = none\n"
		"store = sqlite:/tmp/other.db\nretry = own\n"
		"[handler h]\n%s\n[handler own]\ntype = log\n"
		"[retry]\n%s\n[retry own]\nattempts = 3\n",
		lines->onced ? lines->onced : "store = none:", lines->kafka ? lines->kafka : "",
		lines->consumer ? lines->consumer : "topics = t",
		lines->handler ? lines->handler : "type = log", lines->retry ? lines->retry : "");
	return config_case_load_good(test, text);
}

static const struct config_consumer *consumer(const struct config *config, const char *name)
{
	return config_find_consumer(config, name);
}

/* What the change from `was` to `is` means to the workers of a consumer. */
static enum config_rule rule_for(const struct lines *was, const struct lines *is, const char *name)
{
	const struct config *old = load(&before, was), *new = load(&after, is);

	config_diff_fini(&diff);
	config_diff(old, consumer(old, name), new, consumer(new, name), &diff);
	return config_diff_rule(&diff);
}

static const struct {
	struct lines was, is;
	enum config_rule orders, other;
} cases[] = {
	{ { 0 }, { 0 }, CONFIG_UNCHANGED, CONFIG_UNCHANGED },
	/* written another way, moved, at its default */
	{ { .retry = "delay = 1s" }, { .retry = "\n# moved\ndelay = 1000ms" }, CONFIG_UNCHANGED,
		CONFIG_UNCHANGED },
	{ { 0 }, { .consumer = "topics = t\nbatch.max = 500" }, CONFIG_UNCHANGED,
		CONFIG_UNCHANGED },
	/* [onced] */
	{ { 0 }, { .onced = "store = none:\nlog.level = debug" }, CONFIG_LIVE, CONFIG_LIVE },
	{ { 0 }, { .onced = "store = none:\ndrain.timeout = 40s" }, CONFIG_LIVE, CONFIG_LIVE },
	{ { 0 }, { .onced = "store = none:\nworker.max.records = 9" }, CONFIG_LIVE, CONFIG_LIVE },
	{ { 0 }, { .onced = "store = sqlite:/tmp/x.db" }, CONFIG_ROLLS, CONFIG_UNCHANGED },
	{ { 0 }, { .onced = "store = none:\nstore.password = p" }, CONFIG_ROLLS, CONFIG_ROLLS },
	{ { 0 }, { .onced = "store = none:\nstate.dir = /tmp/s" }, CONFIG_NEEDS_RESTART,
		CONFIG_NEEDS_RESTART },
	/* [kafka] */
	{ { 0 }, { .kafka = "fetch.min.bytes = 7" }, CONFIG_ROLLS, CONFIG_ROLLS },
	{ { .kafka = "fetch.min.bytes = 7" }, { 0 }, CONFIG_ROLLS, CONFIG_ROLLS },
	/* [consumer] */
	{ { 0 }, { .consumer = "topics = t, u" }, CONFIG_REPLACES, CONFIG_UNCHANGED },
	{ { 0 }, { .consumer = "topics = t\nworkers = 3" }, CONFIG_SLOTS, CONFIG_UNCHANGED },
	{ { .consumer = "topics = t\nrate = 10 in 1s" },
		{ .consumer = "topics = t\nrate = 10 in 1s\nworkers = 3" }, CONFIG_ROLLS,
		CONFIG_UNCHANGED },
	{ { 0 }, { .consumer = "topics = t\nroute.a = own" }, CONFIG_ROLLS, CONFIG_UNCHANGED },
	{ { 0 }, { .consumer = "topics = t\nretry = own" }, CONFIG_ROLLS, CONFIG_UNCHANGED },
	{ { 0 }, { .consumer = "topics = t\nquarantine.after = 3" }, CONFIG_LIVE,
		CONFIG_UNCHANGED },
	{ { 0 }, { .consumer = "topics = t\ngroup.id = g" }, CONFIG_REPLACES, CONFIG_UNCHANGED },
	{ { 0 }, { .consumer = "topics = t\ninstance.id = off" }, CONFIG_REPLACES,
		CONFIG_UNCHANGED },
	{ { .consumer = "topics = t\npartitions = 0-1 | 2-3" },
		{ .consumer = "topics = t\npartitions = 0 | 1-3" }, CONFIG_REPLACES,
		CONFIG_UNCHANGED },
	/* what it refers to */
	{ { .handler = "type = plugin\npath = /a.so" },
		{ .handler = "type = plugin\npath = /b.so" }, CONFIG_ROLLS, CONFIG_UNCHANGED },
	{ { 0 }, { .handler = "type = log\ntimeout = 7s" }, CONFIG_ROLLS, CONFIG_UNCHANGED },
	{ { 0 }, { .retry = "attempts = 7" }, CONFIG_ROLLS, CONFIG_UNCHANGED },
};

static void each_change_has_its_rule_for_each_consumer(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum config_rule orders = rule_for(&cases[i].was, &cases[i].is, "orders");
		enum config_rule other = rule_for(&cases[i].was, &cases[i].is, "other");

		if (orders != cases[i].orders || other != cases[i].other) {
			fail_msg("case %zu: %s and %s", i, config_rule_names[orders],
				config_rule_names[other]);
		}
	}
}

/* For each class of key: nothing, one value, another. [onced], [consumer orders]. */
static const struct {
	const char *what;
	enum config_rule rule;
	struct lines none, one, other;
} classes[] = {
	{ "live, of the daemon", CONFIG_LIVE, { 0 },
		{ .onced = "store = none:\nlog.level = debug" },
		{ .onced = "store = none:\nlog.level = error" } },
	{ "live, of a consumer", CONFIG_LIVE, { 0 },
		{ .consumer = "topics = t\nquarantine.after = 3" },
		{ .consumer = "topics = t\nquarantine.after = 4" } },
	{ "slots", CONFIG_SLOTS, { 0 }, { .consumer = "topics = t\nworkers = 3" },
		{ .consumer = "topics = t\nworkers = 2" } },
	{ "rolls, of a consumer", CONFIG_ROLLS, { 0 }, { .consumer = "topics = t\nbatch.max = 5" },
		{ .consumer = "topics = t\nbatch.max = 6" } },
	{ "rolls, of a handler", CONFIG_ROLLS, { 0 }, { .handler = "type = log\ntimeout = 5s" },
		{ .handler = "type = log\ntimeout = 6s" } },
	{ "rolls, of a policy", CONFIG_ROLLS, { 0 }, { .retry = "attempts = 5" },
		{ .retry = "attempts = 6" } },
	{ "rolls, without a row in the schema", CONFIG_ROLLS, { 0 },
		{ .kafka = "fetch.min.bytes = 7" }, { .kafka = "fetch.min.bytes = 8" } },
	{ "rolls, a route", CONFIG_ROLLS, { 0 }, { .consumer = "topics = t\nroute.a = own" },
		{ .consumer = "topics = t\nroute.a = h" } },
	{ "replaces", CONFIG_REPLACES, { 0 }, { .consumer = "topics = t\ngroup.id = g" },
		{ .consumer = "topics = t\ngroup.id = h" } },
	{ "needs a restart", CONFIG_NEEDS_RESTART, { 0 },
		{ .onced = "store = none:\nlog.format = json" },
		{ .onced = "store = none:\nlog.format = text" } },
};

static void each_class_is_the_same_for_added_changed_and_removed(void **state)
{
	bool is_seen[CONFIG_RULES] = { [CONFIG_UNCHANGED] = true };

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		enum config_rule added = rule_for(&classes[i].none, &classes[i].one, "orders");
		enum config_rule changed = rule_for(&classes[i].one, &classes[i].other, "orders");
		enum config_rule removed = rule_for(&classes[i].other, &classes[i].none, "orders");
		enum config_rule same = rule_for(&classes[i].one, &classes[i].one, "orders");

		if (added != classes[i].rule || changed != classes[i].rule ||
			removed != classes[i].rule || same != CONFIG_UNCHANGED) {
			fail_msg("%s: added %s, changed %s, removed %s, the same %s",
				classes[i].what, config_rule_names[added],
				config_rule_names[changed], config_rule_names[removed],
				config_rule_names[same]);
		}
		is_seen[classes[i].rule] = true;
	}
	for (int rule = 0; rule < CONFIG_RULES; rule++) {
		assert_true(is_seen[rule]);
	}
}

static void every_key_has_a_rule(void **state)
{
	for (size_t i = 0; i < schema_key_count; i++) {
		const struct schema_key *key = &schema_keys[i];

		if (key->rule == CONFIG_UNCHANGED) {
			fail_msg("%s has none: see enum config_rule", key->name);
		}
		/* config_keep() keeps keys of [onced]. */
		assert_true(key->rule != CONFIG_NEEDS_RESTART || key->section == SECTION_ONCED);
	}
}

static void a_change_tells_both_values_and_where_but_no_secret(void **state)
{
	const struct lines was = { .onced = "store = none:\nstore.password = first" };
	const struct lines is = { .onced = "store = none:\nstore.password = second" };
	const struct config *old = load(&before, &was), *new = load(&after, &is);

	config_diff(old, NULL, new, NULL, &diff);
	assert_int_equal(diff.count, 1);
	assert_string_equal(diff.items[0].section, "onced");
	assert_string_equal(diff.items[0].key, "store.password");
	assert_string_equal(diff.items[0].before, "***");
	assert_string_equal(diff.items[0].after, "***");
	assert_non_null(strstr(diff.items[0].origin, "onced.ini:3"));
}

static void sections_that_came_or_went_are_changes(void **state)
{
	const struct lines same = { 0 };
	const struct config *old = load(&before, &same);
	const struct config *new = config_case_load_good(&after,
		"[onced]\nstore = none:\n[kafka]\nbootstrap.servers = 127.0.0.1:9092\n"
		"[consumer orders]\ntopics = t\nhandler = h\ndlq.topic = none\n"
		"[handler h]\ntype = log\n");

	config_diff(old, NULL, new, NULL, &diff);
	assert_true(diff.count > 10);
	for (size_t i = 0; i < diff.count; i++) {
		assert_null(diff.items[i].after);
		assert_non_null(diff.items[i].before);
	}
	config_diff_fini(&diff);
	config_diff(new, NULL, old, NULL, &diff);
	assert_true(diff.count > 10);
	assert_null(diff.items[0].before);
}

static void what_needs_a_restart_is_kept_with_its_origin(void **state)
{
	const struct lines was = { .onced =
					   "store = none:\nstate.dir = /tmp/a\nlog.level = error" };
	const struct lines is = { .onced = "store = none:\ncontrol.socket = /tmp/b" };
	const struct config *old = load(&before, &was);
	struct buffer text = BUFFER_INIT;

	load(&after, &is);
	config_keep(old, after.config);
	assert_string_equal(after.config->state_dir, "/tmp/a");
	assert_string_equal(after.config->control_socket, "/run/onced/control.sock");
	assert_int_equal(after.config->log_level, LOG_LEVEL_INFO);
	config_dump(after.config, true, &text);
	assert_non_null(strstr(buffer_str(&text), "onced.ini:3\nstate.dir = /tmp/a\n"));
	assert_null(strstr(buffer_str(&text), "control.socket"));
	buffer_fini(&text);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_change_has_its_rule_for_each_consumer),
		TEST(each_class_is_the_same_for_added_changed_and_removed),
		TEST(every_key_has_a_rule),
		TEST(a_change_tells_both_values_and_where_but_no_secret),
		TEST(sections_that_came_or_went_are_changes),
		TEST(what_needs_a_restart_is_kept_with_its_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
