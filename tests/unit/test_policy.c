/*
 * test_policy - retry, rate, restart and verdict: the small decisions
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rate.h"
#include "core/restart.h"
#include "core/retry.h"
#include "core/verdict.h"

enum { SECOND = 1000000, MINUTE = 60 * SECOND };

static const struct retry_policy steady = {
	.attempts = 10,
	.delay_us = SECOND / 2,
	.delay_max_us = 30 * SECOND,
	.deadline_us = 10 * (int64_t)MINUTE,
	.factor = 2,
	.jitter = RETRY_JITTER_NONE,
};

static void delays_grow_by_the_factor_up_to_the_cap(void **state)
{
	static const int64_t wanted_ms[] = { 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000,
		30000 };
	for (unsigned attempts = 1; attempts < 10; attempts++) {
		struct retry_state failed = { .attempts = attempts };
		assert_int_equal(
			retry_next_delay(&steady, &failed, 0), wanted_ms[attempts - 1] * 1000);
	}
}

static void full_jitter_spreads_between_nothing_and_the_backoff(void **state)
{
	struct retry_policy policy = steady;
	policy.jitter = RETRY_JITTER_FULL;
	struct retry_state failed = { .attempts = 3 };
	assert_int_equal(retry_next_delay(&policy, &failed, 0), 0);
	assert_int_equal(retry_next_delay(&policy, &failed, UINT64_MAX), 2 * SECOND);
	assert_int_equal(retry_next_delay(&policy, &failed, UINT64_MAX / 2), SECOND);
}

static void attempts_used_up_need_a_witness(void **state)
{
	struct retry_state failed = { .attempts = 10, .elapsed_us = MINUTE, .has_witness = true };
	assert_int_equal(retry_next_delay(&steady, &failed, 0), -1);
	failed.has_witness = false;
	assert_int_equal(retry_next_delay(&steady, &failed, 0), 30 * SECOND);
	failed.attempts = 4000000000;
	assert_int_equal(retry_next_delay(&steady, &failed, 0), 30 * SECOND);
}

static void the_deadline_ends_a_record_with_or_without_witness(void **state)
{
	struct retry_state failed = { .attempts = 2, .elapsed_us = 10 * (int64_t)MINUTE };
	assert_int_equal(retry_next_delay(&steady, &failed, 0), -1);
	failed.elapsed_us -= 1;
	assert_int_equal(retry_next_delay(&steady, &failed, 0), 1);
}

static void the_deadline_waits_for_one_attempt_after_a_hold(void **state)
{
	struct retry_state failed = {
		.attempts = 2, .elapsed_us = 60 * (int64_t)MINUTE, .is_first_after_hold = true
	};
	assert_int_equal(retry_next_delay(&steady, &failed, 0), SECOND);
	failed.is_first_after_hold = false;
	assert_int_equal(retry_next_delay(&steady, &failed, 0), -1);
}

static void no_attempts_and_no_deadline_mean_for_ever(void **state)
{
	struct retry_policy policy = steady;
	policy.attempts = 0;
	policy.deadline_us = 0;
	struct retry_state failed = {
		.attempts = 1000000, .elapsed_us = INT64_MAX / 2, .has_witness = true
	};
	assert_int_equal(retry_next_delay(&policy, &failed, 0), 30 * SECOND);
}

static void what_the_handler_asks_for_is_a_lower_bound(void **state)
{
	struct retry_state failed = { .attempts = 1, .retry_after_us = 45 * SECOND };
	assert_int_equal(retry_next_delay(&steady, &failed, 0), 45 * SECOND);
	failed.retry_after_us = 1000;
	assert_int_equal(retry_next_delay(&steady, &failed, 0), SECOND / 2);
}

static void a_factor_of_one_keeps_the_delay(void **state)
{
	struct retry_policy policy = steady;
	policy.factor = 1;
	policy.attempts = 0;
	struct retry_state failed = { .attempts = 4000000000 };
	assert_int_equal(retry_next_delay(&policy, &failed, 0), SECOND / 2);
}

static void a_rate_is_exceeded_by_one_more_than_n_in_t(void **state)
{
	struct rate rate;
	rate_init(&rate, 3, MINUTE);
	assert_false(rate_hit(&rate, 0));
	assert_false(rate_hit(&rate, 1));
	assert_false(rate_hit(&rate, 2));
	assert_true(rate_hit(&rate, 3));
	assert_true(rate_hit(&rate, MINUTE));
	assert_false(rate_hit(&rate, 2 * MINUTE));
	rate_reset(&rate);
	assert_false(rate_hit(&rate, 2 * MINUTE));
	assert_false(rate_hit(&rate, 2 * MINUTE));
	assert_false(rate_hit(&rate, 2 * MINUTE));
	assert_true(rate_hit(&rate, 2 * MINUTE));
	rate_fini(&rate);
	rate_fini(NULL);
}

static void a_rate_of_nothing_is_never_exceeded(void **state)
{
	struct rate rate;
	rate_init(&rate, 0, MINUTE);
	for (int i = 0; i < 10; i++) {
		assert_false(rate_hit(&rate, i));
	}
	rate_fini(&rate);
}

static const struct restart_policy restart_defaults = {
	.intensity = 5,
	.window_us = MINUTE,
	.throttle_us = SECOND,
	.throttle_max_us = MINUTE,
	.fenced_us = 45 * SECOND,
};

static void crashes_restart_at_once_until_they_come_too_fast(void **state)
{
	struct restart restart;
	restart_init(&restart, &restart_defaults);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(restart_next_delay(&restart, RESTART_CRASH, i), 0);
	}
	static const int64_t wanted_s[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
	for (size_t i = 0; i < sizeof(wanted_s) / sizeof(wanted_s[0]); i++) {
		assert_int_equal(
			restart_next_delay(&restart, RESTART_CRASH, 10), wanted_s[i] * SECOND);
	}
	/* Rare now, but nobody was healthy in between. */
	assert_int_equal(
		restart_next_delay(&restart, RESTART_CRASH, 60 * (int64_t)MINUTE), 60 * SECOND);
	restart_reset(&restart);
	assert_int_equal(restart_next_delay(&restart, RESTART_CRASH, 60 * (int64_t)MINUTE), 0);
	restart_fini(&restart);
}

