/*
 * test_config_write - a configuration as text again: dumped, sent to a worker, sampled
 *
 * Argument: the directory conf, whose onced.ini is compared with the table.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/schema.h"
#include "config/text.h"
#include "config_case.h"
#include "handler_types.h"

static const char *sample_directory;

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

/* ---- dump ---- */

static const char *dump(struct config_case *test, bool is_sparse, struct buffer *out)
{
	config_dump(test->config, is_sparse, out);
	return buffer_str(out);
}

static void a_dump_names_where_each_key_comes_from(void **state)
{
	struct config_case *test = *state;
	struct buffer out = BUFFER_INIT;

	test->environment[0] = (char *)"ONCED__CONSUMER__ORDERS__BATCH_MAX=7";
	config_case_load_with(test, "", "", "lanes = 3", "");
	dump(test, false, &out);
	assert_non_null(strstr(out.data, "onced.ini:11\nlanes = 3\n"));
	assert_non_null(strstr(
		out.data, "# environment ONCED__CONSUMER__ORDERS__BATCH_MAX\nbatch.max = 7\n"));
	assert_non_null(strstr(out.data, "# default\ncommit.interval = 500ms\n"));
	assert_non_null(strstr(out.data, "[handler h]\n"));
	buffer_fini(&out);
}

static void a_dump_shows_members_of_a_family(void **state)
{
	struct config_case *test = *state;
	struct buffer out = BUFFER_INIT;

	config_case_load_with(test, "", "", "",
		"[handler w]\ntype = http\nurl = x\nheaders.b = 2\nheaders.a = 1");
	dump(test, true, &out);
	assert_non_null(strstr(out.data, "onced.ini:17\nheaders.b = 2\n"));
	assert_non_null(strstr(out.data, "onced.ini:18\nheaders.a = 1\n"));
	buffer_fini(&out);
}

static void a_sparse_dump_leaves_out_what_nobody_wrote(void **state)
{
	struct config_case *test = *state;
	struct buffer out = BUFFER_INIT;

	config_case_load_with(test, "", "", "partitions = 0 | 1", "");
	dump(test, true, &out);
	assert_null(strstr(out.data, "# default"));
	assert_null(strstr(out.data, "[retry]"));
	assert_non_null(strstr(out.data, "onced.ini:2\nstore = none:\n"));
	assert_non_null(strstr(out.data, "onced.ini:11\nworkers = 2\n"));
	buffer_fini(&out);
}

static void a_dump_shows_no_secret(void **state)
{
	static const char *const keys[] = { "sasl.password", "ssl.key.password", "ssl.key.pem",
		"ssl.keystore.password", "sasl.oauthbearer.client.secret",
		"sasl.oauthbearer.config", "sasl.oauthbearer.assertion.private.key.passphrase",
		"some.later.password" };
	struct config_case *test = *state;
	struct buffer kafka = BUFFER_INIT, out = BUFFER_INIT;
	char consumer[256];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		buffer_printf(&kafka, "%s = s3cret\n", keys[i]);
	}
	buffer_append_str(&kafka, "sasl.oauthbearer.token.endpoint.url = https://a:s3cret@b/\n");
	config_case_write(test, "scope", "s3cret\n");
	snprintf(consumer, sizeof(consumer), "dedup.scope = @%s/scope", test->directory);
	config_case_load_with(test, "store.password = s3cret", buffer_str(&kafka), consumer, "");
	assert_string_equal(buffer_str(&test->errors.text), "");
	dump(test, false, &out);
	assert_null(strstr(out.data, "s3cret"));
	assert_non_null(strstr(out.data, "store.password = ***\n"));
	buffer_fini(&kafka);
	buffer_fini(&out);
}

