/*
 * test_unassigned - when a worker leaves its group and joins it again, for partitions nobody has
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "base/clock.h"
#include "base/memory.h"
#include "worker/clerk_private.h"

enum answer { NOBODY_SAYS, ALL_HAVE_OWNERS, ONE_HAS_NONE };

/* Longer than the first wait may be, shorter than the second. */
#define PAST_FIRST_US ((int64_t)31 * 1000 * 1000)
/* Than the second, too, but not than the third. */
#define PAST_SECOND_US ((int64_t)121 * 1000 * 1000)

/* The broker, played: a topic of two partitions or more, of which the group has this many. */
struct sink {
	enum answer answer;
	int partitions;
};

struct source {
	unsigned rejoined;
};

struct fixture {
	struct sink sink;
	struct source source;
	struct worker worker;
	int page_fd;
};

static int play_holdings(struct sink *sink, const char *group, int timeout_ms,
	struct sink_holdings *ret, struct err *err)
{
	if (sink->answer == NOBODY_SAYS) {
		return -EAGAIN;
	}
	ret->count = sink->answer == ALL_HAVE_OWNERS ? 2 : 1;
	ret->items = xcalloc(ret->count, sizeof(*ret->items));
	for (size_t i = 0; i < ret->count; i++) {
		ret->items[i] = (struct sink_holding){ xstrdup("t"), (int32_t)i };
	}
	return 0;
}

static int play_count(struct sink *sink, const char *topic, int timeout_ms, struct err *err)
{
	return sink->partitions;
}

enum { COMMITTED = 4, END = 7 };

static int play_log_offsets(struct sink *sink, struct source_offset *offsets, size_t count,
	int timeout_ms, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		offsets[i].offset = END;
	}
	return 0;
}

static int play_committed(struct source *source, struct source_offset *offsets, size_t count,
	int timeout_ms, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		offsets[i].offset = COMMITTED;
	}
	return 0;
}

static void play_rejoin(struct source *source)
{
	source->rejoined++;
}

static const struct sink_ops played_sink = { .group_holdings = play_holdings,
	.partition_count = play_count,
	.log_offsets = play_log_offsets };
static const struct source_ops played_source = { .committed = play_committed,
	.rejoin = play_rejoin };
static const struct worker_wiring wiring = { .sink = &played_sink, .source = &played_source };
static char *topics[] = { (char *)"t" };
static const struct config_consumer consumer = {
	.name = (char *)"c", .group_id = (char *)"g", .topics = { topics, 1 }
};

static int32_t first_only[] = { 0 };
static struct config_partition_group list = { first_only, 1 };
static const struct config_consumer listed = {
	.name = (char *)"c", .topics = { topics, 1 }, .groups = &list, .group_count = 1
};

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	f->worker.wiring = &wiring;
	f->worker.consumer = &consumer;
	f->worker.sink = &f->sink;
	f->sink.partitions = 2;
	f->worker.source = &f->source;
	f->worker.is_joined = true;
	f->worker.clerk = NEW(struct clerk);
	f->worker.clerk->worker = &f->worker;
	pthread_mutex_init(&f->worker.clerk->lock, NULL);
	*state = f;
	return page_create(NULL, &f->page_fd, &f->worker.page, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unassigned_list_fini(&f->worker.clerk->unassigned);
	pthread_mutex_destroy(&f->worker.clerk->lock);
	free(f->worker.clerk);
	page_unmap(f->worker.page);
	close(f->page_fd);
	free(f);
	return 0;
}

static void look(struct fixture *f, enum answer answer)
{
	f->sink.answer = answer;
	f->worker.clerk->unassigned_due_us = 0;
	unassigned_ask(f->worker.clerk, clock_mono_us());
	unassigned_show(&f->worker);
}

/* How often it left by then. */
static unsigned heal(struct fixture *f, int64_t later_us)
{
	f->source.rejoined = 0;
	unassigned_heal(&f->worker, clock_mono_us() + later_us);
	return f->source.rejoined;
}

static void a_partition_without_an_owner_for_long_is_given_out_anew(void **state)
{
	struct fixture *f = *state;

	look(f, ONE_HAS_NONE);
	assert_int_equal(heal(f, 0), 0);
	look(f, ONE_HAS_NONE);
	assert_int_equal(heal(f, PAST_FIRST_US), 1);
}

static void a_group_that_moves_is_left_to_itself(void **state)
{
	struct fixture *f = *state;

	look(f, ONE_HAS_NONE);
	look(f, NOBODY_SAYS);
	assert_int_equal(heal(f, PAST_FIRST_US), 0);
}

