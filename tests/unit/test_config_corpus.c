/*
 * test_config_corpus - files that must be refused, with every word of it, and files that must not
 *
 * bad/NAME.ini is refused with the text of bad/NAME.expect; good/NAME.ini is taken, and what a
 * worker gets of it is the same. Argument: the directory of both. With a second argument
 * "--write" the expectations are written instead, to be read before they are committed.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/schema.h"
#include "config/text.h"
#include "config_case.h"

static char *const no_environment[] = { NULL };

static int is_ini(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && strcmp(entry->d_name + len - 4, ".ini") == 0;
}

/* Call `check` with the path of each .ini file below `directory`; returns how many there are. */
static int each_file(const char *directory, void (*check)(const char *path))
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_ini, alphasort);

	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		check(path);
		free(entries[i]);
	}
	free(entries);
	return count;
}

static void expectation_of(const char *path, char *ret, size_t size)
{
	snprintf(ret, size, "%.*s.expect", (int)(strlen(path) - 4), path);
}

static void check_bad(const char *path)
{
	char expect_path[512];
	struct buffer expected = BUFFER_INIT;
	struct config_errors errors = CONFIG_ERRORS_INIT;
	struct config *config = NULL;
	int r = config_load(path, no_environment, config_case_types, &config, &errors);

	expectation_of(path, expect_path, sizeof(expect_path));
	if (text_read_path(expect_path, &expected, NULL) < 0) {
		fail_msg("%s is missing; the problems are\n%s", expect_path,
			buffer_str(&errors.text));
	}
	assert_string_equal(buffer_str(&errors.text), buffer_str(&expected));
	assert_true(r < 0);
	assert_null(config);
	assert_true(errors.count > 0);
	buffer_fini(&expected);
	config_errors_fini(&errors);
}

static void every_bad_file_is_refused_with_the_words_expected(void **state)
{
	assert_true(each_file("bad", check_bad) >= 50);
}

/* ---- what the expectations cover ---- */

static struct buffer expectations;

static void gather(const char *path)
{
	char expect_path[512];

	expectation_of(path, expect_path, sizeof(expect_path));
	assert_int_equal(text_read_path(expect_path, &expectations, NULL), 0);
}

static const char *section_word(enum section_kind kind)
{
	switch (kind) {
	case SECTION_ONCED:
		return "onced";
	case SECTION_CONSUMER:
		return "consumer";
	case SECTION_HANDLER:
		return "handler";
	case SECTION_RETRY:
		return "retry";
	default:
		return "kafka";
	}
}

/* "FILE:LINE: [section NAME] key" and a word about its value; that it is missing is none. */
static bool is_refusal_of(const char *line, size_t len, const struct schema_key *key)
{
	const char *word = section_word(key->section);
	size_t name_len = strlen(key->name), word_len = strlen(word);
	const char *open = memchr(line, '[', len);
	const char *close = open ? memchr(open, ']', len - (size_t)(open - line)) : NULL;
	const char *rest = close ? close + 2 : NULL;

	if (!rest || strncmp(open + 1, word, word_len) != 0 || !strchr("] ", open[1 + word_len]) ||
		rest + name_len >= line + len || strncmp(rest, key->name, name_len) != 0 ||
		!strchr(" :", rest[name_len])) {
		return false;
	}
	return strncmp(rest + name_len, " is missing", strlen(" is missing")) != 0;
}

static bool has_refusal(const struct schema_key *key)
{
	const char *line = buffer_str(&expectations);

	for (size_t len; *line; line += len + 1) {
		len = strcspn(line, "\n");
		if (is_refusal_of(line, len, key)) {
			return true;
		}
		if (line[len] == '\0') {
			break;
		}
	}
	return false;
}

static void every_key_has_a_value_that_is_refused(void **state)
{
	unsigned without = 0;

	expectations = BUFFER_INIT;
	each_file("bad", gather);
	for (size_t i = 0; i < schema_key_count; i++) {
		if (!has_refusal(&schema_keys[i])) {
			print_error("no file of bad/ has a bad value of [%s] %s\n",
				section_word(schema_keys[i].section), schema_keys[i].name);
			without++;
		}
	}
	buffer_fini(&expectations);
	assert_int_equal(without, 0);
}

static void compare_pairs(const struct config_pairs *a, const struct config_pairs *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		assert_string_equal(a->items[i].name, b->items[i].name);
		assert_string_equal(a->items[i].value, b->items[i].value);
		assert_int_equal(a->items[i].is_secret, b->items[i].is_secret);
	}
}

