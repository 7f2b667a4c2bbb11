/*
 * test_pause - scopes, stamps and ends of what is paused
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "core/pause.h"

static struct pauses pauses;

static int setup(void **state)
{
	pauses = (struct pauses){ 0 };
	return 0;
}

static int teardown(void **state)
{
	pauses_fini(&pauses);
	return 0;
}

static struct pause word(const char *scope, bool is_paused, int64_t since_ms)
{
	struct pause pause = { .is_paused = is_paused, .since_ms = since_ms, .reason = "why" };

	assert_true(pause_scope_read(&pause, "c", scope));
	snprintf(pause.who, sizeof(pause.who), "%s@%d", scope, (int)since_ms);
	return pause;
}

static bool say(const char *scope, bool is_paused, int64_t since_ms)
{
	struct pause pause = word(scope, is_paused, since_ms);

	return pauses_put(&pauses, &pause);
}

/* Who pauses it at time 1000; "" when nobody does. */
static const char *paused_by(const char *topic, int32_t partition)
{
	const struct pause *pause = pauses_find(&pauses, topic, partition, 1000);

	return pause ? pause->who : "";
}

static void a_pause_covers_what_is_inside_of_its_scope(void **state)
{
	assert_true(say("c:t", true, 10));
	assert_string_equal(paused_by("t", 0), "c:t@10");
	assert_string_equal(paused_by("t", 7), "c:t@10");
	assert_string_equal(paused_by("u", 0), "");
	assert_string_equal(paused_by("", -1), "");
	assert_true(pauses_has_parts(&pauses, 1000));
}

static void the_widest_pause_is_named(void **state)
{
	say("c:t:3", true, 30);
	say("c", true, 10);
	say("c:t", true, 20);
	assert_string_equal(paused_by("t", 3), "c@10");
	assert_string_equal(paused_by("", -1), "c@10");
}

static void the_newest_stamp_of_a_scope_wins(void **state)
{
	assert_true(say("c", true, 10));
	assert_false(say("c", false, 9));
	assert_false(say("c", false, 10));
	assert_string_equal(paused_by("", -1), "c@10");
	assert_true(say("c", false, 11));
	assert_string_equal(paused_by("", -1), "");
	assert_false(say("c", true, 10));
	assert_string_equal(paused_by("", -1), "");
}

static void a_resume_ends_all_that_was_paused_inside_before(void **state)
{
	say("c:t:3", true, 10);
	say("c:u", true, 20);
	assert_true(say("c", false, 15));
	assert_string_equal(paused_by("t", 3), "");
	assert_string_equal(paused_by("u", 0), "c:u@20");
	assert_false(say("c:t:3", true, 14)); /* heard late, from another host */
	assert_true(say("c:t:3", true, 16));
	assert_string_equal(paused_by("t", 3), "c:t:3@16");
}

static void a_narrow_resume_does_not_end_a_wide_pause(void **state)
{
	say("c", true, 10);
	say("c:t:3", false, 20);
	assert_string_equal(paused_by("t", 3), "c@10");
}

static void a_pause_is_over_at_its_end(void **state)
{
	struct pause pause = word("c", true, 10);

	pause.until_ms = 500;
	assert_true(pauses_put(&pauses, &pause));
	assert_non_null(pauses_find(&pauses, "", -1, 499));
	assert_null(pauses_find(&pauses, "", -1, 500));
}

static void a_stamp_is_newer_than_all_even_of_a_clock_that_was_ahead(void **state)
{
	say("c", true, 5000);
	assert_int_equal(pauses_stamp(&pauses, 1000), 5001);
	assert_int_equal(pauses_stamp(&pauses, 9000), 9000);
}

static void no_more_than_a_bounded_number_is_kept(void **state)
{
	char scope[32];

	for (int i = 0; i < PAUSES_MAX; i++) {
		snprintf(scope, sizeof(scope), "c:t:%d", i);
		assert_true(say(scope, true, 10));
	}
	assert_false(say("c:t:99999", true, 10));
	assert_true(say("c:t:5", false, 11)); /* a known scope is never refused */
	assert_true(say("c", false, 12));
	assert_int_equal(pauses.count, 1);
}

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* As many as are kept. */
static void fill(bool is_paused)
{
	char scope[32];

	for (int i = 0; i < PAUSES_MAX; i++) {
		snprintf(scope, sizeof(scope), "c:t:%d", i);
		assert_true(say(scope, true, 10 + i));
		assert_true(is_paused || say(scope, false, 5000 + i));
	}
}

static void what_was_resumed_makes_room_the_oldest_first(void **state)
{
	fill(false);
	assert_true(say("c:t:5", true, 9000)); /* its own place */
	assert_true(say("c:u:1", true, 9001));
	assert_int_equal(pauses.count, PAUSES_MAX);
	assert_string_equal(paused_by("u", 1), "c:u:1@9001");
	assert_string_equal(paused_by("t", 5), "c:t:5@9000");
	/* an old word about what was forgotten would be believed, one about the next is not */
	assert_false(say("c:t:1", true, 20));
	/* what a store says again and again is no news */
	assert_false(say("c:t:0", false, 5000));
}

static void what_is_in_force_makes_none(void **state)
{
	struct pause timed = word("c:u:1", true, 2 * DAY_MS);

	fill(true);
	assert_false(pauses_put(&pauses, &timed));
	assert_false(say("c:u", true, 2 * (int)DAY_MS));
	assert_string_equal(paused_by("t", 0), "c:t:0@10");
}

