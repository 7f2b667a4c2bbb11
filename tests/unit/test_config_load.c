/*
 * test_config_load - from files and the environment to a configuration
 */
#include <errno.h>
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
#include "core/verdict.h"

static int setup(void **state)
{
	struct config_case *test = calloc(1, sizeof(*test));

	config_case_begin(test);
	*state = test;
	return 0;
}

static int teardown(void **state)
{
	config_case_end(*state);
	free(*state);
	return 0;
}

/* The problems hold `words`, and the load failed. */
static void assert_problem(const struct config_case *test, const char *words)
{
	assert_null(test->config);
	if (!strstr(buffer_str(&test->errors.text), words)) {
		fail_msg("\"%s\" is not in\n%s", words, buffer_str(&test->errors.text));
	}
}

static void assert_no_problem(const struct config_case *test)
{
	assert_string_equal(buffer_str(&test->errors.text), "");
	assert_non_null(test->config);
}

static void fifteen_lines_are_a_configuration(void **state)
{
	const struct config *config = config_case_load_good(*state,
		"[onced]\nstore = postgresql:///shop\n[kafka]\nbootstrap.servers = "
		"127.0.0.1:9092\n[consumer orders]\ntopics = orders\ngroup.id = "
		"orders-service\nworkers = 2\nhandler = insert_order\ndlq.topic = "
		"orders.dlq\n[handler insert_order]\ntype = sql\nstatement = INSERT INTO orders "
		"(id)\n    VALUES (:payload.order_id)\n");
	const struct config_consumer *consumer = config_find_consumer(config, "orders");

	assert_string_equal(config->store, "postgresql:///shop");
	assert_string_equal(
		config_pairs_get(&config->kafka, "bootstrap.servers"), "127.0.0.1:9092");
	assert_int_equal(consumer->topics.count, 1);
	assert_string_equal(consumer->group_id, "orders-service");
	assert_int_equal(consumer->workers, 2);
	assert_string_equal(consumer->dlq_topic, "orders.dlq");
	assert_string_equal(consumer->handler->type, "sql");
	assert_string_equal(config_pairs_get(&consumer->handler->params, "statement"),
		"INSERT INTO orders (id)\nVALUES (:payload.order_id)");
}

static void what_nobody_wrote_has_its_documented_default(void **state)
{
	struct config_case *test = *state;
	const struct config *config;
	const struct config_consumer *consumer;

	config_case_load_with(test, "", "", "", "");
	assert_no_problem(test);
	config = test->config;
	consumer = &config->consumers[0];
	assert_null(config->store_user);
	assert_false(config->store_migrate);
	assert_int_equal(config->store_statement_timeout_us, 0);
	assert_int_equal(config->store_lock_timeout_us, 5000000);
	assert_string_equal(config->control_socket, "/run/onced/control.sock");
	assert_int_equal(config->drain_timeout_us, 25000000);
	assert_int_equal(config->log_format, LOG_FORMAT_AUTO);
	assert_int_equal(config->log_level, LOG_LEVEL_INFO);
	assert_int_equal(config->restart_intensity.count, 5);
	assert_string_equal(consumer->group_id, "orders");
	assert_string_equal(consumer->dedup_scope, "orders");
	assert_int_equal(consumer->workers, 1);
	assert_null(consumer->groups);
	assert_int_equal(consumer->lanes, 0);
	assert_int_equal(consumer->claim_lease_us, 10 * 1000000);
	assert_int_equal(consumer->batch_max, 500);
	assert_int_equal(consumer->in_flight_bytes, 32 << 20);
	assert_int_equal(consumer->prefetch_bytes, 256 << 20);
	assert_null(consumer->dlq_topic);
	assert_int_equal(consumer->dlq_breaker.count, 100);
	assert_int_equal(consumer->event_id.count, 4);
	assert_int_equal(consumer->event_id.items[0].kind, ID_SOURCE_BINARY);
	assert_int_equal(consumer->event_id.items[1].kind, ID_SOURCE_HEADER);
	assert_int_equal(consumer->event_id.items[2].kind, ID_SOURCE_JSON);
	assert_string_equal(consumer->event_id.items[2].name, "event_id");
	assert_int_equal(consumer->event_id.items[3].kind, ID_SOURCE_STRUCTURED);
	assert_int_equal(consumer->event_source.count, 2);
	assert_int_equal(consumer->event_source.items[0].kind, ID_SOURCE_CLOUDEVENTS);
	assert_int_equal(consumer->event_source.items[1].kind, ID_SOURCE_TOPIC);
	assert_int_equal(consumer->event_digest, EVENT_DIGEST_PAYLOAD);
	assert_int_equal(consumer->handler->timeout_us, 20000000);
	assert_ptr_equal(consumer->retry, &config->retries[0]);
	assert_int_equal(consumer->retry->attempts, 10);
	assert_int_equal(consumer->retry->deadline_us, 600000000);
}

