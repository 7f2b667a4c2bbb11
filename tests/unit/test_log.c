/*
 * test_log - lines that cannot be forged, and that never block
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/log_line.h"
#include "base/log_ring.h"

static const struct log_origin worker = { .process = "worker", .consumer = "orders", .slot = 0 };

/* As log_id.h has it. */
#define ID_(name, text) [LOG_ID_##name] = text,
static const char *const ids[] = { LOG_IDS(ID_) };
#define dead_letter_id ids[LOG_ID_DEAD_LETTER]

static const struct log_field end = { LOG_FIELD_END, NULL, { NULL } };

static const char *build(
	enum log_format format, const char *message, const struct log_field *fields)
{
	static struct log_line line;
	log_line_build(&line, format, LOG_LEVEL_INFO, 1767323045678, &worker, message, fields);
	assert_true(line.len > 0 && line.len <= LOG_LINE_MAX - 1);
	assert_int_equal(line.data[line.len - 1], '\n');
	assert_null(memchr(line.data, '\n', line.len - 1));
	line.data[line.len] = '\0';
	return line.data;
}

static void logfmt_quotes_only_what_needs_it(void **state)
{
	const struct log_field fields[] = { LOG_STR("topic", "orders.v1"), LOG_INT("offset", -7),
		LOG_SECONDS("took", 0.25), LOG_STR("absent", NULL), LOG_SECONDS("never", NAN),
		LOG_STR("why", "a b"), LOG_STR("empty", ""), end };
	assert_string_equal(build(LOG_FORMAT_LOGFMT, "commit refused", fields),
		"ts=2026-01-02T03:04:05.678Z level=info process=worker consumer=orders slot=0 "
		"msg=\"commit refused\" "
		"topic=orders.v1 offset=-7 took=0.250000 why=\"a b\" empty=\"\"\n");
}

static void text_is_for_people(void **state)
{
	const struct log_field fields[] = { LOG_INT("offset", 5), end };
	assert_string_equal(build(LOG_FORMAT_TEXT, "dead letter", fields),
		"2026-01-02T03:04:05.678Z info    worker orders/0: dead letter offset=5\n");
}

static void hostile_bytes_stay_inside_their_value(void **state)
{
	const struct slice hostile = SLICE_LITERAL("x\" level=error\nts=2026 \\ \x1b[31m\x00\xff");
	const struct log_field fields[] = { LOG_SLICE("id", hostile), end };
	assert_non_null(strstr(build(LOG_FORMAT_LOGFMT, "m", fields),
		"id=\"x\\\" level=error\\nts=2026 \\\\ \\x1b[31m\\x00\\xff\"\n"));
	assert_non_null(strstr(build(LOG_FORMAT_TEXT, "m\nforged", fields),
		"m\\nforged id=\"x\\\" level=error\\n"));
}