/* Having left it is what makes the group move: that it moves is no sign that it helped. */
static void what_does_not_help_is_done_more_rarely(void **state)
{
	struct fixture *f = *state;

	look(f, ONE_HAS_NONE);
	assert_int_equal(heal(f, PAST_FIRST_US), 1);
	f->worker.clerk->unowned_since_us = clock_mono_us(); /* it was just now */
	look(f, NOBODY_SAYS);
	look(f, ONE_HAS_NONE);
	assert_int_equal(heal(f, PAST_FIRST_US), 0);
	assert_int_equal(heal(f, PAST_SECOND_US), 1);
}

static void what_helped_is_done_as_soon_the_next_time(void **state)
{
	struct fixture *f = *state;

	look(f, ONE_HAS_NONE);
	assert_int_equal(heal(f, PAST_FIRST_US), 1);
	look(f, ALL_HAVE_OWNERS);
	look(f, ONE_HAS_NONE);
	assert_int_equal(heal(f, PAST_FIRST_US), 1);
}

/* One of them has an owner. */
static void look_at(struct fixture *f, int partitions)
{
	f->sink.partitions = partitions;
	look(f, ONE_HAS_NONE);
}

static void all_are_shown_where_there_is_room_for_all(void **state)
{
	struct fixture *f = *state;

	look_at(f, PAGE_PARTITIONS_MAX);
	assert_int_equal(page_partitions_used(f->worker.page), PAGE_PARTITIONS_MAX - 1);
	assert_int_equal(page_get(&f->worker.page->untold), 0);
	assert_int_equal(page_partition_index(f->worker.page, "t", 0), PAGE_PARTITIONS_MAX - 1);
}

static void what_nobody_has_leaves_room_for_what_this_worker_may_have(void **state)
{
	enum { PARTITIONS = PAGE_PARTITIONS_MAX + 1, HALF = PAGE_PARTITIONS_MAX / 2 };
	struct fixture *f = *state;
	struct page *page = f->worker.page;

	look_at(f, PARTITIONS);
	assert_int_equal(page_partitions_used(page), HALF);
	assert_int_equal(page_get(&page->untold), PARTITIONS - 1 - HALF);
	assert_int_equal(page_get(&page->untold_lag), (PARTITIONS - 1 - HALF) * (END - COMMITTED));
	assert_int_equal(page_partition_index(page, "t", PARTITIONS - 1), HALF);
	f->sink.partitions = 2;
	look(f, ALL_HAVE_OWNERS);
	assert_int_equal(page_get(&page->untold), 0);
	assert_int_equal(page_get(&page->untold_lag), 0);
}

static void what_a_former_topic_left_on_the_page_counts(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(page_partition_index(f->worker.page, "former", 0), 0);
	look_at(f, PAGE_PARTITIONS_MAX);
	assert_int_equal(page_partitions_used(f->worker.page), PAGE_PARTITIONS_MAX / 2);
}

static void of_lists_no_figure_is_told_that_may_count_other_workers_partitions(void **state)
{
	struct fixture *f = *state;

	f->worker.consumer = &listed;
	look_at(f, PAGE_PARTITIONS_MAX + 1);
	assert_int_equal(page_partitions_used(f->worker.page), PAGE_PARTITIONS_MAX / 2);
	assert_int_equal(page_get(&f->worker.page->untold), 0);
}

static void partitions_in_no_list_leave_room_too(void **state)
{
	struct fixture *f = *state;
	struct page *page = f->worker.page;
	struct partition p = { .id = { "t", 0, 0, 1 }, .topic_count = 3 };

	f->worker.consumer = &listed;
	unassigned_name_unlisted(&f->worker, &p);
	assert_int_equal(page_partitions_used(page), 2);
	assert_int_equal(atomic_load(&page->partitions[1].state), PAGE_PARTITION_HELD);
	p.topic_count = 2 * PAGE_PARTITIONS_MAX;
	unassigned_name_unlisted(&f->worker, &p);
	assert_int_equal(page_partitions_used(page), PAGE_PARTITIONS_MAX / 2);
	assert_int_equal(page_partition_index(page, "t", 0), PAGE_PARTITIONS_MAX / 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_partition_without_an_owner_for_long_is_given_out_anew),
		TEST(a_group_that_moves_is_left_to_itself),
		TEST(what_does_not_help_is_done_more_rarely),
		TEST(what_helped_is_done_as_soon_the_next_time),
		TEST(all_are_shown_where_there_is_room_for_all),
		TEST(what_nobody_has_leaves_room_for_what_this_worker_may_have),
		TEST(what_a_former_topic_left_on_the_page_counts),
		TEST(of_lists_no_figure_is_told_that_may_count_other_workers_partitions),
		TEST(partitions_in_no_list_leave_room_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