static void check_travel(const struct config *config, const struct config_consumer *consumer)
{
	struct config *there = config_case_travel(config, consumer->name);
	struct buffer before = BUFFER_INIT, after = BUFFER_INIT;

	assert_int_equal(there->consumer_count, 1);
	config_serialize(config, consumer, &before);
	config_serialize(there, &there->consumers[0], &after);
	assert_string_equal(buffer_str(&before), buffer_str(&after));
	compare_pairs(&config->kafka, &there->kafka);
	compare_pairs(&config->kafka_producer, &there->kafka_producer);
	if (consumer->handler) {
		assert_string_equal(consumer->handler->type, there->consumers[0].handler->type);
		compare_pairs(&consumer->handler->params, &there->consumers[0].handler->params);
	}
	assert_int_equal(consumer->retry->delay_us, there->consumers[0].retry->delay_us);
	buffer_fini(&before);
	buffer_fini(&after);
	config_free(there);
}

static void check_good(const char *path)
{
	struct config_errors errors = CONFIG_ERRORS_INIT;
	struct config *config = NULL;

	config_load(path, no_environment, config_case_types, &config, &errors);
	assert_string_equal(buffer_str(&errors.text), "");
	assert_non_null(config);
	for (size_t i = 0; i < config->consumer_count; i++) {
		check_travel(config, &config->consumers[i]);
	}
	config_free(config);
	config_errors_fini(&errors);
}

static void every_good_file_is_taken_and_reaches_a_worker_unchanged(void **state)
{
	assert_true(each_file("good", check_good) >= 8);
}

static void every_example_is_taken(void **state)
{
	assert_true(each_file("../../../conf/examples", check_good) >= 2);
}

/* A dump of a file without secrets, read as a file, dumps to the same values. */
static void check_dump(const char *path)
{
	struct config_case test;
	struct config_errors errors = CONFIG_ERRORS_INIT;
	struct config *config = NULL, *in_use = NULL;
	struct buffer dump = BUFFER_INIT;

	config_case_begin(&test);
	config_load(path, no_environment, config_case_types, &config, &errors);
	config_dump(config, false, &dump);
	assert_int_equal(config_case_load(&test, buffer_str(&dump)), 0);
	assert_int_equal(config_load_dump(&dump, &in_use, &errors), 0);
	for (size_t i = 0; i < config->consumer_count; i++) {
		struct buffer before = BUFFER_INIT, after = BUFFER_INIT, asked = BUFFER_INIT;

		config_case_meaning(config, &config->consumers[i], &before);
		config_case_meaning(test.config, &test.config->consumers[i], &after);
		config_case_meaning(in_use, &in_use->consumers[i], &asked);
		assert_string_equal(buffer_str(&asked), buffer_str(&after));
		if (!strstr(buffer_str(&dump), "***")) {
			assert_string_equal(buffer_str(&before), buffer_str(&after));
		}
		buffer_fini(&before);
		buffer_fini(&after);
		buffer_fini(&asked);
	}
	buffer_fini(&dump);
	config_free(config);
	config_free(in_use);
	config_errors_fini(&errors);
	config_case_end(&test);
}

static void a_dump_can_be_read_again(void **state)
{
	each_file("good", check_dump);
}

static void write_expectation(const char *path)
{
	char expect_path[512];
	struct config_errors errors = CONFIG_ERRORS_INIT;
	struct config *config = NULL;
	FILE *file;

	config_load(path, no_environment, config_case_types, &config, &errors);
	expectation_of(path, expect_path, sizeof(expect_path));
	file = fopen(expect_path, "w");
	if (file) {
		fputs(buffer_str(&errors.text), file);
		fclose(file);
	}
	config_free(config);
	config_errors_fini(&errors);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bad_file_is_refused_with_the_words_expected),
		cmocka_unit_test(every_key_has_a_value_that_is_refused),
		cmocka_unit_test(every_good_file_is_taken_and_reaches_a_worker_unchanged),
		cmocka_unit_test(every_example_is_taken),
		cmocka_unit_test(a_dump_can_be_read_again),
	};

	if (argc < 2 || chdir(argv[1]) < 0) {
		fprintf(stderr, "usage: %s DIRECTORY [--write]\n", argv[0]);
		return 2;
	}
	if (argc > 2 && strcmp(argv[2], "--write") == 0) {
		each_file("bad", write_expectation);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