static void json_reads_back_as_what_was_given(void **state)
{
	const struct log_field fields[] = { LOG_SLICE("id", SLICE_LITERAL("a\"},{\n\x01\x7f\xe9")),
		LOG_STR("why", "gr\xc3\xbc\xc3\x9f \xff \xe2\x80\xae x"),
		LOG_INT("offset", INT64_MIN), end };
	json_t *root =
		json_loads(build(LOG_FORMAT_JSON, "m", fields), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	assert_string_equal(
		json_string_value(json_object_get(root, "id")), "a\"},{\n\x01\x7f\xc3\xa9");
	/*
	 * Valid text stays, a byte that is none becomes its Latin-1 letter, a direction override
	 * loses its power.
	 */
	assert_string_equal(json_string_value(json_object_get(root, "why")),
		"gr\xc3\xbc\xc3\x9f \xc3\xbf \xc3\xa2\xc2\x80\xc2\xae x");
	assert_true(json_integer_value(json_object_get(root, "offset")) == INT64_MIN);
	json_decref(root);
}

static void journal_has_a_field_for_each_and_the_whole_line_for_people(void **state)
{
	const struct log_field fields[] = { LOG_ID(DEAD_LETTER), LOG_STR("topic", "orders.v1"),
		LOG_INT("offset", 7), LOG_STR("absent", NULL), LOG_SECONDS("again_in", 0.5),
		LOG_SLICE("event.id", SLICE_LITERAL("a\nPRIORITY=0\x1b b")), end };
	char expected[1024];
	struct log_line line;
	log_line_build(
		&line, LOG_FORMAT_JOURNAL, LOG_LEVEL_WARNING, 0, &worker, "dead letter", fields);
	snprintf(expected, sizeof(expected),
		"PRIORITY=4\nSYSLOG_IDENTIFIER=onced\nONCED_MODULE=main\n"
		"ONCED_PROCESS=worker\nONCED_CONSUMER=orders\nONCED_SLOT=0\n"
		"MESSAGE=worker orders/0: dead letter topic=orders.v1 offset=7 again_in=0.500000 "
		"event.id=\"a\\nPRIORITY=0\\x1b b\"\n"
		"MESSAGE_ID=%s\nONCED_TOPIC=orders.v1\nONCED_OFFSET=7\nONCED_AGAIN_IN=0.500000\n"
		"ONCED_EVENT_ID=a\\nPRIORITY=0\\x1b b\n",
		dead_letter_id);
	line.data[line.len] = '\0';
	assert_string_equal(line.data, expected);
}

static void a_journal_entry_is_whole_lines_however_long_its_values(void **state)
{
	char *bytes = malloc(6000);
	memset(bytes, 'x', 6000);
	for (size_t len = 0; len < 6000; len += 7) {
		const struct log_field fields[] = { LOG_ID(RECORD_FAILED), LOG_INT("before", 1),
			LOG_SLICE("long", slice_from(bytes, len)),
			LOG_SLICE("again", slice_from(bytes, len)), LOG_INT("after", 2), end };
		struct log_line line;
		log_line_build(&line, LOG_FORMAT_JOURNAL, LOG_LEVEL_ERROR, 0, &worker, "m", fields);
		assert_true(line.len < LOG_LINE_MAX);
		line.data[line.len] = '\0';
		assert_int_equal(line.data[line.len - 1], '\n');
		assert_non_null(strstr(line.data, "\nONCED_BEFORE=1\n"));
		assert_true(len == 0 || strstr(line.data, "\nONCED_LONG=x"));
		for (char *at = line.data; *at; at = strchr(at, '\n') + 1) {
			assert_int_equal(strncmp(at, "ONCED_", 6) && strncmp(at, "MESSAGE", 7) &&
					strncmp(at, "PRIORITY=", 9) && strncmp(at, "SYSLOG_", 7),
				0);
		}
	}
	free(bytes);
}

static void a_long_value_is_cut_and_the_line_stays_whole(void **state)
{
	char *bytes = malloc(6000);
	memset(bytes, '\n', 6000);
	for (size_t len = 1300; len < 4200; len++) {
		const struct log_field fields[] = { LOG_INT("before", 1),
			LOG_SLICE("long", slice_from(bytes, len)),
			LOG_SLICE("again", slice_from(bytes, len)), LOG_INT("after", 2), end };
		json_t *root = json_loads(build(LOG_FORMAT_JSON, "m", fields), 0, NULL);
		assert_non_null(root);
		assert_int_equal(json_integer_value(json_object_get(root, "before")), 1);
		json_decref(root);
		build(LOG_FORMAT_LOGFMT, "m", fields);
		build(LOG_FORMAT_TEXT, "m", fields);
	}
	free(bytes);
}

static void a_ring_keeps_order_and_refuses_what_does_not_fit(void **state)
{
	struct log_ring *ring = calloc(1, sizeof(*ring));
	char line[LOG_LINE_MAX];
	unsigned pushed = 0, popped = 0;
	for (unsigned round = 0; round < 50; round++) {
		for (;; pushed++) {
			int len = snprintf(line, sizeof(line), "%u %*s", pushed,
				(int)(pushed * 37 % 2000), "");
			if (!log_ring_push(ring, line, (size_t)len)) {
				break;
			}
		}
		for (unsigned i = 0; i < 20; i++, popped++) {
			assert_true(log_ring_pop(ring, line, sizeof(line)) > 0);
			assert_int_equal(strtoul(line, NULL, 10), popped);
		}
	}
	while (log_ring_pop(ring, line, sizeof(line)) > 0) {
		assert_int_equal(strtoul(line, NULL, 10), popped++);
	}
	assert_int_equal(pushed, popped);
	free(ring);
}

/*
 * Log until the descriptor and the ring are full, read it all back, and check that nothing is cut
 * or out of order.
 */
static void flood(int read_fd, int write_fd)
{
	log_init(write_fd, LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, "worker", NULL, -1);
	uint64_t dropped_before = log_dropped();
	enum { LINES = 20000 };
	for (int i = 0; i < LINES; i++) {
		log_info("flood", LOG_INT("n", i));
	}
	uint64_t dropped = log_dropped() - dropped_before;
	assert_true(dropped > 0 && dropped < LINES);

	fcntl(read_fd, F_SETFL, O_NONBLOCK);
	FILE *reader = fdopen(read_fd, "r");
	char line[LOG_LINE_MAX];
	long next = 0, told = 0;
	for (int empty = 0; empty < 2;) {
		if (!fgets(line, sizeof(line), reader)) {
			clearerr(reader);
			log_flush();
			empty++;
			continue;
		}
		empty = 0;
		assert_ptr_equal(strstr(line, "ts="), line);
		assert_non_null(strchr(line, '\n'));
		const char *missing = strstr(line, " lines=");
		if (missing) {
			told += atol(missing + 7);
			continue;
		}
		const char *n = strstr(line, " n=");
		assert_non_null(n);
		assert_int_equal(atol(n + 3), next++);
	}
	assert_int_equal((uint64_t)next, LINES - dropped);
	assert_int_equal((uint64_t)told, dropped);
	fclose(reader);
	log_init(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, NULL, NULL, -1);
	close(write_fd);
}

static void a_full_pipe_drops_and_counts_instead_of_blocking(void **state)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	flood(fds[0], fds[1]);
}

