/*
 * test_quarantine - only a record that killed alone is condemned, whatever else dies around it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "core/quarantine.h"

static struct quarantine quarantine;

static int setup(void **state)
{
	quarantine_init(&quarantine, 2);
	return 0;
}

static struct quarantine_position at(int64_t offset)
{
	struct quarantine_position position = { .cluster_id = "cluster",
		.topic = "orders",
		.partition = 3,
		.offset = offset,
		.timestamp_ms = 1000 + offset };

	return position;
}

static enum quarantine_step die(
	const struct quarantine_position *named, bool was_alone, int64_t now_ms)
{
	struct quarantine_death death = { .named = named,
		.was_alone = was_alone,
		.code = "SIGSEGV",
		.text = "killed by signal 11",
		.now_ms = now_ms };

	return quarantine_death(&quarantine, &death, NULL);
}

static void record_is_condemned_after_so_many_deaths_alone(void **state)
{
	struct quarantine_position x = at(7);

	assert_int_equal(die(&x, false, 1), QUARANTINE_ISOLATE);
	assert_int_equal(die(&x, true, 2), QUARANTINE_ISOLATE);
	assert_int_equal(die(&x, true, 3), QUARANTINE_CONDEMN);
	assert_int_equal(quarantine.count, 1);
	assert_int_equal(quarantine.entries[0].deaths, 3);
	assert_int_equal(quarantine.entries[0].alone, 2);
	assert_int_equal(quarantine.entries[0].first_ms, 1);
	assert_int_equal(quarantine.entries[0].last_ms, 3);
}

static void deaths_in_company_prove_nothing(void **state)
{
	struct quarantine_position x = at(7);

	for (int i = 0; i < 100; i++) {
		assert_int_not_equal(die(&x, false, i), QUARANTINE_CONDEMN);
	}
	assert_false(quarantine.entries[0].is_condemned);
}

static void death_that_nobody_is_named_for_isolates_all(void **state)
{
	assert_int_equal(die(NULL, false, 1), QUARANTINE_ISOLATE_ALL);
	assert_int_equal(quarantine.count, 0);
}

static void second_death_in_company_isolates_all(void **state)
{
	struct quarantine_position x = at(7), y = at(8);

	assert_int_equal(die(&x, false, 1), QUARANTINE_ISOLATE);
	assert_int_equal(die(&y, false, 2), QUARANTINE_ISOLATE_ALL);
}

static void death_alone_makes_the_next_name_worth_a_look_again(void **state)
{
	struct quarantine_position x = at(7), y = at(8);

	die(&x, false, 1);
	die(&x, true, 2);
	assert_int_equal(die(&y, false, 3), QUARANTINE_ISOLATE);
}

static void position_is_compared_whole(void **state)
{
	struct quarantine_position x = at(7), y;

	die(&x, true, 1);
	y = x, y.timestamp_ms++;
	assert_int_not_equal(die(&y, true, 2), QUARANTINE_CONDEMN);
	y = x, y.partition++;
	assert_int_not_equal(die(&y, true, 2), QUARANTINE_CONDEMN);
	y = x, strcpy(y.topic, "other");
	assert_int_not_equal(die(&y, true, 2), QUARANTINE_CONDEMN);
	y = x, strcpy(y.cluster_id, "other");
	assert_int_not_equal(die(&y, true, 2), QUARANTINE_CONDEMN);
	assert_int_equal(die(&x, true, 3), QUARANTINE_CONDEMN);
}

static void what_is_committed_is_forgotten(void **state)
{
	struct quarantine_position x = at(7), y = at(8);

	die(&x, false, 1);
	die(&y, false, 1);
	assert_false(quarantine_settled(&quarantine, "orders", 3, 7));
	assert_false(quarantine_settled(&quarantine, "orders", 4, 100));
	assert_true(quarantine_settled(&quarantine, "orders", 3, 8));
	assert_int_equal(quarantine.count, 1);
	assert_int_equal(quarantine.entries[0].at.offset, 8);
}

static void what_killed_nobody_for_long_is_forgotten(void **state)
{
	struct quarantine_position x = at(7), y = at(8);

	die(&x, false, 100);
	die(&y, false, 200);
	assert_true(quarantine_expire(&quarantine, 150));
	assert_int_equal(quarantine.count, 1);
	assert_int_equal(quarantine.entries[0].at.offset, 8);
}

static void full_table_keeps_the_condemned_and_drops_the_oldest_suspect(void **state)
{
	for (int i = 0; i < QUARANTINE_ENTRIES_MAX; i++) {
		struct quarantine_position x = at(i);
		die(&x, true, 100 + i);
	}
	struct quarantine_position first = at(0), new = at(1000);
	die(&first, true, 50);
	die(&new, false, 1000);
	assert_int_equal(quarantine.count, QUARANTINE_ENTRIES_MAX);
	assert_int_equal(die(&first, true, 1001), QUARANTINE_CONDEMN);
	/* offset 1 was the oldest that nothing is proved of: it counts anew */
	struct quarantine_position second = at(1);
	assert_int_equal(die(&second, true, 1002), QUARANTINE_ISOLATE);
}

