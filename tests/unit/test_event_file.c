/*
 * test_event_file - records read from a file of JSON lines
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "event_file.h"

static char path[64];
static struct event_file file;
static struct event_line line;
static struct err err;

static void open_text(const char *text)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/onced-events-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	err = ERR_INIT;
	assert_int_equal(event_file_open(&file, path, &err), 0);
}

static int close_file(void **state)
{
	event_file_close(&file);
	return unlink(path);
}

static void assert_bytes(struct slice found, const char *expected)
{
	assert_non_null(found.data);
	assert_int_equal(found.len, strlen(expected));
	assert_memory_equal(found.data, expected, found.len);
}

static void a_line_without_value_is_a_value(void **state)
{
	open_text("{\"event_id\": \"1\"}\r\n\n   \n{ \"key\": 1 } ");
	assert_int_equal(event_file_next(&file, &line, &err), 0);
	assert_bytes(line.value, "{\"event_id\": \"1\"}");
	assert_null(line.key.data);
	assert_null(line.topic);
	assert_int_equal(line.number, 1);
	assert_int_equal(line.offset, -1);
	assert_int_equal(event_file_next(&file, &line, &err), 0);
	assert_bytes(line.value, "{ \"key\": 1 }");
	assert_int_equal(line.number, 4);
	assert_int_equal(event_file_next(&file, &line, &err), 1);
}

static void a_line_with_value_describes_a_record(void **state)
{
	open_text("{\"key\": \"k\\u00e9\", \"value\": {\"a\": 1.0}, \"topic\": \"t\", "
		  "\"partition\": 3,"
		  " \"offset\": 42, \"timestamp\": 7, \"headers\": {\"b\": \"x\\u0000y\", \"a\": "
		  "null}}\n"
		  "{\"value\": \"plain\", \"key\": 5}\n{\"value\": null}\n");
	assert_int_equal(event_file_next(&file, &line, &err), 0);
	assert_bytes(line.key, "k\xc3\xa9");
	assert_bytes(line.value, "{\"a\": 1.0}");
	assert_string_equal(line.topic, "t");
	assert_int_equal(line.partition, 3);
	assert_int_equal(line.offset, 42);
	assert_int_equal(line.timestamp_ms, 7);
	assert_int_equal(line.header_count, 2);
	assert_bytes(line.headers[0].name, "b");
	assert_int_equal(line.headers[0].value.len, 3);
	assert_memory_equal(line.headers[0].value.data, "x\0y", 3);
	assert_bytes(line.headers[1].name, "a");
	assert_null(line.headers[1].value.data);
	assert_int_equal(event_file_next(&file, &line, &err), 0);
	assert_bytes(line.value, "plain");
	assert_bytes(line.key, "5");
	assert_int_equal(event_file_next(&file, &line, &err), 0);
	assert_null(line.value.data);
	assert_int_equal(event_file_next(&file, &line, &err), 1);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
	static const char *const lines[][2] = {
		{ "nonsense", ":2: the line is not valid JSON (byte 0)" },
		{ "[1]", ":2: the line is no JSON object" },
		{ "{\"value\": 1, \"partition\": -1}",
			":2: partition must be a whole number from 0 to 2147483647" },
		{ "{\"value\": 1, \"offset\": \"1\"}", ":2: offset must be" },
		{ "{\"value\": 1, \"offset\": 1.5}", ":2: offset must be" },
		{ "{\"value\": 1, \"timestamp\": 99999999999999999999}", ":2: timestamp must be" },
		{ "{\"value\": 1, \"topic\": 7}", ":2: topic must be a string" },
		{ "{\"value\": 1, \"headers\": []}", ":2: headers must be an object" },
		{ "{\"value\": 1, \"headers\": {\"a\": 1}}",
			":2: each of headers must be a string or null" },
		{ "{\"value\": 1, \"value\": 2}", ":2: the line repeats a key" },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "\n%s\n", lines[i][0]);
		open_text(text);
		assert_int_equal(event_file_next(&file, &line, &err), -EINVAL);
		if (!strstr(err.text, lines[i][1]) || strncmp(err.text, path, strlen(path))) {
			fail_msg("%s: %s", lines[i][0], err.text);
		}
		if (i + 1 < sizeof(lines) / sizeof(lines[0])) {
			close_file(NULL);
		}
	}
}

static void a_file_that_is_not_there_is_named(void **state)
{
	struct event_file none;

	open_text("");
	assert_int_equal(event_file_open(&none, "/none/e.jsonl", &err), -ENOENT);
	assert_string_equal(err.text, "/none/e.jsonl: No such file or directory");
	event_file_close(&none);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_without_value_is_a_value),
		TEST(a_line_with_value_describes_a_record),
		TEST(what_is_wrong_is_told_with_its_line),
		TEST(a_file_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