static void an_end_makes_room_when_no_clock_can_doubt_it(void **state)
{
	struct pause timed = word("c:t:7", true, 5000), news = word("c:u:1", true, 1000 + DAY_MS);

	timed.until_ms = 1001;
	fill(true);
	assert_true(pauses_put(&pauses, &timed));
	assert_false(pauses_put(&pauses, &news));
	news.since_ms++;
	assert_true(pauses_put(&pauses, &news));
	assert_int_equal(pauses.count, PAUSES_MAX);
	assert_string_equal(paused_by("t", 7), "");
}

static void the_whole_consumer_can_always_be_paused(void **state)
{
	fill(true);
	assert_true(say("c", true, 9000));
	assert_string_equal(paused_by("u", 0), "c@9000");
	assert_string_equal(paused_by("", -1), "c@9000");
	assert_true(say("c", false, 9001));
	assert_int_equal(pauses.count, 1);
}

static void a_topics_resume_is_kept_for_what_is_heard_late(void **state)
{
	assert_true(say("c:u", false, 100));
	fill(false);
	assert_false(say("c:u:3", true, 50));
}

static void what_is_written_is_read_again(void **state)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	struct pause pause = word("c:t:3", true, 10);
	struct pauses read = { 0 };
	unsigned strangers;

	pause.until_ms = 99;
	pauses_put(&pauses, &pause);
	say("c:u", false, 20);
	pause = word("c", true, 5);
	pause.is_released = 1;
	pauses_put(&pauses, &pause);
	pauses_write(&pauses, &text);
	pauses_read(&read, buffer_str(&text), &strangers);
	assert_int_equal(strangers, 0);
	assert_int_equal(read.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_memory_equal(&read.items[i], &pauses.items[i], sizeof(read.items[i]));
	}
	pauses_fini(&read);
}

static void lines_that_are_none_are_counted_and_left_out(void **state)
{
	static const char text[] = "paused\t10\t0\t-1\t\tann\twhy\n"
				   "paused\t10\t0\t5\t\tann\ta partition without its topic\n"
				   "asleep\t10\t0\t-1\tt\tann\twhy\n"
				   "paused\tten\t0\t-1\tt\tann\twhy\n"
				   "\n"
				   "paused\t11\t0\t-1\tt/../u\tann\twhy\n"
				   "paused\t12\t0\t-1\tt\tann\tcut sho";
	unsigned strangers;

	pauses_read(&pauses, text, &strangers);
	assert_int_equal(strangers, 6);
	assert_int_equal(pauses.count, 1);
	assert_string_equal(pauses.items[0].who, "ann");
}

static void scopes_are_read_strictly(void **state)
{
	static const char *const wrong[] = { "", "d", "cc", "c:", "c::3", "c:t:", "c:t:x", "c:t:-1",
		"c:t:3:4", "c:t:99999999999", "c:a b" };
	struct pause pause;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(pause_scope_read(&pause, "c", wrong[i]));
	}
	assert_true(pause_scope_read(&pause, "c", "c:a.b-c_D:7"));
	assert_string_equal(pause.topic, "a.b-c_D");
	assert_int_equal(pause.partition, 7);
}

static void what_a_stranger_says_is_checked(void **state)
{
	struct pause good = word("c:t:3", true, 10), bad;

	assert_true(pause_is_valid(&good));
	bad = good;
	memset(bad.reason, 'x', sizeof(bad.reason));
	assert_false(pause_is_valid(&bad));
	bad = good;
	bad.topic[0] = '\0';
	assert_false(pause_is_valid(&bad));
	bad = good;
	strcpy(bad.topic, "a\nb");
	assert_false(pause_is_valid(&bad));
	bad = good;
	bad.since_ms = 0;
	assert_false(pause_is_valid(&bad));
	bad = good;
	bad.until_ms = -1;
	assert_false(pause_is_valid(&bad));
}

static void a_pause_says_who_until_when_and_why(void **state)
{
	struct pause pause = word("c", true, 10);
	char sentence[PAUSE_SENTENCE_MAX];

	pause_sentence(&pause, sentence);
	assert_string_equal(sentence, "by c@10: why");
	pause.until_ms = 1700000000000;
	pause_sentence(&pause, sentence);
	assert_string_equal(sentence, "by c@10 until 2023-11-14T22:13:20Z: why");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_pause_covers_what_is_inside_of_its_scope),
		TEST(the_widest_pause_is_named),
		TEST(the_newest_stamp_of_a_scope_wins),
		TEST(a_resume_ends_all_that_was_paused_inside_before),
		TEST(a_narrow_resume_does_not_end_a_wide_pause),
		TEST(a_pause_is_over_at_its_end),
		TEST(a_stamp_is_newer_than_all_even_of_a_clock_that_was_ahead),
		TEST(no_more_than_a_bounded_number_is_kept),
		TEST(what_was_resumed_makes_room_the_oldest_first),
		TEST(what_is_in_force_makes_none),
		TEST(an_end_makes_room_when_no_clock_can_doubt_it),
		TEST(the_whole_consumer_can_always_be_paused),
		TEST(a_topics_resume_is_kept_for_what_is_heard_late),
		TEST(what_is_written_is_read_again),
		TEST(lines_that_are_none_are_counted_and_left_out),
		TEST(scopes_are_read_strictly),
		TEST(what_a_stranger_says_is_checked),
		TEST(a_pause_says_who_until_when_and_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
