/*
 * test_config_value - numbers, times and sizes as people write them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/mask.h"
#include "config/nearest.h"
#include "config/value.h"

struct good {
	const char *text;
	int64_t value;
	const char *written; /* NULL: as `text` */
};

static void check_good(const struct good *cases, size_t count,
	int (*parse)(const char *, int64_t *), void (*write)(struct buffer *, int64_t))
{
	for (size_t i = 0; i < count; i++) {
		struct buffer out = BUFFER_INIT;
		int64_t value = -1;

		assert_int_equal(parse(cases[i].text, &value), 0);
		assert_int_equal(value, cases[i].value);
		write(&out, value);
		assert_string_equal(
			buffer_str(&out), cases[i].written ? cases[i].written : cases[i].text);
		buffer_fini(&out);
	}
}

#define CHECK_GOOD(cases, parse, write)                                                            \
	check_good((cases), sizeof(cases) / sizeof((cases)[0]), (parse), (write))

static void durations_have_units_and_come_back(void **state)
{
	static const struct good cases[] = {
		{ "0", 0, NULL },
		{ "500ms", 500000, NULL },
		{ "1500ms", 1500000, NULL },
		{ "5s", 5000000, NULL },
		{ "60s", 60000000, "1m" },
		{ "1m", 60000000, NULL },
		{ "90m", 5400000000, NULL },
		{ "2h", 7200000000, NULL },
		{ "7d", 604800000000, NULL },
		{ "7 d", 604800000000, "7d" },
		{ "0s", 0, "0" },
	};

	CHECK_GOOD(cases, value_parse_duration, value_write_duration);
}

static void sizes_are_binary_or_decimal_and_come_back(void **state)
{
	static const struct good cases[] = {
		{ "0", 0, NULL },
		{ "1023", 1023, NULL },
		{ "1024", 1024, "1KiB" },
		{ "32MiB", 33554432, NULL },
		{ "4MB", 4000000, "4000000" },
		{ "1 GiB", 1073741824, "1GiB" },
		{ "10kB", 10000, "10000" },
		{ "7B", 7, "7" },
		{ "8388607TiB", 9223370937343148032, NULL },
	};

	CHECK_GOOD(cases, value_parse_size, value_write_size);
}

static void negative_overflowing_and_bare_values_are_refused(void **state)
{
	static const char *const durations[] = { "", "-1s", "+1s", "5", "5x", "s", "1.5s", "1s ",
		" 1s", "106751992d", "99999999999999999999ms", "5sec", "1s1ms", "0x5s" };
	static const char *const sizes[] = { "", "-1", "8388608TiB", "1mib", "1 M", "MiB", "1e6",
		"1,000" };
	static const char *const integers[] = { "", "-1", "+1", "9223372036854775808", "1 ", "0x10",
		"1.0" };
	int64_t value;

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		assert_true(value_parse_duration(durations[i], &value) < 0);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_true(value_parse_size(sizes[i], &value) < 0);
	}
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
		assert_true(value_parse_integer(integers[i], &value) < 0);
	}
}

static void a_rate_is_a_count_in_a_time_or_off(void **state)
{
	static const char *const bad[] = { "", "5", "5 in", "5 in 0", "5in1m", "5 in1m", "0 in 1m",
		"5 in 1m x", "4294967296 in 1m", "-5 in 1m", "OFF" };
	struct config_rate rate;
	struct buffer out = BUFFER_INIT;

	assert_int_equal(value_parse_rate("5 in 1m", &rate), 0);
	assert_int_equal(rate.count, 5);
	assert_int_equal(rate.window_us, 60000000);
	value_write_rate(&out, &rate);
	assert_string_equal(buffer_str(&out), "5 in 1m");
	assert_int_equal(value_parse_rate("off", &rate), 0);
	assert_int_equal(rate.count, 0);
	buffer_clear(&out);
	value_write_rate(&out, &rate);
	assert_string_equal(buffer_str(&out), "off");
	buffer_fini(&out);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(value_parse_rate(bad[i], &rate) < 0);
	}
}

static void every_factor_comes_back_as_the_same_number(void **state)
{
	for (unsigned i = 0; i < 200000; i += 7) {
		struct buffer out = BUFFER_INIT;
		double factor = (double)i / 1000000, back;

		value_write_factor(&out, factor);
		assert_int_equal(value_parse_factor(buffer_str(&out), &back), 0);
		assert_memory_equal(&factor, &back, sizeof(factor));
		buffer_fini(&out);
	}
}

