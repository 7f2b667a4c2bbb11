/*
 * test_page - what a worker shows, and how little of it a reader believes
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "os/page.h"

static struct page *page;
static int page_fd;

static int setup(void **state)
{
	return page_create(NULL, &page_fd, &page, NULL);
}

static int teardown(void **state)
{
	page_unmap(page);
	close(page_fd);
	return 0;
}

static void both_sides_of_a_descriptor_see_the_same(void **state)
{
	struct page *other;

	assert_int_equal(page_map(page_fd, &other), 0);
	page_add(&other->commits, 3);
	assert_int_equal(page_read(&page->commits), 3);
	page_unmap(other);
}

static void descriptor_that_is_no_page_is_refused(void **state)
{
	_cleanup_close_ int fd = memfd_create("other", MFD_CLOEXEC);
	struct page *other;

	assert_int_equal(page_map(fd, &other), -EPROTO);
	assert_int_equal(ftruncate(fd, sizeof(struct page)), 0);
	assert_int_equal(page_map(fd, &other), -EPROTO);
	page->version = PAGE_VERSION + 1;
	assert_int_equal(page_map(page_fd, &other), -EPROTO);
}

static void memory_page_cannot_be_shrunk_by_its_worker(void **state)
{
	assert_int_equal(ftruncate(page_fd, 1), -1);
}

static void file_keeps_its_counters_for_the_next_owner(void **state)
{
	char path[] = "/tmp/onced-page-XXXXXX";
	struct page *first, *second;
	int first_fd, second_fd;

	close(mkstemp(path));
	assert_int_equal(page_create(path, &first_fd, &first, NULL), 0);
	page_add(&first->commits, 7);
	page_unmap(first);
	close(first_fd);
	assert_int_equal(page_create(path, &second_fd, &second, NULL), 0);
	assert_int_equal(page_read(&second->commits), 7);
	page_unmap(second);
	close(second_fd);
	unlink(path);
}

static void file_of_another_version_begins_anew(void **state)
{
	char path[] = "/tmp/onced-page-XXXXXX";
	struct page *first, *second;
	int first_fd, second_fd;

	close(mkstemp(path));
	assert_int_equal(page_create(path, &first_fd, &first, NULL), 0);
	page_add(&first->commits, 7);
	first->version = PAGE_VERSION + 1;
	assert_int_equal(page_create(path, &second_fd, &second, NULL), 0);
	assert_int_equal(page_read(&second->commits), 0);
	assert_int_equal(second->version, PAGE_VERSION);
	page_unmap(first);
	page_unmap(second);
	close(first_fd);
	close(second_fd);
	unlink(path);
}

static void link_in_place_of_the_file_is_refused(void **state)
{
	char path[] = "/tmp/onced-page-XXXXXX";
	struct page *other;
	struct err err = ERR_INIT;
	int fd;

	close(mkstemp(path));
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_true(page_create(path, &fd, &other, &err) < 0);
	assert_non_null(strstr(err.text, path));
	unlink(path);
}

static void same_partition_keeps_its_slot(void **state)
{
	assert_int_equal(page_partition_index(page, "a", 0), 0);
	assert_int_equal(page_partition_index(page, "a", 1), 1);
	assert_int_equal(page_partition_index(page, "b", 0), 2);
	assert_int_equal(page_partition_index(page, "a", 1), 1);
	assert_int_equal(page_partitions_used(page), 3);
}

static void full_page_says_so(void **state)
{
	for (int i = 0; i < PAGE_PARTITIONS_MAX; i++) {
		assert_int_equal(page_partition_index(page, "t", i), i);
	}
	assert_int_equal(page_partition_index(page, "t", PAGE_PARTITIONS_MAX), -ENOSPC);
	assert_int_equal(page_partition_index(page, "t", 5), 5);
}

static void topic_that_is_none_gets_no_slot(void **state)
{
	char longer[PAGE_TOPIC_MAX + 1];

	memset(longer, 'x', PAGE_TOPIC_MAX);
	longer[PAGE_TOPIC_MAX] = '\0';
	assert_int_equal(page_partition_index(page, longer, 0), -EINVAL);
	assert_int_equal(page_partition_index(page, "", 0), -EINVAL);
}

static void handler_keeps_its_slot_over_a_restart(void **state)
{
	assert_int_equal(page_handler_index(page, "first"), 0);
	assert_int_equal(page_handler_index(page, "second"), 1);
	page_begin(page, 1, 1, 1);
	assert_int_equal(page_handler_index(page, "second"), 1);
}

static void begin_keeps_counters_and_clears_the_rest(void **state)
{
	struct page_partition *partition = &page->partitions[page_partition_index(page, "t", 0)];

	page_add(&partition->consumed, 5);
	page_set(&partition->parked, 5);
	atomic_store(&partition->state, PAGE_PARTITION_RUNNING);
	page_text_set(&partition->text, "held");
	atomic_store(&page->lane_count, 1);
	atomic_store(&page->lanes[0].stage, PAGE_STAGE_COMMIT);
	atomic_store(&page->joined, 1);
	page_begin(page, 77, 123, 456);
	assert_int_equal(page_read(&partition->consumed), 5);
	assert_int_equal(page_get(&partition->parked), 0);
	assert_int_equal(atomic_load(&partition->state), PAGE_PARTITION_REVOKED);
	assert_int_equal(atomic_load(&page->lanes[0].stage), PAGE_STAGE_IDLE);
	assert_int_equal(atomic_load(&page->joined), 0);
	assert_int_equal(atomic_load(&page->pid), 77);
	assert_int_equal(page_get(&page->heartbeat_us), 123);
}

static void burial_books_what_never_ended(void **state)
{
	struct page_partition *partition = &page->partitions[page_partition_index(page, "t", 0)];

	page_add(&partition->consumed, 100);
	page_add(&partition->settled[PAGE_DONE], 60);
	page_add(&partition->settled[PAGE_DEAD_LETTERED], 5);
	page_add(&partition->abandoned, 20);
	assert_int_equal(page_bury(page), 15);
	assert_int_equal(page_read(&partition->abandoned), 35);
	assert_int_equal(page_bury(page), 0);
}

static void counters_that_contradict_each_other_book_nothing(void **state)
{
	struct page_partition *partition = &page->partitions[page_partition_index(page, "t", 0)];

	page_add(&partition->consumed, 1);
	page_add(&partition->settled[PAGE_DONE], 2);
	assert_int_equal(page_bury(page), 0);
}

static void counts_beyond_the_page_are_not_believed(void **state)
{
	atomic_store(&page->partition_count, UINT32_MAX);
	atomic_store(&page->lane_count, UINT32_MAX);
	atomic_store(&page->handler_count, UINT32_MAX);
	assert_int_equal(page_partitions_used(page), PAGE_PARTITIONS_MAX);
	assert_int_equal(page_lanes_used(page), PAGE_LANES_MAX);
	assert_int_equal(page_handlers_used(page), PAGE_HANDLERS_MAX);
	page_bury(page);
}

static void text_is_read_whole_or_not_at_all(void **state)
{
	char text[PAGE_TEXT_MAX];

	page_text_set(&page->store_text, "%s is down", "store");
	page_text_get(&page->store_text, text);
	assert_string_equal(text, "store is down");
	atomic_fetch_add(&page->store_text.sequence, 1); /* its writer died in the middle */
	page_text_get(&page->store_text, text);
	assert_string_equal(text, "");
	page_text_set(&page->store_text, "again");
	page_text_get(&page->store_text, text);
	assert_string_equal(text, "again");
}

