/*
 * test_base - errors, clock, buffer, arena, what others see of a process and of a text
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/memory.h"
#include "base/private.h"
#include "base/shown.h"

static void err_set_returns_the_result_and_keeps_the_code(void **state)
{
	struct err err = ERR_INIT;
	memcpy(err.code, "42601", 6);
	assert_int_equal(err_set(&err, -22, "line %d", 7), -22);
	assert_string_equal(err.text, "line 7");
	assert_string_equal(err.code, "42601");
	assert_int_equal(err_set(NULL, -5, "nobody listens"), -5);
}

static void err_prefix_puts_its_context_in_front(void **state)
{
	struct err err = ERR_INIT;
	err_set(&err, 0, "no such table");
	assert_int_equal(err_prefix(&err, 1, "handler %s", "orders"), 1);
	assert_string_equal(err.text, "handler orders: no such table");
}

static void err_may_quote_itself(void **state)
{
	struct err err = ERR_INIT;
	err_set(&err, 0, "inner");
	err_set(&err, 0, "outer (%s)", err.text);
	assert_string_equal(err.text, "outer (inner)");
}

static void a_long_sentence_is_cut_between_characters(void **state)
{
	struct err err = ERR_INIT;
	char *umlauts = xcalloc(1, 2 * ERR_TEXT_MAX + 1);
	for (size_t i = 0; i < ERR_TEXT_MAX; i++) {
		memcpy(umlauts + 2 * i, "\xc3\xbc", 2);
	}
	err_set(&err, 0, "%s", umlauts);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 2);
	err_set(&err, 0, "a%s", umlauts);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	err_prefix(&err, 0, "bb");
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_int_equal((unsigned char)err.text[ERR_TEXT_MAX - 2], 0xbc);
	free(umlauts);
}

static void every_time_has_a_text(void **state)
{
	char text[CLOCK_RFC3339_MAX];
	assert_string_equal(clock_format_rfc3339(0, text), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_format_rfc3339(1767323045678, text), "2026-01-02T03:04:05.678Z");
	assert_string_equal(clock_format_rfc3339(-1, text), "1969-12-31T23:59:59.999Z");
	assert_string_equal(clock_format_rfc3339(INT64_MAX, text), "292278994-08-17T07:12:55.807Z");
	assert_string_equal(
		clock_format_rfc3339(INT64_MIN, text), "-292275055-05-16T16:47:04.192Z");
}

static void a_buffer_is_always_a_string(void **state)
{
	_cleanup_(buffer_fini) struct buffer buffer = BUFFER_INIT;
	assert_string_equal(buffer_str(&buffer), "");
	for (int i = 0; i < 100; i++) {
		buffer_printf(&buffer, "%d,", i);
	}
	assert_int_equal(strlen(buffer_str(&buffer)), buffer.len);
	assert_int_equal(buffer.len, 290);
	memcpy(buffer_reserve(&buffer, 100), "tail", 4);
	buffer.len += 4;
	assert_string_equal(buffer_str(&buffer) + 287, "99,tail");
}

static void a_taken_buffer_is_the_callers_and_never_null(void **state)
{
	struct buffer buffer = BUFFER_INIT;
	char *empty = buffer_take(&buffer);
	assert_string_equal(empty, "");
	buffer_append_str(&buffer, "abc");
	char *text = buffer_take(&buffer);
	assert_string_equal(text, "abc");
	assert_null(buffer.data);
	free(empty);
	free(text);
}

static void an_arena_gives_out_aligned_memory_that_does_not_overlap(void **state)
{
	struct arena arena = ARENA_INIT;
	static const size_t sizes[] = { 1, 7, 100, 5000, 3, 200000, 16, 4096, 0, 9 };
	for (int round = 0; round < 3; round++) {
		unsigned char *given[300];
		for (size_t i = 0; i < 300; i++) {
			size_t size = sizes[i % 10];
			given[i] = arena_alloc(&arena, size);
			assert_int_equal((uintptr_t)given[i] % 16, 0);
			memset(given[i], (int)(i & 0xff), size);
		}
		for (size_t i = 0; i < 300; i++) {
			size_t size = sizes[i % 10];
			for (size_t at = 0; at < size; at++) {
				assert_int_equal(given[i][at], i & 0xff);
			}
		}
		arena_reset(&arena);
	}
	arena_fini(&arena);
}

static void an_arena_copy_keeps_null_and_empty_apart(void **state)
{
	struct arena arena = ARENA_INIT;
	assert_true(slice_is_null(arena_copy(&arena, SLICE_NULL)));
	struct slice empty = arena_copy(&arena, SLICE_LITERAL(""));
	assert_false(slice_is_null(empty));
	assert_int_equal(empty.len, 0);
	assert_true(slice_equal_str(arena_copy(&arena, SLICE_LITERAL("abc")), "abc"));
	assert_string_equal(arena_printf(&arena, "%s-%d", "x", 5), "x-5");
	arena_fini(&arena);
}

static void what_would_command_a_terminal_is_not_shown(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "plain \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80", NULL },
		{ "", NULL },
		{ "a\x1b[2Jb\nc\rd\te\x7f", "a?[2Jb?c?d?e?" },
		{ "\xc2\x9b"
		  "31m \xc2\x85 \x9b"
		  "31m",
			"?31m ? ?31m" }, /* C1: two bytes of UTF-8, and one of none */
		{ "\xe2\x80\xaegpj.exe\xe2\x81\xa6 \xe2\x80\x8b\xef\xbb\xbf\xd8\x9c",
			"?gpj.exe? ???" }, /* what turns the direction, or cannot be seen */
		{ "\xe2\x80\xa8next", "?next" },
		{ "\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82", "? ? ? ?" },
		{ "a\xff\xfe", "a??" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *wanted = cases[i].shown ? cases[i].shown : cases[i].text;
		_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
		_cleanup_free_ char *text = xstrdup(cases[i].text);

		shown_plain(text);
		assert_string_equal(text, wanted);
		shown_append(&out, slice_from_str(cases[i].text));
		assert_string_equal(buffer_str(&out), wanted);
	}
}