static void slow_crashes_are_not_throttled(void **state)
{
	struct restart restart;
	restart_init(&restart, &restart_defaults);
	for (int64_t i = 0; i < 100; i++) {
		assert_int_equal(restart_next_delay(&restart, RESTART_CRASH, i * 13 * SECOND), 0);
	}
	restart_fini(&restart);
}

static void deaths_that_a_record_stands_for_wait_later(void **state)
{
	struct restart restart;
	restart_init(&restart, &restart_defaults);
	for (unsigned i = 0; i < 10 * restart_defaults.intensity; i++) {
		assert_int_equal(restart_next_delay(&restart, RESTART_SUSPECT, i), 0);
	}
	/* and are as any other beyond it */
	for (unsigned i = 0; i < restart_defaults.intensity; i++) {
		assert_int_equal(restart_next_delay(&restart, RESTART_SUSPECT, 100), 0);
	}
	assert_int_equal(restart_next_delay(&restart, RESTART_SUSPECT, 100), SECOND);
	restart_fini(&restart);
}

static void other_deaths_have_their_own_delay(void **state)
{
	struct restart restart;
	restart_init(&restart, &restart_defaults);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(restart_next_delay(&restart, RESTART_RECYCLED, i), 0);
		assert_int_equal(restart_next_delay(&restart, RESTART_FENCED, i), 45 * SECOND);
	}
	assert_int_equal(restart_next_delay(&restart, RESTART_CRASH, 20), 0);
	assert_int_equal(restart_next_delay(&restart, RESTART_CONFIG, 20), SECOND);
	assert_int_equal(restart_next_delay(&restart, RESTART_CONFIG, 20), 2 * SECOND);
	restart_fini(&restart);
}

static enum verdict of_code(const char *code)
{
	return verdict_of_statement(STORE_STATEMENT, code, NULL);
}

static void sqlstates_are_judged_by_code_then_by_class(void **state)
{
	static const struct {
		const char *code;
		enum verdict verdict;
	} rows[] = {
		{ "22P02", VERDICT_REJECT },
		{ "23505", VERDICT_REJECT },
		{ "23503", VERDICT_RETRY },
		{ "44000", VERDICT_REJECT },
		{ "54000", VERDICT_REJECT },
		{ "P0001", VERDICT_REJECT },
		{ "21000", VERDICT_REJECT },
		{ "0A000", VERDICT_REJECT },
		{ "42501", VERDICT_REJECT },
		{ "42P01", VERDICT_UNAVAILABLE },
		{ "42601", VERDICT_UNAVAILABLE },
		{ "3D000", VERDICT_UNAVAILABLE },
		{ "28P01", VERDICT_UNAVAILABLE },
		{ "08006", VERDICT_UNAVAILABLE },
		{ "53100", VERDICT_UNAVAILABLE },
		{ "57P01", VERDICT_UNAVAILABLE },
		{ "25006", VERDICT_UNAVAILABLE },
		{ "57014", VERDICT_RETRY },
		{ "40001", VERDICT_REDO },
		{ "40P01", VERDICT_REDO },
		{ "55P03", VERDICT_REDO },
		{ "XX000", VERDICT_RETRY },
		{ "99999", VERDICT_RETRY },
		{ "", VERDICT_RETRY },
		{ "57P", VERDICT_RETRY },
		{ "225021", VERDICT_RETRY },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (of_code(rows[i].code) != rows[i].verdict) {
			fail_msg("%s is judged %d instead of %d", rows[i].code,
				of_code(rows[i].code), rows[i].verdict);
		}
	}
	assert_int_equal(of_code(NULL), VERDICT_RETRY);
}