static void text_without_an_end_is_cut(void **state)
{
	char text[PAGE_TEXT_MAX];

	memset(page->dlq_text.text, 'x', PAGE_TEXT_MAX);
	page_text_get(&page->dlq_text, text);
	assert_int_equal(strlen(text), PAGE_TEXT_MAX - 1);
}

static void histogram_counts_by_upper_bound(void **state)
{
	struct page_histogram *histogram = &page->commit_seconds;

	page_histogram_add(histogram, page_bucket_us[0]);
	page_histogram_add(histogram, page_bucket_us[0] + 1);
	page_histogram_add(histogram, INT64_C(1) << 40);
	page_histogram_add(histogram, -5);
	assert_int_equal(page_read(&histogram->buckets[0]), 2);
	assert_int_equal(page_read(&histogram->buckets[1]), 1);
	assert_int_equal(page_read(&histogram->buckets[PAGE_BUCKETS - 1]), 1);
	assert_int_equal(
		page_read(&histogram->sum_us), 2 * page_bucket_us[0] + 1 + (INT64_C(1) << 40));
}

static void bounds_of_buckets_rise(void **state)
{
	for (int i = 1; i < PAGE_BUCKETS - 1; i++) {
		assert_true(page_bucket_us[i - 1] < page_bucket_us[i]);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_sides_of_a_descriptor_see_the_same),
		TEST(descriptor_that_is_no_page_is_refused),
		TEST(memory_page_cannot_be_shrunk_by_its_worker),
		TEST(file_keeps_its_counters_for_the_next_owner),
		TEST(file_of_another_version_begins_anew),
		TEST(link_in_place_of_the_file_is_refused),
		TEST(same_partition_keeps_its_slot),
		TEST(full_page_says_so),
		TEST(topic_that_is_none_gets_no_slot),
		TEST(handler_keeps_its_slot_over_a_restart),
		TEST(begin_keeps_counters_and_clears_the_rest),
		TEST(burial_books_what_never_ended),
		TEST(counters_that_contradict_each_other_book_nothing),
		TEST(counts_beyond_the_page_are_not_believed),
		TEST(text_is_read_whole_or_not_at_all),
		TEST(text_without_an_end_is_cut),
		TEST(histogram_counts_by_upper_bound),
		TEST(bounds_of_buckets_rise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