static void a_dump_shows_no_value_whose_name_says_that_it_is_a_secret(void **state)
{
	struct config_case *test = *state;
	struct buffer out = BUFFER_INIT;

	test->environment[0] = (char *)"TOKEN=s3cret";
	test->environment[1] = (char *)"ONCED__HANDLER__W__HEADERS_X_TOKEN=s3cret";
	config_case_load_with(test, "", "", "",
		"[handler w]\ntype = http\nurl = https://a:s3cret@b/?api_key=s3cret&n=1\n"
		"headers.Authorization = Bearer s3cret\nheaders.x-api-key = ${TOKEN}\n"
		"headers.cookie = a=s3cret\nheaders.x-token = overridden\n"
		"headers.DB_PASSWD = s3cret\nheaders.x-plain = shown");
	assert_string_equal(buffer_str(&test->errors.text), "");
	dump(test, false, &out);
	assert_null(strstr(out.data, "s3cret"));
	assert_non_null(strstr(out.data, "url = https://a:***@b/?api_key=***&n=1\n"));
	assert_non_null(strstr(out.data, "headers.x-plain = shown\n"));
	assert_non_null(strstr(out.data, "headers.x-token = ***\n"));
	buffer_fini(&out);
}

static void a_dump_shows_the_store_without_its_password(void **state)
{
	struct config_case *test = *state;
	struct buffer out = BUFFER_INIT;

	config_case_load_good(test,
		"[onced]\nstore = "
		"postgresql://app:s3cret@db/shop?sslpassword=s3cret\n[kafka]\nbootstrap.servers = "
		"a\n[consumer c]\ntopics = t\nhandler = h\ndlq.topic = none\n[handler h]\ntype = "
		"log\n");
	dump(test, false, &out);
	assert_non_null(strstr(out.data, "store = postgresql://app:***@db/shop?sslpassword=***\n"));
	assert_null(strstr(out.data, "s3cret"));
	buffer_fini(&out);
}

/* ---- secrets in memory ---- */

/* The program is linked so that every free() of it comes here first. */
void __wrap_free(void *pointer);
void __real_free(void *pointer);

static bool is_watching;
static unsigned secrets_freed;

void __wrap_free(void *pointer)
{
	if (is_watching && pointer && memmem(pointer, malloc_usable_size(pointer), "s3cret", 6)) {
		secrets_freed++;
	}
	__real_free(pointer);
}

static void no_secret_is_left_in_freed_memory(void **state)
{
	struct config_case *test = *state;
	struct buffer text = BUFFER_INIT, dump = BUFFER_INIT;

	test->environment[0] = (char *)"PW=s3cret-1";
	test->environment[1] = (char *)"ONCED__KAFKA__SSL_KEY_PASSWORD=s3cret-2";
	config_case_write(test, "pw", "s3cret-3\n");
	buffer_printf(&text,
		"[onced]\nstore = postgresql://app:s3cret-4@db/shop\nstore.password = "
		"${PW}\n[kafka]\nbootstrap.servers = a\nsasl.password = @%s/pw\nssl.key.pem = "
		"s3cret-5\n  s3cret-6\n[consumer c]\ntopics = t\nhandler = h\ndlq.topic = "
		"none\n[handler h]\ntype = log\n",
		test->directory);
	config_case_write(test, "onced.ini", buffer_str(&text));

	is_watching = true;
	config_load(test->path, test->environment, config_case_types, &test->config, &test->errors);
	assert_non_null(test->config);
	config_dump(test->config, false, &dump);
	config_free(TAKE(test->config));
	is_watching = false;
	assert_int_equal(secrets_freed, 0);

	/* the watch itself works */
	is_watching = true;
	buffer_fini(&text);
	is_watching = false;
	assert_int_equal(secrets_freed, 1);
	buffer_fini(&dump);
}

/* ---- to a worker ---- */

static uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* Text of everything that means something in a file, at random. */
static void write_wild_value(uint64_t *random, struct buffer *out)
{
	static const char *const pieces[] = { "\n", "\t", " ", "  ", "$", "$$", "${X}", "@", "@@",
		"#", ";", "=", "!", "[", "]", "\\", "\"", "'", "\r", "\r\n", "key = 1", "\xc3\xa9",
		"a", "\n#", "\n[onced]\n", "\n\n", "=!", "%s" };
	unsigned count = (unsigned)(next_random(random) % 12);

	buffer_clear(out);
	for (unsigned i = 0; i < count; i++) {
		buffer_append_str(
			out, pieces[next_random(random) % (sizeof(pieces) / sizeof(pieces[0]))]);
	}
}

/* Values come by files, which give them to the byte; the last newline is one too many. */
static void wild_values_reach_a_worker_byte_for_byte(void **state)
{
	struct config_case *test = *state;
	uint64_t random = 20260101;
	struct buffer value = BUFFER_INIT, file = BUFFER_INIT;
	char kafka[256], handler[256];

	snprintf(kafka, sizeof(kafka), "ssl.ca.pem = @%s/value", test->directory);
	snprintf(handler, sizeof(handler), "[handler s]\ntype = sql\nstatement = @%s/value",
		test->directory);
	for (unsigned i = 0; i < 300; i++) {
		struct config *there;

		write_wild_value(&random, &value);
		buffer_clear(&file);
		buffer_printf(&file, "%s\n", buffer_str(&value));
		config_case_write(test, "value", buffer_str(&file));
		config_case_load_with(test, "", kafka, "route.x = s", handler);
		assert_string_equal(buffer_str(&test->errors.text), "");
		/* a carriage return before the newline goes with it */
		if (value.len > 0 && value.data[value.len - 1] == '\r') {
			value.data[--value.len] = '\0';
		}
		there = config_case_travel(test->config, "orders");
		assert_string_equal(
			config_pairs_get(&there->kafka, "ssl.ca.pem"), buffer_str(&value));
		assert_string_equal(config_pairs_get(&there->consumers[0].routes[0].handler->params,
					    "statement"),
			buffer_str(&value));
		assert_true(there->kafka.items[1].is_secret);
		config_free(there);
	}
	buffer_fini(&value);
	buffer_fini(&file);
}

static void a_worker_gets_its_consumer_and_what_it_refers_to_only(void **state)
{
	struct config_case *test = *state;
	struct config *there;

	config_case_load_with(test, "store.password = pw", "", "retry = slow\nroute.x = used",
		"[handler used]\ntype = log\n[handler unused]\ntype = log\n[retry slow]\nattempts "
		"= 0\n[consumer other]\ntopics = o\nhandler = h\ndlq.topic = none\n");
	assert_string_equal(buffer_str(&test->errors.text), "");
	there = config_case_travel(test->config, "orders");
	assert_string_equal(there->store_password, "pw");
	assert_int_equal(there->consumer_count, 1);
	assert_int_equal(there->handler_count, 2);
	assert_string_equal(there->consumers[0].retry->name, "slow");
	assert_string_equal(there->consumers[0].routes[0].handler->name, "used");
	config_free(there);
}

/* ---- sample ---- */

static void the_sample_file_is_what_the_table_says(void **state)
{
	struct buffer expected = BUFFER_INIT, found = BUFFER_INIT;
	char path[512];

	config_write_sample(handler_types(), &expected);
	snprintf(path, sizeof(path), "%s/onced.ini", sample_directory);
	assert_int_equal(text_read_path(path, &found, NULL), 0);
	assert_int_equal(found.len, expected.len);
	assert_memory_equal(found.data, expected.data, expected.len);
	buffer_fini(&expected);
	buffer_fini(&found);
}