static void partition_lists_say_how_many_workers(void **state)
{
	struct config_case *test = *state;
	const struct config_consumer *consumer;

	config_case_load_with(test, "", "", "partitions = 7, 4-5 | 0-3 | 9", "");
	assert_no_problem(test);
	consumer = &test->config->consumers[0];
	assert_int_equal(consumer->workers, 3);
	assert_int_equal(consumer->group_count, 3);
	assert_int_equal(consumer->groups[0].count, 3);
	assert_int_equal(consumer->groups[0].partitions[0], 4);
	assert_int_equal(consumer->groups[0].partitions[2], 7);
	assert_int_equal(consumer->groups[1].partitions[3], 3);
}

static void routes_and_retries_refer_to_their_sections(void **state)
{
	struct config_case *test = *state;
	const struct config_consumer *consumer;

	config_case_load_with(test, "", "", "retry = slow\nroute.order.created = other",
		"[handler other]\ntype = log\n[retry slow]\nattempts = 0\n[retry]\nattempts = 3");
	assert_no_problem(test);
	consumer = &test->config->consumers[0];
	assert_int_equal(consumer->retry->attempts, 0);
	assert_int_equal(consumer->route_count, 1);
	assert_string_equal(consumer->routes[0].event_type, "order.created");
	assert_string_equal(consumer->routes[0].handler->name, "other");
}

static void environment_variables_are_put_into_values(void **state)
{
	struct config_case *test = *state;

	test->environment[0] = (char *)"USER_NAME=app$x${USER_NAME}@";
	config_case_load_with(test, "store.user = a-${USER_NAME}-$$1-$2-$", "", "", "");
	assert_no_problem(test);
	assert_string_equal(test->config->store_user, "a-app$x${USER_NAME}@-$1-$2-$");
}

static void a_value_from_the_environment_names_no_file(void **state)
{
	struct config_case *test = *state;

	test->environment[0] = (char *)"X=@/etc/hostname";
	config_case_load_with(test, "store.password = ${X}", "", "", "");
	assert_no_problem(test);
	assert_string_equal(test->config->store_password, "@/etc/hostname");
}

static void a_secret_file_loses_one_newline_and_nothing_else(void **state)
{
	struct config_case *test = *state;
	char onced[256];

	config_case_write(test, "pw", " ${x} @a$$ \n\n");
	snprintf(onced, sizeof(onced), "store.password = @%s/pw", test->directory);
	config_case_load_with(test, onced, "", "", "");
	assert_problem(test, "must be a single line");

	config_case_write(test, "pw", " ${x} @a$$ \r\n");
	config_case_load_with(test, onced, "", "", "");
	assert_no_problem(test);
	assert_string_equal(test->config->store_password, " ${x} @a$$ ");
}

static void a_credential_is_found_in_its_directory(void **state)
{
	struct config_case *test = *state;
	char variable[128];

	config_case_write(test, "db-password", "s3cret\n");
	snprintf(variable, sizeof(variable), "CREDENTIALS_DIRECTORY=%s", test->directory);
	test->environment[0] = variable;
	config_case_load_with(test, "store.password = @cred:db-password", "", "", "");
	assert_no_problem(test);
	assert_string_equal(test->config->store_password, "s3cret");
}

