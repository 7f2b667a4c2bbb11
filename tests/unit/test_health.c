/*
 * test_health - what fails /livez and /readyz, and what must not
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/address.h"
#include "os/page.h"
#include "supervisor/health.h"
#include "supervisor/visitors.h"

enum { NOW_MS = 1000000 };

static struct config_consumer config;
static struct slot slots[2];
static struct slot *slot_list[] = { &slots[0], &slots[1] };
static struct consumer consumer;
static struct consumer *consumers[] = { &consumer };
static struct tree tree;
static char why[HEALTH_SENTENCE_MAX];

static int setup(void **state)
{
	config = (struct config_consumer){ .name = (char *)(uintptr_t) "orders" };
	consumer = (struct consumer){
		.config = &config, .slots = slot_list, .slot_count = 2, .slot_total = 2
	};
	tree = (struct tree){ .consumers = consumers, .consumer_count = 1, .consumer_total = 1 };
	for (unsigned i = 0; i < 2; i++) {
		slots[i] = (struct slot){
			.consumer = &consumer, .number = i, .state = SLOT_READY, .pid = 100 + (int)i
		};
		if (page_create(NULL, &slots[i].page_fd, &slots[i].page, NULL) < 0) {
			return -1;
		}
	}
	return 0;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		page_unmap(slots[i].page);
		close(slots[i].page_fd);
	}
	pauses_fini(&consumer.pauses);
	return 0;
}

static bool is_ready(bool is_strict)
{
	return health_is_ready(&tree, is_strict, NOW_MS, why);
}

static void assert_not_ready(const char *words)
{
	assert_false(is_ready(false));
	if (!strstr(why, words)) {
		fail_msg("\"%s\" does not say \"%s\"", why, words);
	}
}

static void pause_all(bool is_released)
{
	struct pause pause = { .partition = -1, .is_paused = 1, .is_released = is_released };

	snprintf(pause.who, sizeof(pause.who), "ann");
	pause.since_ms = NOW_MS - 1000;
	assert_true(pauses_put(&consumer.pauses, &pause));
}

static void everybody_joined_is_ready_also_with_nothing_assigned(void **state)
{
	assert_true(is_ready(false));
	assert_true(is_ready(true));
	assert_string_equal(why, "all consumers have joined their groups");
}

static void a_worker_that_has_not_joined_is_named(void **state)
{
	static const struct {
		enum slot_state state;
		const char *words;
	} cases[] = {
		{ SLOT_STOPPED, "worker orders/1 is not started" },
		{ SLOT_STARTING, "worker orders/1 has not joined its group yet" },
		{ SLOT_DRAINING, "worker orders/1 is being replaced" },
		{ SLOT_WAITING, "worker orders/1 died" },
		{ SLOT_FENCED, "worker orders/1 waits because another process" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		slots[1].state = cases[i].state;
		assert_not_ready(cases[i].words);
	}
}

static void why_it_has_not_joined_is_said(void **state)
{
	slots[0].state = SLOT_STARTING;
	atomic_store(&slots[0].page->broker_is_down, 1);
	page_text_set(&slots[0].page->broker_text, "%s", "no broker answers");
	assert_not_ready("has not joined its group yet: no broker answers");
}

static void a_pause_on_purpose_is_ready(void **state)
{
	slots[0].state = slots[1].state = SLOT_STOPPED;
	pause_all(true);
	assert_true(is_ready(false));
	assert_string_equal(
		why, "1 of 1 consumers are paused on purpose, all others have joined their groups");
}

static void a_drain_to_stop_is_not_ready(void **state)
{
	tree.is_draining = true;
	assert_not_ready("draining");
}

static void store_and_dead_letters_count_when_asked_for(void **state)
{
	atomic_store(&slots[1].page->store_is_down, 1);
	page_text_set(&slots[1].page->store_text, "%s", "refused");
	assert_true(is_ready(false));
	assert_false(is_ready(true));
	assert_string_equal(why, "consumer orders: its store is down: refused");
	atomic_store(&slots[1].page->store_is_down, 0);
	atomic_store(&slots[0].page->dlq_is_down, 1);
	assert_true(is_ready(false));
	assert_false(is_ready(true));
	assert_non_null(strstr(why, "its dead-letter topic is down"));
}

static void a_broker_that_went_away_changes_nothing(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&slots[i].page->broker_is_down, 1);
	}
	assert_true(is_ready(true));
	assert_true(health_is_live(&tree, 0, why));
}

static void partitions_that_nobody_lists_are_named(void **state)
{
	static int32_t listed[] = { 0, 2 };
	static struct config_partition_group group = { listed, 2 };

	config.groups = &group;
	config.group_count = 1;
	for (int32_t i = 0; i < 3; i++) {
		int index = page_partition_index(slots[0].page, "t", i);

		atomic_store(&slots[0].page->partitions[index].state, PAGE_PARTITION_RUNNING);
	}
	pause_all(false);
	assert_not_ready("no worker lists t[1]; add it to `partitions`");
	for (int32_t i = 3; i < 9; i++) {
		int index = page_partition_index(slots[0].page, "t", i);

		atomic_store(&slots[0].page->partitions[index].state, PAGE_PARTITION_HELD);
	}
	assert_not_ready("no worker lists t[1], t[3], t[4] and more; add them to");
}

static void a_heart_that_stands_still_is_not_alive(void **state)
{
	assert_true(health_is_live(&tree, 1000000, why));
	slots[1].is_silent = true;
	slots[1].silent_us = 31000000;
	assert_false(health_is_live(&tree, 1000000, why));
	assert_string_equal(why, "worker orders/1, pid 101, gave no sign of life for 31 s");
}

static void a_loop_that_is_late_is_not_alive(void **state)
{
	assert_false(health_is_live(&tree, 12000000, why));
	assert_string_equal(why, "the supervisor's loop is 12 s late");
}

static void no_outage_and_no_pause_touches_life(void **state)
{
	tree.is_draining = true;
	slots[0].state = SLOT_WAITING;
	atomic_store(&slots[1].page->store_is_down, 1);
	atomic_store(&slots[1].page->dlq_is_down, 1);
	pause_all(false);
	assert_true(health_is_live(&tree, 0, why));
}

/* ---- visitors ---- */