/* Take the # from keys and sections, and fill what must have a value: the first of each name. */
static void uncomment(const char *sample, struct buffer *out)
{
	static const struct {
		const char *line, *instead;
	} fills[] = {
		{ "#store =", "store = none:" },
		{ "#bootstrap.servers =", "bootstrap.servers = a" },
		{ "#topics =", "topics = orders" },
		{ "#handler =", "handler = NAME" },
		{ "#dlq.topic =", "dlq.topic = none" },
		{ "#type =", "type = log" },
	};

	bool is_filled[sizeof(fills) / sizeof(fills[0])] = { false };

	while (*sample) {
		size_t len = strcspn(sample, "\n");
		bool is_key = sample[0] == '#' && len > 1 && sample[1] != ' ';
		bool has_value = sample[len - (len > 0)] != '=';

		for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
			if (!is_filled[i] && len == strlen(fills[i].line) &&
				strncmp(sample, fills[i].line, len) == 0) {
				buffer_printf(out, "%s\n", fills[i].instead);
				is_filled[i] = true;
			}
		}
		if (!is_key || has_value) {
			buffer_append(out, sample + is_key, len - is_key);
			buffer_append_char(out, '\n');
		}
		sample += len + (sample[len] == '\n');
	}
}

static void the_sample_names_a_member_of_each_family(void **state)
{
	struct buffer sample = BUFFER_INIT;

	config_write_sample(config_case_types, &sample);
	assert_non_null(strstr(sample.data, "# A header of each request.\n#headers.NAME =\n"));
	buffer_fini(&sample);
}

static void the_sample_with_its_comments_taken_off_is_the_default(void **state)
{
	struct config_case *test = *state;
	struct buffer sample = BUFFER_INIT, text = BUFFER_INIT, full = BUFFER_INIT,
		      bare = BUFFER_INIT;

	config_write_sample(NULL, &sample);
	uncomment(buffer_str(&sample), &text);
	config_case_load_good(test, buffer_str(&text));
	config_case_meaning(test->config, &test->config->consumers[0], &full);
	config_case_load_good(test,
		"[onced]\nstore = none:\n[kafka]\nbootstrap.servers = a\n[consumer NAME]\ntopics = "
		"orders\nhandler = NAME\ndlq.topic = none\n[handler NAME]\ntype = log\n");
	config_case_meaning(test->config, &test->config->consumers[0], &bare);
	assert_string_equal(buffer_str(&full), buffer_str(&bare));
	buffer_fini(&sample);
	buffer_fini(&text);
	buffer_fini(&full);
	buffer_fini(&bare);
}

static void every_key_of_the_table_is_in_the_sample_with_help(void **state)
{
	struct buffer sample = BUFFER_INIT;

	config_write_sample(NULL, &sample);
	for (size_t i = 0; i < schema_key_count; i++) {
		char line[128];

		snprintf(line, sizeof(line), "\n#%s =", schema_keys[i].name);
		assert_non_null(strstr(buffer_str(&sample), line));
		assert_true(strlen(schema_keys[i].help) > 10);
	}
	buffer_fini(&sample);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_dump_names_where_each_key_comes_from),
		TEST(a_dump_shows_members_of_a_family),
		TEST(a_sparse_dump_leaves_out_what_nobody_wrote),
		TEST(a_dump_shows_no_secret),
		TEST(a_dump_shows_no_value_whose_name_says_that_it_is_a_secret),
		TEST(a_dump_shows_the_store_without_its_password),
		TEST(no_secret_is_left_in_freed_memory),
		TEST(wild_values_reach_a_worker_byte_for_byte),
		TEST(a_worker_gets_its_consumer_and_what_it_refers_to_only),
		TEST(the_sample_file_is_what_the_table_says),
		TEST(the_sample_names_a_member_of_each_family),
		TEST(the_sample_with_its_comments_taken_off_is_the_default),
		TEST(every_key_of_the_table_is_in_the_sample_with_help),
	};

	if (argc < 2) {
		fprintf(stderr, "usage: %s DIRECTORY [--write]\n", argv[0]);
		return 2;
	}
	sample_directory = argv[1];
	if (argc > 2 && strcmp(argv[2], "--write") == 0) {
		struct buffer sample = BUFFER_INIT;

		config_write_sample(handler_types(), &sample);
		fputs(buffer_str(&sample), stdout);
		buffer_fini(&sample);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