static void two_at_signs_stand_for_one_at_the_start_only(void **state)
{
	struct config_case *test = *state;

	config_case_load_with(test, "store.user = @@app@@x", "", "", "");
	assert_no_problem(test);
	assert_string_equal(test->config->store_user, "@app@@x");
}

static void a_value_from_a_file_is_a_secret_whatever_its_key(void **state)
{
	struct config_case *test = *state;
	char kafka[256];
	const struct config_pairs *pairs;

	config_case_write(test, "id", "s3cret\n");
	snprintf(kafka, sizeof(kafka), "client.id = @%s/id\nsasl.password = x\nsasl.username = y",
		test->directory);
	config_case_load_with(test, "", kafka, "", "");
	assert_no_problem(test);
	pairs = &test->config->kafka;
	assert_false(pairs->items[0].is_secret);
	assert_true(pairs->items[1].is_secret);
	assert_true(pairs->items[2].is_secret);
	assert_false(pairs->items[3].is_secret);
}

static void a_bad_value_from_a_file_is_not_shown(void **state)
{
	struct config_case *test = *state;
	char consumer[256];

	config_case_write(test, "n", "s3cret\n");
	snprintf(consumer, sizeof(consumer), "lanes = @%s/n", test->directory);
	config_case_load_with(test, "", "", consumer, "");
	assert_problem(test, "lanes: must be a whole number");
	assert_null(strstr(buffer_str(&test->errors.text), "s3cret"));
}