static bool is_shut(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void the_last_place_is_kept_free_by_who_waits_longest(void **state)
{
	struct visitors visitors = { 0 };
	int pairs[VISITORS_MAX][2];

	for (int i = 0; i < VISITORS_MAX; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
		visitors_enter(&visitors, pairs[i][0], 1000 + i);
		if (i == VISITORS_MAX / 2) {
			visitors_answered(&visitors, pairs[0][0], 5000);
		}
	}
	assert_false(is_shut(pairs[0][1])); /* was answered since */
	assert_true(is_shut(pairs[1][1]));
	assert_false(is_shut(pairs[2][1]));
	visitors_leave(&visitors, pairs[1][0]);
	assert_int_equal(visitors.count, VISITORS_MAX - 1);
	for (int i = 0; i < VISITORS_MAX; i++) {
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
}

static void time_counts_from_the_last_answer(void **state)
{
	struct visitors visitors = { 0 };
	int pairs[2][2];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
		visitors_enter(&visitors, pairs[i][0], 0);
	}
	visitors_answered(&visitors, pairs[1][0], 30);
	assert_int_equal(visitors_expire(&visitors, 99, 100), 100);
	assert_int_equal(visitors_expire(&visitors, 100, 100), 130);
	assert_true(is_shut(pairs[0][1]));
	assert_false(is_shut(pairs[1][1]));
	visitors_leave(&visitors, pairs[0][0]);
	visitors_leave(&visitors, pairs[1][0]);
	assert_true(visitors_expire(&visitors, 1000, 100) == INT64_MAX);
	for (int i = 0; i < 2; i++) {
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
}

/* ---- addresses ---- */

static void addresses_are_numbers_with_a_port(void **state)
{
	static const struct {
		const char *text;
		int family; /* 0: refused */
	} cases[] = {
		{ "127.0.0.1:9464", AF_INET },
		{ "0.0.0.0:1", AF_INET },
		{ "[::]:9464", AF_INET6 },
		{ "[::1]:65535", AF_INET6 },
		{ "[fe80::1%eth0]:9464", 0 },
		{ "::1:9464", 0 },
		{ "[127.0.0.1]:9464", 0 },
		{ "localhost:9464", 0 },
		{ "127.0.0.1", 0 },
		{ "127.0.0.1:", 0 },
		{ "127.0.0.1:0", 0 },
		{ "127.0.0.1:65536", 0 },
		{ "127.0.0.1:+80", 0 },
		{ "127.0.0.1:94640000000000000000", 0 },
		{ ":9464", 0 },
		{ "[]:9464", 0 },
		{ "9464", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_storage address;
		socklen_t len = 0;
		int r = address_parse(cases[i].text, &address, &len);

		if ((r == 0) != (cases[i].family != 0)) {
			fail_msg("%s: %d", cases[i].text, r);
		}
		if (r == 0) {
			assert_int_equal(address.ss_family, cases[i].family);
			assert_true(len > 0);
		}
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everybody_joined_is_ready_also_with_nothing_assigned),
		TEST(a_worker_that_has_not_joined_is_named),
		TEST(why_it_has_not_joined_is_said),
		TEST(a_pause_on_purpose_is_ready),
		TEST(a_drain_to_stop_is_not_ready),
		TEST(store_and_dead_letters_count_when_asked_for),
		TEST(a_broker_that_went_away_changes_nothing),
		TEST(partitions_that_nobody_lists_are_named),
		TEST(a_heart_that_stands_still_is_not_alive),
		TEST(a_loop_that_is_late_is_not_alive),
		TEST(no_outage_and_no_pause_touches_life),
		TEST(the_last_place_is_kept_free_by_who_waits_longest),
		TEST(time_counts_from_the_last_answer),
		TEST(addresses_are_numbers_with_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