static void counts_survive_in_text(void **state)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT, again = BUFFER_INIT;
	struct quarantine_position x = at(7), y = at(8);
	struct quarantine restored;

	strcpy(y.cluster_id, "");
	die(&x, true, 1);
	die(&x, true, 2);
	die(&y, false, 3);
	quarantine.entries[1].is_timeout = true;
	strcpy(quarantine.entries[1].text, "");
	strcpy(quarantine.entries[1].code, "");
	quarantine_write(&quarantine, &text);
	quarantine_init(&restored, 2);
	assert_int_equal(quarantine_read(&restored, buffer_str(&text)), 0);
	assert_int_equal(restored.count, 2);
	assert_true(restored.entries[0].is_condemned);
	assert_string_equal(restored.entries[0].text, "killed by signal 11");
	assert_string_equal(restored.entries[1].at.cluster_id, "");
	quarantine_write(&restored, &again);
	assert_string_equal(buffer_str(&again), buffer_str(&text));
}

static void half_a_line_and_garbage_are_left_out_and_counted(void **state)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	struct quarantine_position x = at(7), y = at(8);
	struct quarantine restored;

	die(&x, true, 1);
	quarantine_write(&quarantine, &text);
	die(&y, true, 1);
	buffer_append_str(&text, "garbage\n\nsuspect crash 1 2 3\n");
	buffer_append_str(
		&text, "suspect crash 1 9 1 1 c orders 3 8 1 SIGSEGV more alone than deaths\n");
	quarantine_write(&quarantine, &text);
	text.len -= 1; /* the last line lost its end */
	text.data[text.len] = '\0';
	quarantine_init(&restored, 2);
	assert_int_equal(quarantine_read(&restored, buffer_str(&text)), 4);
	assert_int_equal(restored.count, 1);
	assert_int_equal(restored.entries[0].at.offset, 7);
}

/* ---- a random life: killers and innocents, names right and wrong ---- */

enum { RECORDS = 12, LANES = 4 };

struct life {
	uint64_t random;
	bool is_killer[RECORDS], is_isolated[RECORDS], is_over[RECORDS], is_dead[RECORDS];
	bool is_all_isolated;
};

static unsigned draw(struct life *life, unsigned below)
{
	life->random ^= life->random << 13;
	life->random ^= life->random >> 7;
	life->random ^= life->random << 17;
	return (unsigned)(life->random % below);
}

static void follow(struct life *life, int named, bool was_alone, int64_t now_ms)
{
	struct quarantine_position position = named < 0 ? at(0) : at(named);
	enum quarantine_step step = die(named < 0 ? NULL : &position, was_alone, now_ms);

	if (step == QUARANTINE_CONDEMN) {
		assert_true(life->is_killer[named]);
		assert_true(was_alone);
		life->is_dead[named] = life->is_over[named] = true;
	} else if (step == QUARANTINE_ISOLATE) {
		life->is_isolated[named] = true;
	} else {
		life->is_all_isolated = true;
	}
}

/* One worker's life: takes what is left, up to LANES at once, until a killer is among them. */
static void live(struct life *life, int64_t now_ms)
{
	for (;;) {
		int hand[LANES], count = 0, killer = -1;

		for (int i = 0; i < RECORDS && count < LANES; i++) {
			bool must_be_alone = life->is_isolated[i] || life->is_all_isolated;
			if (life->is_over[i] || (must_be_alone && count)) {
				continue;
			}
			hand[count++] = i;
			killer = life->is_killer[i] ? i : killer;
			if (must_be_alone) {
				break;
			}
		}
		if (count == 0) {
			return;
		}
		bool was_alone =
			count == 1 && (life->is_isolated[hand[0]] || life->is_all_isolated);
		if (killer >= 0) {
			/* alone the name is right; in company it is right, wrong or missing */
			int named = was_alone        ? killer
				: draw(life, 3) == 0 ? -1
						     : hand[draw(life, (unsigned)count)];
			follow(life, named, was_alone, now_ms);
			return;
		}
		for (int i = 0; i < count; i++) {
			life->is_over[hand[i]] = true;
		}
	}
}

static void killers_and_nobody_else_are_condemned_in_any_life(void **state)
{
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		struct life life = { .random = seed * 0x9e3779b97f4a7c15u };
		int killers = 0, rounds = 0, over;

		quarantine_init(&quarantine, 2);
		for (int i = 0; i < RECORDS; i++) {
			life.is_killer[i] = draw(&life, 4) == 0;
			killers += life.is_killer[i];
		}
		do {
			live(&life, ++rounds);
			over = 0;
			for (int i = 0; i < RECORDS; i++) {
				over += life.is_over[i];
			}
		} while (over < RECORDS && rounds < 1000);
		assert_int_equal(over, RECORDS);
		for (int i = 0; i < RECORDS; i++) {
			assert_int_equal(life.is_dead[i], life.is_killer[i]);
		}
		/* two deaths alone each, and the few that led there */
		assert_true(rounds <= 2 * killers + 2 * killers + 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(record_is_condemned_after_so_many_deaths_alone, setup),
		cmocka_unit_test_setup(deaths_in_company_prove_nothing, setup),
		cmocka_unit_test_setup(death_that_nobody_is_named_for_isolates_all, setup),
		cmocka_unit_test_setup(second_death_in_company_isolates_all, setup),
		cmocka_unit_test_setup(death_alone_makes_the_next_name_worth_a_look_again, setup),
		cmocka_unit_test_setup(position_is_compared_whole, setup),
		cmocka_unit_test_setup(what_is_committed_is_forgotten, setup),
		cmocka_unit_test_setup(what_killed_nobody_for_long_is_forgotten, setup),
		cmocka_unit_test_setup(
			full_table_keeps_the_condemned_and_drops_the_oldest_suspect, setup),
		cmocka_unit_test_setup(counts_survive_in_text, setup),
		cmocka_unit_test_setup(half_a_line_and_garbage_are_left_out_and_counted, setup),
		cmocka_unit_test(killers_and_nobody_else_are_condemned_in_any_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
