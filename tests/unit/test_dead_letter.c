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

enum { EPOCH = 3, BREAKER = 5 };

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
	.dlq_breaker = { BREAKER, (int64_t)60 * 1000 * 1000 },
	.batch_max = 10,
	.in_flight_max = 100,
	.in_flight_bytes = 1 << 20 };

struct fixture {
	struct worker worker;
	int page_fd;
	struct record *waiting; /* for a lane */
};

static struct record *poison(uint32_t slot, int64_t offset)
{
	const struct source_record polled = { .slot = slot,
		.epoch = EPOCH,
		.offset = offset,
		.timestamp_ms = 1000,
		.value = slice_from_str("{}") };
	struct record *record = record_new(NULL, NULL, &polled, 0);

	record->header_count = 0;
	return record;
}

/* As a lane does. */
static void add(struct worker *worker, uint32_t slot, int64_t offset, enum unit_end end)
{
	struct unit_work work = { .end = end, .text = "it is poison" };

	work.record = poison(slot, offset);
	dead_letter_add(worker, &work);
}

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
	for (uint32_t i = 0; i < 2; i++) {
		assert_non_null(partition_get(worker, &ids[i]));
		add(worker, i, 7, UNIT_DEAD);
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
	pauses_fini(&f->worker.pauses);
	if (f->waiting) {
		record_free(f->waiting);
	}
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

static const struct config_consumer transactional = { .name = (char *)"c",
	.dlq_topic = (char *)"c.dlq",
	.dlq_breaker = { BREAKER, (int64_t)60 * 1000 * 1000 },
	.is_transactional = true };

/* What the lane of a transactional consumer says: no letter waits, but the record itself. */
static void leave_unwritten(struct worker *worker, uint32_t slot, int64_t offset)
{
	struct partition *p = worker->partitions[slot];

	assert_true(dead_letter_skip(worker, p, offset)); /* of setup() */
	p->tracker = tracker_new(offset, 100);
	assert_int_equal(tracker_add(p->tracker, offset), 0);
	p->unwritten = offset;
	worker->page->dlq_is_down = 1;
	page_text_set(&worker->page->dlq_text, "refused");
}

static void in_transactions_it_is_down_while_such_a_record_waits(void **state)
{
	struct worker *worker = &((struct fixture *)*state)->worker;

	worker->consumer = &transactional;
	leave_unwritten(worker, 0, 7);
	leave_unwritten(worker, 1, 7);
	dead_letters_tick(worker, clock_mono_us());
	expect_down(worker, true);
	dead_letters_drop(worker, 1, EPOCH); /* of another partition there is none at all */
	expect_down(worker, true);
	assert_int_equal(tracker_settle(worker->partitions[0]->tracker, 7), 0);
	dead_letters_tick(worker, clock_mono_us());
	expect_down(worker, true);
	assert_int_equal(tracker_settle(worker->partitions[1]->tracker, 7), 0);
	dead_letters_tick(worker, clock_mono_us());
	expect_down(worker, false);
}

static void in_transactions_another_ones_letter_ends_nothing(void **state)
{
	struct worker *worker = &((struct fixture *)*state)->worker;
	struct unit_work written = { .end = UNIT_DEAD, .text = "it is poison", .is_written = true };

	worker->consumer = &transactional;
	leave_unwritten(worker, 0, 7);
	assert_true(dead_letter_skip(worker, worker->partitions[1], 7));
	written.record = poison(1, 8);
	dead_letter_add(worker, &written);
	dead_letters_tick(worker, clock_mono_us());
	expect_down(worker, true);
	dead_letters_fini(worker);
}

static void lanes_are_not_ahead_of_the_breaker_by_more_than_it_takes(void **state)
{
	struct fixture *f = *state;
	struct worker *worker = &f->worker;

	f->waiting = poison(0, 8);
	sched_epoch_begin(worker->sched, 0, EPOCH);
	sched_put(worker->sched, &f->waiting->item);
	for (int64_t n = 0; n < BREAKER; n++) {
		add(worker, 1, 100 + n, UNIT_DEAD);
		add(worker, 1, 200 + n, UNIT_DEFERRED); /* goes on in a retry topic */
	}
	assert_true(sched_is_ready(worker->sched));
	add(worker, 1, 100 + BREAKER, UNIT_DEAD);
	assert_false(sched_is_ready(worker->sched));
	assert_true(dead_letters_must_be_counted(worker));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_topic_that_no_letter_waits_for_is_not_down),
		TEST(skipping_the_last_letter_ends_the_trouble),
		TEST(in_transactions_it_is_down_while_such_a_record_waits),
		TEST(in_transactions_another_ones_letter_ends_nothing),
		TEST(lanes_are_not_ahead_of_the_breaker_by_more_than_it_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
