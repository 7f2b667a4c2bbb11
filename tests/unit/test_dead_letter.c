/*
 * test_dead_letter - what a worker says of its dead-letter topic when a letter goes another way
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "worker/worker_private.h"

enum { EPOCH = 3 };

static const struct source_partition ids[] = { { "t", 0, 0, EPOCH }, { "t", 1, 1, EPOCH } };

/* The topic, played: it takes nothing. */
static int refuse(struct sink *sink, const struct sink_message *message, struct err *err)
{
	err_set(err, 0, "there is no topic");
	return 1;
}

static const struct sink_ops refusing = { .send = refuse };
static const struct worker_wiring wiring = { .sink = &refusing };
static const struct config_consumer consumer = { .name = (char *)"c",
	.dlq_topic = (char *)"c.dlq",
	.batch_max = 10,
	.in_flight_max = 100,
	.in_flight_bytes = 1 << 20 };

struct fixture {
	struct worker worker;
	int page_fd;
};

/* With two partitions, and one record of each that became a dead letter. */
static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);
	struct worker *worker = &f->worker;

	*state = f;
	worker->wiring = &wiring;
	worker->consumer = &consumer;
	assert_int_equal(page_create(NULL, &f->page_fd, &worker->page, NULL), 0);
	worker_init_locks(worker);
	worker_init_core(worker);
	for (size_t i = 0; i < 2; i++) {
		const struct source_record polled = { .slot = (uint32_t)i,
			.epoch = EPOCH,
			.offset = 7,
			.timestamp_ms = 1000,
			.value = slice_from_str("{}") };
		struct unit_work work = { .end = UNIT_DEAD, .text = "it is poison" };

		assert_non_null(partition_get(worker, &ids[i]));
		work.record = record_new(NULL, NULL, &polled, 0);
		work.record->header_count = 0;
		dead_letter_add(worker, &work);
	}
	dead_letters_tick(worker, clock_mono_us());
	assert_int_equal(worker->page->dlq_is_down, 1);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dead_letters_fini(&f->worker);
	partitions_fini(&f->worker);
	sched_free(f->worker.sched);
	rate_fini(&f->worker.breaker);
	page_unmap(f->worker.page);
	close(f->page_fd);
	free(f);
	return 0;
}

static void expect_down(const struct worker *worker, bool is_down)
{
	char words[PAGE_TEXT_MAX];

	page_text_get(&worker->page->dlq_text, words);
	assert_int_equal(worker->page->dlq_is_down, is_down);
	assert_int_equal(words[0] != '\0', is_down);
}

static void a_topic_that_no_letter_waits_for_is_not_down(void **state)
{
	struct worker *worker = &((struct fixture *)*state)->worker;

	dead_letters_drop(worker, 0, EPOCH);
	expect_down(worker, true);
	dead_letters_drop(worker, 1, EPOCH); /* the last one went with its partition */
	expect_down(worker, false);
}

static void skipping_the_last_letter_ends_the_trouble(void **state)
{
	struct worker *worker = &((struct fixture *)*state)->worker;

	assert_true(dead_letter_skip(worker, worker->partitions[0], 7));
	expect_down(worker, true);
	assert_true(dead_letter_skip(worker, worker->partitions[1], 7));
	expect_down(worker, false);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_topic_that_no_letter_waits_for_is_not_down),
		TEST(skipping_the_last_letter_ends_the_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