static void drop_ins_are_read_in_order_after_the_file(void **state)
{
	struct config_case *test = *state;

	config_case_write(test, "conf.d/20-b.ini", "[consumer orders]\nlanes = 7\n");
	config_case_write(test, "conf.d/10-a.ini", "[onced]\nlog.level = debug\n");
	config_case_write(test, "conf.d/.hidden.ini", "nonsense\n");
	config_case_write(test, "conf.d/notes.txt", "nonsense\n");
	config_case_load_with(test, "", "", "", "");
	assert_no_problem(test);
	assert_int_equal(test->config->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(test->config->consumers[0].lanes, 7);
}

static void a_key_in_two_files_is_told_with_both_places(void **state)
{
	struct config_case *test = *state;

	config_case_write(test, "conf.d/a.ini", "\n[onced]\nstore = none:\n");
	config_case_load_with(test, "", "", "", "");
	assert_problem(test, "conf.d/a.ini:3: [onced] store: already set at ");
	assert_problem(test, "onced.ini:2\n");
}

static void the_environment_overrides_keys_of_files(void **state)
{
	struct config_case *test = *state;

	test->environment[0] = (char *)"ONCED__ONCED__LOG_LEVEL=debug";
	test->environment[1] = (char *)"ONCED__CONSUMER__ORDERS__BATCH_MAX=7";
	test->environment[2] = (char *)"ONCED__CONSUMER__ORDERS__IN_FLIGHT_MAX=8";
	test->environment[3] = (char *)"ONCED__KAFKA__BOOTSTRAP_SERVERS=b:1";
	test->environment[4] = (char *)"ONCED__KAFKA__SASL_PASSWORD=p$$w@${x}";
	test->environment[5] = (char *)"ONCED__KAFKA__PRODUCER__LINGER_MS=9";
	test->environment[6] = (char *)"ONCED__RETRY__ATTEMPTS=3";
	test->environment[7] = (char *)"ONCED__HANDLER__H__TIMEOUT=3s";
	test->environment[8] = (char *)"ONCED__KAFKA__LOG_LEVEL=3";
	test->environment[9] = (char *)"ONCEDX__Y=z";
	config_case_load_with(test, "log.level = info", "", "batch.max = 9", "");
	assert_no_problem(test);
	assert_int_equal(test->config->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(test->config->consumers[0].batch_max, 7);
	assert_int_equal(test->config->consumers[0].in_flight_max, 8);
	assert_string_equal(config_pairs_get(&test->config->kafka, "bootstrap.servers"), "b:1");
	assert_string_equal(config_pairs_get(&test->config->kafka, "sasl.password"), "p$$w@${x}");
	assert_string_equal(config_pairs_get(&test->config->kafka, "log_level"), "3");
	assert_string_equal(config_pairs_get(&test->config->kafka_producer, "linger.ms"), "9");
	assert_int_equal(test->config->retries[0].attempts, 3);
	assert_int_equal(test->config->handlers[0].timeout_us, 3000000);
}

static void the_environment_sets_keys_of_a_handler_type_and_routes(void **state)
{
	struct config_case *test = *state;

	test->environment[0] = (char *)"ONCED__HANDLER__S__ROWS=some";
	test->environment[1] = (char *)"ONCED__CONSUMER__ORDERS__ROUTE_A_B=h";
	config_case_load_with(
		test, "", "", "route.a-b = s", "[handler s]\ntype = sql\nstatement = SELECT 1");
	assert_no_problem(test);
	assert_string_equal(config_pairs_get(&test->config->handlers[1].params, "rows"), "some");
	assert_string_equal(test->config->consumers[0].routes[0].handler->name, "h");
}

static void an_override_of_nothing_is_told_with_the_nearest(void **state)
{
	struct config_case *test = *state;

	test->environment[0] = (char *)"ONCED__CONSUMER__ORDER__BATCH_MAX=7";
	test->environment[1] = (char *)"ONCED__NGINX__PORT=1";
	config_case_load_with(test, "", "", "", "");
	assert_problem(test,
		"environment: ONCED__CONSUMER__ORDER__BATCH_MAX sets no known key; did you mean "
		"ONCED__CONSUMER__ORDERS__BATCH_MAX?");
	assert_problem(test, "ONCED__NGINX__PORT sets no known key; it is ");
}

static void an_override_that_fits_two_names_is_refused(void **state)
{
	struct config_case *test = *state;

	test->environment[0] = (char *)"ONCED__HANDLER__A_B__TIMEOUT=1s";
	config_case_load_with(
		test, "", "", "", "[handler a-b]\ntype = log\n[handler a.b]\ntype = log");
	assert_problem(test, "could mean [handler a-b] timeout or [handler a.b] timeout");
}

static void an_override_passes_the_same_checks(void **state)
{
	struct config_case *test = *state;

	test->environment[0] = (char *)"ONCED__KAFKA__ENABLE_AUTO_COMMIT=true";
	test->environment[1] = (char *)"ONCED__CONSUMER__ORDERS__LANES=65";
	test->environment[2] = (char *)"ONCED__ONCED__STORE_USER=\xff";
	config_case_load_with(test, "", "", "", "");
	assert_problem(test, "environment: [kafka] enable.auto.commit: not allowed");
	assert_problem(test, "environment: [consumer orders] lanes = 65: must be");
	assert_problem(test, "its value is not valid UTF-8");
}

static void without_types_handlers_are_taken_as_they_are(void **state)
{
	struct config_case *test = *state;

	config_case_write(test, "onced.ini",
		"[onced]\nstore = none:\n[kafka]\nbootstrap.servers = a\n[consumer c]\ntopics = "
		"t\ndlq.topic = none\nhandler = h\n[handler h]\ntype = later\nanything = goes\n  "
		"timeout = 5\n");
	config_load(test->path, test->environment, NULL, &test->config, &test->errors);
	assert_no_problem(test);
	assert_string_equal(config_pairs_get(&test->config->handlers[0].params, "anything"),
		"goes\ntimeout = 5");
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
	struct config_case *test = *state;
	char path[160];

	snprintf(path, sizeof(path), "%s/none.ini", test->directory);
	assert_int_equal(config_load(path, NULL, NULL, &test->config, &test->errors), -ENOENT);
	assert_problem(test, "none.ini: cannot be opened: No such file");
	assert_int_equal(test->errors.count, 1);
	assert_true(config_load(test->directory, NULL, NULL, &test->config, &test->errors) < 0);
	assert_problem(test, "is not a regular file");
}

static void a_pipe_does_not_hold_up_the_start(void **state)
{
	struct config_case *test = *state;

	assert_int_equal(mkfifo(test->path, 0600), 0);
	assert_true(config_load(test->path, NULL, NULL, &test->config, &test->errors) < 0);
	assert_problem(test, "is not a regular file");
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	struct config_case *test = *state;

	config_case_write(test, "onced.ini", "");
	assert_int_equal(truncate(test->path, 16 * 1024 * 1024 + 1), 0);
	assert_int_equal(config_load(test->path, NULL, NULL, &test->config, &test->errors), -EFBIG);
	assert_problem(test, "is larger than 16 MiB");
}

static void a_sea_of_keys_and_problems_is_cut_short(void **state)
{
	struct config_case *test = *state;
	struct buffer text = BUFFER_INIT;

	buffer_append_str(&text, "[kafka]\n");
	for (unsigned i = 0; i < 12000; i++) {
		buffer_printf(&text, "a.%u = x\n", i);
	}
	for (unsigned i = 0; i < 1000; i++) {
		buffer_append_str(&text, "nonsense\n");
	}
	config_case_load(test, buffer_str(&text));
	buffer_fini(&text);
	assert_problem(test, "more than 10000 keys");
	assert_problem(test, "... and ");
	assert_true(test->errors.count > 1000);
	assert_true(test->errors.text.len < 64 * 1024);
}

static void a_damaged_sealed_configuration_is_refused(void **state)
{
	struct config_case *test = *state;
	_cleanup_close_ int fd = memfd_create("config", MFD_CLOEXEC);

	assert_int_equal(write(fd, "[onced]\nstore = x\n", 18), 18);
	assert_int_equal(config_load_fd(fd, &test->config, &test->errors), -EINVAL);
	assert_problem(test, "sealed configuration:2: [onced] store: must be");
	assert_int_equal(config_load_fd(-1, &test->config, &test->errors), -EBADF);
}

static void sqlstate_patterns_are_those_the_policy_knows(void **state)
{
	static const char *const patterns[] = { "23505", "23xxx", "57P0x", "2xxxx", "xxxxx", "2350",
		"235055", "23x5x", "23XXX", "23abc", "SQLITE_FULL", "SQLITE_", "SQLITE_1",
		"sqlite_full", "P0001", "2350_", "SQLITE_IOERR_READ", "503", "5xx", "5x3", "600",
		"xxx", "timeout", "time_out", "t", "x509", "timeout-", "-timeout" };

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct config_case *test = *state;
		char handler[64];
		bool is_taken;

		snprintf(handler, sizeof(handler), "retry.on = %s", patterns[i]);
		is_taken = config_case_load_with(test, "", "", "", handler) == 0;
		if (is_taken != verdict_pattern_is_valid(patterns[i])) {
			fail_msg("%s is %s here", patterns[i], is_taken ? "taken" : "refused");
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fifteen_lines_are_a_configuration),
		TEST(what_nobody_wrote_has_its_documented_default),
		TEST(partition_lists_say_how_many_workers),
		TEST(routes_and_retries_refer_to_their_sections),
		TEST(environment_variables_are_put_into_values),
		TEST(a_value_from_the_environment_names_no_file),
		TEST(a_secret_file_loses_one_newline_and_nothing_else),
		TEST(a_credential_is_found_in_its_directory),
		TEST(two_at_signs_stand_for_one_at_the_start_only),
		TEST(a_value_from_a_file_is_a_secret_whatever_its_key),
		TEST(a_bad_value_from_a_file_is_not_shown),
		TEST(drop_ins_are_read_in_order_after_the_file),
		TEST(a_key_in_two_files_is_told_with_both_places),
		TEST(the_environment_overrides_keys_of_files),
		TEST(the_environment_sets_keys_of_a_handler_type_and_routes),
		TEST(an_override_of_nothing_is_told_with_the_nearest),
		TEST(an_override_that_fits_two_names_is_refused),
		TEST(an_override_passes_the_same_checks),
		TEST(without_types_handlers_are_taken_as_they_are),
		TEST(a_file_that_cannot_be_read_is_told),
		TEST(a_pipe_does_not_hold_up_the_start),
		TEST(a_file_that_is_too_large_is_refused),
		TEST(a_sea_of_keys_and_problems_is_cut_short),
		TEST(a_damaged_sealed_configuration_is_refused),
		TEST(sqlstate_patterns_are_those_the_policy_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
