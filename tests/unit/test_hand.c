/*
 * test_hand - an event is in one hand at a time, however many there are
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/store.h"
#include "worker/hand.h"

enum { MANY = 20000, PLACES = 7 };

/* Few places for many keys: most stand behind others. */
static void make_key(unsigned number, uint8_t ret[STORE_KEY_SIZE])
{
	memset(ret, 0, STORE_KEY_SIZE);
	ret[0] = (uint8_t)(number % PLACES);
	memcpy(ret + 8, &number, sizeof(number));
}

static bool take(struct hand *hand, unsigned number)
{
	uint8_t key[STORE_KEY_SIZE];

	make_key(number, key);
	return hand_take(hand, key);
}

static void put(struct hand *hand, unsigned number)
{
	uint8_t key[STORE_KEY_SIZE];

	make_key(number, key);
	hand_put(hand, key);
}

static void what_is_in_hand_is_not_taken_again_until_it_is_put_down(void **state)
{
	struct hand *hand = hand_new();

	assert_true(take(hand, 1));
	assert_false(take(hand, 1));
	assert_true(take(hand, 2));
	put(hand, 1);
	assert_true(take(hand, 1));
	assert_false(take(hand, 2));
	hand_free(hand);
}

static void putting_down_what_is_not_in_hand_changes_nothing(void **state)
{
	struct hand *hand = hand_new();

	put(hand, 1);
	assert_true(take(hand, 1));
	put(hand, 1 + PLACES);
	assert_false(take(hand, 1));
	hand_free(hand);
	hand_free(NULL);
}

/* The keys of one place: each gap closes over those behind it. */
static void keys_that_share_a_place_are_found_when_others_go(void **state)
{
	enum { KEYS = 40 };
	struct hand *hand = hand_new();

	for (unsigned gone = 0; gone < KEYS; gone++) {
		for (unsigned i = 0; i < KEYS; i++) {
			assert_true(take(hand, i));
		}
		put(hand, gone);
		for (unsigned i = 0; i < KEYS; i++) {
			assert_int_equal(take(hand, i), i == gone);
		}
		for (unsigned i = 0; i < KEYS; i++) {
			put(hand, i);
		}
	}
	hand_free(hand);
}

static void it_grows_and_loses_none(void **state)
{
	struct hand *hand = hand_new();
	uint8_t key[STORE_KEY_SIZE] = { 0 };

	for (uint64_t i = 0; i < MANY; i++) {
		uint64_t spread = i * 0x9e3779b97f4a7c15u;
		memcpy(key, &spread, sizeof(spread));
		assert_true(hand_take(hand, key));
	}
	for (uint64_t i = 0; i < MANY; i++) {
		uint64_t spread = i * 0x9e3779b97f4a7c15u;
		memcpy(key, &spread, sizeof(spread));
		assert_false(hand_take(hand, key));
		hand_put(hand, key);
		assert_true(hand_take(hand, key));
	}
	hand_free(hand);
}

static void an_owner_is_made_once(void **state)
{
	static struct page page;
	uint8_t first[PAGE_OWNER_SIZE], nobody[PAGE_OWNER_SIZE] = { 0 };

	hand_make_owner(&page);
	memcpy(first, page.lease_owner, sizeof(first));
	assert_memory_not_equal(first, nobody, sizeof(first));
	hand_make_owner(&page);
	assert_memory_equal(first, page.lease_owner, sizeof(first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_hand_is_not_taken_again_until_it_is_put_down),
		cmocka_unit_test(putting_down_what_is_not_in_hand_changes_nothing),
		cmocka_unit_test(keys_that_share_a_place_are_found_when_others_go),
		cmocka_unit_test(it_grows_and_loses_none),
		cmocka_unit_test(an_owner_is_made_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