static void sqlite_names_cover_their_extended_names(void **state)
{
	assert_int_equal(of_code("SQLITE_CONSTRAINT_UNIQUE"), VERDICT_REJECT);
	assert_int_equal(of_code("SQLITE_CONSTRAINT"), VERDICT_REJECT);
	assert_int_equal(of_code("SQLITE_CONSTRAINT_FOREIGNKEY"), VERDICT_RETRY);
	assert_int_equal(of_code("SQLITE_CONSTRAINTS"), VERDICT_RETRY);
	assert_int_equal(of_code("SQLITE_MISMATCH"), VERDICT_REJECT);
	assert_int_equal(of_code("SQLITE_TOOBIG"), VERDICT_REJECT);
	assert_int_equal(of_code("SQLITE_RANGE"), VERDICT_REJECT);
	assert_int_equal(of_code("SQLITE_IOERR_FSYNC"), VERDICT_UNAVAILABLE);
	assert_int_equal(of_code("SQLITE_FULL"), VERDICT_UNAVAILABLE);
	assert_int_equal(of_code("SQLITE_READONLY_DBMOVED"), VERDICT_UNAVAILABLE);
	assert_int_equal(of_code("SQLITE_CANTOPEN"), VERDICT_UNAVAILABLE);
	assert_int_equal(of_code("SQLITE_ERROR"), VERDICT_UNAVAILABLE);
	assert_int_equal(of_code("SQLITE_BUSY"), VERDICT_UNAVAILABLE);
	assert_int_equal(of_code("SQLITE_BUSY_SNAPSHOT"), VERDICT_REDO);
	assert_int_equal(of_code("SQLITE_LOCKED_SHAREDCACHE"), VERDICT_REDO);
}

static void the_kind_of_failure_comes_before_the_code(void **state)
{
	assert_int_equal(verdict_of_statement(STORE_LOST, "", NULL), VERDICT_UNAVAILABLE);
	assert_int_equal(
		verdict_of_statement(STORE_UNAVAILABLE, "22000", NULL), VERDICT_UNAVAILABLE);
	assert_int_equal(verdict_of_statement(STORE_CONFLICT, "", NULL), VERDICT_REDO);
	assert_int_equal(verdict_of_statement(STORE_TIMEOUT, "57014", NULL), VERDICT_RETRY);
	assert_int_equal(verdict_of_statement(STORE_ROWS, "", NULL), VERDICT_REJECT);
	assert_int_equal(verdict_of_statement(STORE_ROLLED_BACK, "", NULL), VERDICT_REDO);
	assert_int_equal(verdict_of_statement(STORE_FORBIDDEN, "42501", NULL), VERDICT_UNAVAILABLE);
}

static void a_handlers_lists_come_before_the_tables(void **state)
{
	char parent[] = "23xxx", timeout[] = "57014", busy[] = "SQLITE_BUSY", unique[] = "23505",
	     raised[] = "P0xxx";
	char *retry_on[] = { parent }, *reject_on[] = { timeout, busy },
	     *hold_on[] = { unique, raised };
	const struct verdict_overrides lists = { retry_on, reject_on, hold_on, 1, 2, 2 };
	assert_int_equal(verdict_of_statement(STORE_STATEMENT, "23502", &lists), VERDICT_RETRY);
	assert_int_equal(
		verdict_of_statement(STORE_STATEMENT, "23505", &lists), VERDICT_UNAVAILABLE);
	assert_int_equal(
		verdict_of_statement(STORE_STATEMENT, "P0001", &lists), VERDICT_UNAVAILABLE);
	assert_int_equal(verdict_of_statement(STORE_TIMEOUT, "57014", &lists), VERDICT_REJECT);
	assert_int_equal(verdict_of_statement(STORE_STATEMENT, "SQLITE_BUSY_TIMEOUT", &lists),
		VERDICT_REJECT);
	assert_int_equal(verdict_of_statement(STORE_STATEMENT, "22000", &lists), VERDICT_REJECT);
	assert_int_equal(verdict_of_statement(STORE_LOST, "23502", &lists), VERDICT_UNAVAILABLE);
}