static void a_factor_is_a_plain_decimal_number(void **state)
{
	static const char *const bad[] = { "", "-1", "1.", ".5", "1e3", "nan", "inf", "1.1234567",
		"1,5", "10000000", "0x1p3" };
	double factor;

	assert_int_equal(value_parse_factor("1.25", &factor), 0);
	assert_true(factor > 1.2499 && factor < 1.2501);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(value_parse_factor(bad[i], &factor) < 0);
	}
}

static void passwords_in_urls_are_masked(void **state)
{
	static const struct {
		const char *url, *shown;
	} cases[] = {
		{ "postgresql:///shop", "postgresql:///shop" },
		{ "postgresql://app@db/shop", "postgresql://app@db/shop" },
		{ "postgresql://app:pw@db:5432/shop", "postgresql://app:***@db:5432/shop" },
		{ "postgresql://app:p@w@db/shop", "postgresql://app:***@db/shop" },
		{ "postgresql://app:p/w?x@db/shop", "postgresql://app:***@db/shop" },
		{ "postgresql://db/shop?user=a&password=pw&sslmode=require",
			"postgresql://db/shop?user=a&password=***&sslmode=require" },
		{ "postgresql://db/shop?sslPassword=pw", "postgresql://db/shop?sslPassword=***" },
		{ "postgresql://db:1/shop?application_name=a@b&password=pw",
			"postgresql://db:***@b&password=***" },
		{ "sqlite:/var/lib/x.db", "sqlite:/var/lib/x.db" },
		{ "a: b @ c", "a: b @ c" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer out = BUFFER_INIT;

		mask_url(cases[i].url, &out);
		assert_string_equal(buffer_str(&out), cases[i].shown);
		buffer_fini(&out);
	}
}

static void what_a_library_quotes_of_a_password_is_masked(void **state)
{
	static const struct {
		const char *url, *text, *shown;
	} cases[] = {
		{ "postgresql://app:pw/x@db/shop", "bad \"pw\" for \"port\"",
			"bad \"***\" for \"port\"" },
		{ "postgresql://app:p@w@db/shop", "no host \"w@db\"", "no host \"***\"" },
		{ "postgresql://app:pw@db:1/shop", "server at \"db\", port 1 failed",
			"server at \"db\", port 1 failed" },
		{ "postgresql://app:p\"w/x@db/shop", "bad \"p\"w\" for \"port\"", "bad \"***\"" },
		{ "postgresql://app:pw/x@db/shop", "bad \"pw", "bad \"***" },
		{ "postgresql://app:pw/x@db/shop", "\"\" is empty", "\"\" is empty" },
		{ "postgresql://db/shop", "no \"db\"", "no \"db\"" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer out = BUFFER_INIT;

		mask_quoted(cases[i].url, cases[i].text, &out);
		assert_string_equal(buffer_str(&out), cases[i].shown);
		buffer_fini(&out);
	}
}

static const char *nearest_of(const char *wanted)
{
	static const char *const names[] = { "topics", "workers", "batch.max", "batch.time",
		"in_flight.max" };
	struct nearest nearest = nearest_to(wanted);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		nearest_offer(&nearest, names[i]);
	}
	return nearest.best ? nearest.best : "";
}

static void the_nearest_name_is_found_and_a_far_one_is_not_proposed(void **state)
{
	assert_string_equal(nearest_of("worker"), "workers");
	assert_string_equal(nearest_of("owrkers"), "workers");
	assert_string_equal(nearest_of("batch_max"), "batch.max");
	assert_string_equal(nearest_of("IN.FLIGHT.MAX"), "in_flight.max");
	assert_string_equal(nearest_of("batch.tmie"), "batch.time");
	assert_string_equal(nearest_of("x"), "");
	assert_string_equal(nearest_of("password"), "");
	assert_string_equal(nearest_of(""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_have_units_and_come_back),
		cmocka_unit_test(sizes_are_binary_or_decimal_and_come_back),
		cmocka_unit_test(negative_overflowing_and_bare_values_are_refused),
		cmocka_unit_test(a_rate_is_a_count_in_a_time_or_off),
		cmocka_unit_test(every_factor_comes_back_as_the_same_number),
		cmocka_unit_test(a_factor_is_a_plain_decimal_number),
		cmocka_unit_test(passwords_in_urls_are_masked),
		cmocka_unit_test(what_a_library_quotes_of_a_password_is_masked),
		cmocka_unit_test(the_nearest_name_is_found_and_a_far_one_is_not_proposed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
