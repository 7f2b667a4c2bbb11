/*
 * test_exec_reply - the line that a command answers with
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/exec_reply.h"

static struct onced_outcome said;

static enum exec_reply_kind read_reply(const char *line)
{
	return exec_reply_read(line, strlen(line), 7, &said);
}

static void each_word_is_a_result(void **state)
{
	assert_int_equal(read_reply("{\"seq\":7,\"result\":\"done\"}"), EXEC_REPLY_OK);
	assert_int_equal(said.result, ONCED_DONE);
	assert_int_equal(read_reply("{\"seq\":7,\"result\":\"skip\"}"), EXEC_REPLY_OK);
	assert_int_equal(said.result, ONCED_SKIP);
	assert_int_equal(read_reply("{\"seq\":7,\"result\":\"retry\"}"), EXEC_REPLY_OK);
	assert_int_equal(said.result, ONCED_RETRY);
	assert_int_equal(read_reply("{\"seq\":7,\"result\":\"reject\"}"), EXEC_REPLY_OK);
	assert_int_equal(said.result, ONCED_REJECT);
	assert_int_equal(read_reply("{\"seq\":7,\"result\":\"unavailable\"}"), EXEC_REPLY_OK);
	assert_int_equal(said.result, ONCED_UNAVAILABLE);
}

static void code_reason_and_delay_are_taken(void **state)
{
	assert_int_equal(
		read_reply(
			"{\"result\":\"retry\",\"seq\":7,\"code\":\"E42\",\"reason\":\"r\\u00e9\","
			"\"retry_after_ms\":1500,\"further\":[1]}\r"),
		EXEC_REPLY_OK);
	assert_string_equal(said.code, "E42");
	assert_string_equal(said.reason, "r\xc3\xa9");
	assert_int_equal(said.retry_after_ms, 1500);
	assert_int_equal(read_reply("{\"seq\":7,\"result\":\"done\",\"code\":null,\"reason\":null,"
				    "\"retry_after_ms\":null}"),
		EXEC_REPLY_OK);
	assert_int_equal(said.retry_after_ms, 0);
	assert_int_equal(read_reply("{\"seq\":7,\"result\":\"retry\",\"retry_after_ms\":1e300}"),
		EXEC_REPLY_OK);
	assert_int_equal(said.retry_after_ms, 24 * 60 * 60 * 1000);
}

static void what_is_not_to_be_understood_is_named(void **state)
{
	static const struct {
		const char *line, *reason;
	} cases[] = {
		{ "", "the reply is not a JSON object on one line" },
		{ "done", "the reply is not a JSON object on one line" },
		{ "[7]", "the reply is not a JSON object on one line" },
		{ "{\"seq\":7,\"result\":\"done\"", "the reply is not a JSON object on one line" },
		{ "{\"seq\":7,\"result\":\"done\"} x",
			"the reply is not a JSON object on one line" },
		{ "{\"seq\":7,\"seq\":7,\"result\":\"done\"}",
			"the reply is not a JSON object on one line" },
		{ "{\"seq\":7,\"result\":\"\xff\"}", "the reply is not a JSON object on one line" },
		{ "{\"result\":\"done\"}", "the reply has no whole number \"seq\"" },
		{ "{\"seq\":\"7\",\"result\":\"done\"}", "the reply has no whole number \"seq\"" },
		{ "{\"seq\":7.0,\"result\":\"done\"}", "the reply has no whole number \"seq\"" },
		{ "{\"seq\":7}",
			"the reply's \"result\" is none of done, skip, retry, reject and "
			"unavailable" },
		{ "{\"seq\":7,\"result\":\"Done\"}",
			"the reply's \"result\" is none of done, skip, retry, reject and "
			"unavailable" },
		{ "{\"seq\":7,\"result\":true}", "the reply's \"result\" is not a string" },
		{ "{\"seq\":7,\"result\":\"retry\",\"code\":5}",
			"the reply's \"code\" is not a string" },
		{ "{\"seq\":7,\"result\":\"retry\",\"reason\":{}}",
			"the reply's \"reason\" is not a string" },
		{ "{\"seq\":7,\"result\":\"retry\",\"retry_after_ms\":-1}",
			"the reply's \"retry_after_ms\" is not a number from 0" },
		{ "{\"seq\":7,\"result\":\"retry\",\"retry_after_ms\":\"5\"}",
			"the reply's \"retry_after_ms\" is not a number from 0" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_reply(cases[i].line), EXEC_REPLY_BAD);
		assert_string_equal(said.reason, cases[i].reason);
	}
}

static void an_answer_to_another_event_is_told_apart(void **state)
{
	assert_int_equal(read_reply("{\"seq\":6,\"result\":\"done\"}"), EXEC_REPLY_OTHER);
	assert_string_equal(said.reason, "the reply is for event 6 of this command, not for 7");
	assert_int_equal(read_reply("{\"seq\":-7,\"result\":\"done\"}"), EXEC_REPLY_OTHER);
}

static void a_line_over_the_limit_is_refused(void **state)
{
	char *line = calloc(1, EXEC_REPLY_MAX + 1);

	memset(line, ' ', EXEC_REPLY_MAX + 1);
	memcpy(line, "{\"seq\":7,\"result\":\"done\"}", 25);
	assert_int_equal(exec_reply_read(line, EXEC_REPLY_MAX, 7, &said), EXEC_REPLY_OK);
	assert_int_equal(exec_reply_read(line, EXEC_REPLY_MAX + 1, 7, &said), EXEC_REPLY_BAD);
	assert_string_equal(said.reason, "the reply is longer than 65536 bytes");
	free(line);
}

/* 1,023 bytes are taken; the two-byte character across the end is left out, not cut. */
static void long_words_are_cut_between_characters(void **state)
{
	char line[2048] = "{\"seq\":7,\"result\":\"reject\",\"code\":\"a \xc3\xa9"
			  "23456789012345678901234567890123456789\",\"reason\":\"x";

	for (int i = 0; i < 600; i++) {
		strcat(line, "\xc3\xa9");
	}
	strcat(line, "\"}");
	assert_int_equal(read_reply(line), EXEC_REPLY_OK);
	assert_int_equal(strlen(said.reason), ONCED_REASON_MAX - 1);
	assert_string_equal(said.code, "a???234567890123456789012345678");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_word_is_a_result),
		cmocka_unit_test(code_reason_and_delay_are_taken),
		cmocka_unit_test(what_is_not_to_be_understood_is_named),
		cmocka_unit_test(an_answer_to_another_event_is_told_apart),
		cmocka_unit_test(a_line_over_the_limit_is_refused),
		cmocka_unit_test(long_words_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