static void a_handlers_word_stands_unless_its_lists_say_otherwise(void **state)
{
	char all[] = "4xx", missing[] = "404", timeout[] = "timeout", gone[] = "41x";
	char *retry_on[] = { all }, *reject_on[] = { timeout }, *hold_on[] = { missing, gone };
	const struct verdict_overrides lists = { retry_on, reject_on, hold_on, 1, 1, 2 };
	const struct verdict_overrides none = { NULL };
	assert_int_equal(verdict_of_word(VERDICT_REJECT, "400", &lists), VERDICT_RETRY);
	assert_int_equal(verdict_of_word(VERDICT_REJECT, "404", &lists), VERDICT_UNAVAILABLE);
	assert_int_equal(verdict_of_word(VERDICT_REJECT, "410", &lists), VERDICT_UNAVAILABLE);
	assert_int_equal(verdict_of_word(VERDICT_RETRY, "timeout", &lists), VERDICT_REJECT);
	assert_int_equal(verdict_of_word(VERDICT_RETRY, "timeouts", &lists), VERDICT_RETRY);
	assert_int_equal(verdict_of_word(VERDICT_RETRY, "503", &lists), VERDICT_RETRY);
	assert_int_equal(verdict_of_word(VERDICT_REJECT, "", &lists), VERDICT_REJECT);
	assert_int_equal(verdict_of_word(VERDICT_REJECT, "40001", &lists), VERDICT_REJECT);
	assert_int_equal(verdict_of_word(VERDICT_REJECT, "400", &none), VERDICT_REJECT);
}

static void malformed_patterns_are_recognised(void **state)
{
	static const char *const good[] = { "23505", "23xxx", "57P0x", "P0xxx", "SQLITE_BUSY",
		"SQLITE_IOERR_FSYNC", "503", "50x", "4xx", "timeout", "no-space", "x509" };
	static const char *const bad[] = { "", "2", "23", "23xx", "23xxxx", "2xxxx", "xxxxx",
		"23x0x", "23p01", "235050", "SQLITE_", "SQLITE_busy", "sqlite_busy", "23 xx",
		"HTTP", "*", "5x3", "999", "0xx", "xxx", "t", "5xxx", "time out", "-a" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(verdict_pattern_is_valid(good[i]));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(verdict_pattern_is_valid(bad[i]));
	}
}

static void every_failure_of_a_store_has_a_name(void **state)
{
	for (int failure = STORE_OK; failure <= STORE_ROLLED_BACK; failure++) {
		assert_string_not_equal(store_failure_name(failure), "unknown");
	}
	assert_string_equal(store_failure_name(99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_grow_by_the_factor_up_to_the_cap),
		cmocka_unit_test(full_jitter_spreads_between_nothing_and_the_backoff),
		cmocka_unit_test(attempts_used_up_need_a_witness),
		cmocka_unit_test(the_deadline_ends_a_record_with_or_without_witness),
		cmocka_unit_test(the_deadline_waits_for_one_attempt_after_a_hold),
		cmocka_unit_test(no_attempts_and_no_deadline_mean_for_ever),
		cmocka_unit_test(what_the_handler_asks_for_is_a_lower_bound),
		cmocka_unit_test(a_factor_of_one_keeps_the_delay),
		cmocka_unit_test(a_rate_is_exceeded_by_one_more_than_n_in_t),
		cmocka_unit_test(a_rate_of_nothing_is_never_exceeded),
		cmocka_unit_test(crashes_restart_at_once_until_they_come_too_fast),
		cmocka_unit_test(deaths_that_a_record_stands_for_wait_later),
		cmocka_unit_test(slow_crashes_are_not_throttled),
		cmocka_unit_test(other_deaths_have_their_own_delay),
		cmocka_unit_test(sqlstates_are_judged_by_code_then_by_class),
		cmocka_unit_test(sqlite_names_cover_their_extended_names),
		cmocka_unit_test(the_kind_of_failure_comes_before_the_code),
		cmocka_unit_test(a_handlers_lists_come_before_the_tables),
		cmocka_unit_test(a_handlers_word_stands_unless_its_lists_say_otherwise),
		cmocka_unit_test(malformed_patterns_are_recognised),
		cmocka_unit_test(every_failure_of_a_store_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