static void a_full_socket_drops_and_counts_instead_of_blocking(void **state)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	flood(fds[0], fds[1]);
}

static void the_flags_of_an_inherited_descriptor_are_left_alone(void **state)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	int before = fcntl(fds[1], F_GETFL);
	log_init(fds[1], LOG_FORMAT_JSON, LOG_LEVEL_INFO, "worker", "orders", 3);
	log_info("hello");
	assert_int_equal(fcntl(fds[1], F_GETFL), before);
	char line[LOG_LINE_MAX] = "";
	assert_true(read(fds[0], line, sizeof(line) - 1) > 0);
	assert_non_null(strstr(line, "\"consumer\":\"orders\",\"slot\":3,\"msg\":\"hello\"}\n"));
	log_init(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, NULL, NULL, -1);
	close(fds[0]);
	close(fds[1]);
}

static void lines_below_the_level_are_not_written(void **state)
{
	int fds[2];
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	log_init(fds[1], LOG_FORMAT_LOGFMT, LOG_LEVEL_WARNING, NULL, NULL, -1);
	log_info("quiet");
	char byte;
	assert_int_equal(read(fds[0], &byte, 1), -1);
	log_warning("loud");
	assert_int_equal(read(fds[0], &byte, 1), 1);
	log_init(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, NULL, NULL, -1);
	close(fds[0]);
	close(fds[1]);
}

static void each_module_has_a_level_of_its_own(void **state)
{
	struct log_levels levels = log_levels_all(LOG_LEVEL_WARNING);
	int fds[2];
	char line[LOG_LINE_MAX] = "";
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	log_init(fds[1], LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, NULL, NULL, -1);
	levels.of[LOG_MODULE_KAFKA] = LOG_LEVEL_DEBUG;
	log_set_levels(&levels);
	log_from(LOG_MODULE_STORE, LOG_LEVEL_INFO, "quiet");
	log_from(LOG_MODULE_KAFKA, LOG_LEVEL_DEBUG, "loud");
	assert_true(read(fds[0], line, sizeof(line) - 1) > 0);
	assert_non_null(strstr(line, "msg=loud"));
	assert_null(strstr(line, "quiet"));
	log_init(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, NULL, NULL, -1);
	close(fds[0]);
	close(fds[1]);
}