static void a_nul_in_the_middle_is_not_shown(void **state)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	shown_append(&out, slice_from("a\0b", 3));
	assert_string_equal(buffer_str(&out), "a?b");
}

/* What /proc shows of a process's start, as its neighbours see it. */
static size_t shown_environment(char *shown, size_t size)
{
	FILE *file = fopen("/proc/self/environ", "re");
	size_t len;

	assert_non_null(file);
	len = fread(shown, 1, size - 1, file);
	fclose(file);
	for (size_t i = 0; i < len; i++) {
		shown[i] = shown[i] ? shown[i] : '\n';
	}
	shown[len] = '\0';
	return len;
}

static void a_private_environment_is_read_as_before_and_shown_to_nobody(void **state)
{
	static char shown[1 << 20];
	const char *path = getenv("PATH");
	char *before;

	assert_non_null(path);
	before = xstrdup(path);
	assert_true(shown_environment(shown, sizeof(shown)) > 0);
	assert_non_null(strstr(shown, before));
	private_environment();
	assert_string_equal(getenv("PATH"), before);
	(void)shown_environment(shown, sizeof(shown));
	assert_null(strstr(shown, before));
	assert_int_equal(strspn(shown, "\n"), strlen(shown));
	free(before);
}

static unsigned long core_filter(void)
{
	FILE *file = fopen("/proc/self/coredump_filter", "re");
	unsigned long bits = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lx", &bits), 1);
	fclose(file);
	return bits;
}

static void a_private_core_has_no_memory(void **state)
{
	private_core(false);
	assert_int_equal(core_filter(), 0x10);
	private_core(true);
	assert_int_equal(core_filter(), 0x33);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_set_returns_the_result_and_keeps_the_code),
		cmocka_unit_test(err_prefix_puts_its_context_in_front),
		cmocka_unit_test(err_may_quote_itself),
		cmocka_unit_test(a_long_sentence_is_cut_between_characters),
		cmocka_unit_test(every_time_has_a_text),
		cmocka_unit_test(a_buffer_is_always_a_string),
		cmocka_unit_test(a_taken_buffer_is_the_callers_and_never_null),
		cmocka_unit_test(an_arena_gives_out_aligned_memory_that_does_not_overlap),
		cmocka_unit_test(an_arena_copy_keeps_null_and_empty_apart),
		cmocka_unit_test(what_would_command_a_terminal_is_not_shown),
		cmocka_unit_test(a_nul_in_the_middle_is_not_shown),
		cmocka_unit_test(a_private_environment_is_read_as_before_and_shown_to_nobody),
		cmocka_unit_test(a_private_core_has_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