static void names_of_levels_and_modules_are_found_again(void **state)
{
	enum log_module module;
	enum log_level level;
	struct log_levels levels = log_levels_all(LOG_LEVEL_INFO);
	for (int i = 0; i < LOG_MODULES; i++) {
		assert_true(log_module_find(log_module_name((enum log_module)i), &module));
		assert_int_equal(module, i);
	}
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		assert_true(log_level_find(log_level_name((enum log_level)i), &level));
		assert_int_equal(level, i);
	}
	assert_false(log_module_find("", &module));
	assert_false(log_level_find("loud", &level));
	assert_true(log_levels_are_valid(&levels));
	levels.of[LOG_MODULES - 1] = LOG_LEVEL_DEBUG + 1;
	assert_false(log_levels_are_valid(&levels));
}

static void the_same_line_is_told_a_few_times_and_then_how_often(void **state)
{
	int fds[2];
	char text[8 * LOG_LINE_MAX] = "";
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	log_init(fds[1], LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, NULL, NULL, -1);
	for (int i = 0; i < 317; i++) {
		log_warning("refused", LOG_STR("why", "no"));
	}
	log_finish();
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	unsigned lines = 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++) {
		lines++;
	}
	assert_int_equal(lines, 6);
	assert_non_null(strstr(
		text, "level=warning msg=\"refused … repeated 312 times\" why=no repeated=312\n"));
	log_init(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, NULL, NULL, -1);
	close(fds[0]);
	close(fds[1]);
}

static void *write_many(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		log_info("thread", LOG_STR("who", arg), LOG_INT("n", i));
	}
	return NULL;
}

static void lines_of_many_threads_do_not_mix(void **state)
{
	FILE *file = tmpfile();
	log_init(fileno(file), LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, NULL, NULL, -1);
	pthread_t threads[4];
	static char names[4][2] = { "a", "b", "c", "d" };
	for (size_t i = 0; i < 4; i++) {
		pthread_create(&threads[i], NULL, write_many, names[i]);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	log_init(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, NULL, NULL, -1);
	rewind(file);
	char line[LOG_LINE_MAX];
	long next[4] = { 0 };
	while (fgets(line, sizeof(line), file)) {
		const char *who = strstr(line, " who=");
		assert_non_null(who);
		assert_int_equal(atol(strstr(line, " n=") + 3), next[who[5] - 'a']++);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(next[i], 2000);
	}
	fclose(file);
}

static void repeats_are_held_back_and_counted(void **state)
{
	struct log_limit limit = { 0 };
	uint64_t held_back = 99;
	assert_true(log_every(&limit, 1000, 100, &held_back));
	assert_int_equal(held_back, 0);
	assert_false(log_every(&limit, 1050, 100, &held_back));
	assert_false(log_every(&limit, 1099, 100, &held_back));
	assert_true(log_every(&limit, 1100, 100, &held_back));
	assert_int_equal(held_back, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logfmt_quotes_only_what_needs_it),
		cmocka_unit_test(text_is_for_people),
		cmocka_unit_test(hostile_bytes_stay_inside_their_value),
		cmocka_unit_test(json_reads_back_as_what_was_given),
		cmocka_unit_test(journal_has_a_field_for_each_and_the_whole_line_for_people),
		cmocka_unit_test(a_journal_entry_is_whole_lines_however_long_its_values),
		cmocka_unit_test(a_long_value_is_cut_and_the_line_stays_whole),
		cmocka_unit_test(a_ring_keeps_order_and_refuses_what_does_not_fit),
		cmocka_unit_test(a_full_pipe_drops_and_counts_instead_of_blocking),
		cmocka_unit_test(a_full_socket_drops_and_counts_instead_of_blocking),
		cmocka_unit_test(the_flags_of_an_inherited_descriptor_are_left_alone),
		cmocka_unit_test(each_module_has_a_level_of_its_own),
		cmocka_unit_test(names_of_levels_and_modules_are_found_again),
		cmocka_unit_test(the_same_line_is_told_a_few_times_and_then_how_often),
		cmocka_unit_test(lines_below_the_level_are_not_written),
		cmocka_unit_test(lines_of_many_threads_do_not_mix),
		cmocka_unit_test(repeats_are_held_back_and_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
