/*
 * test_page_verdict - the last verdicts of a partition, and how little a reader believes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/page.h"

static struct page_verdicts verdicts;
static struct page_verdict found[PAGE_VERDICTS];

static int setup(void **state)
{
	memset(&verdicts, 0, sizeof(verdicts));
	return 0;
}

static void fill(struct page_verdict *entry, int64_t offset)
{
	entry->offset = offset;
	entry->at_ms = 1000 + offset;
	entry->took_us = 7;
	entry->attempt = 1;
	entry->handler = 0;
	entry->outcome = PAGE_VERDICT_DONE;
	entry->reason = 0;
	memcpy(entry->code, "", 1);
	page_verdict_set_id(entry, SLICE_LITERAL("an id"));
}

static void say(struct page_verdicts *to, int64_t offset)
{
	struct page_verdict *entry = page_verdict_begin(to);

	fill(entry, offset);
	page_verdict_end(to, entry);
}

static void none_was_said_of_a_new_partition(void **state)
{
	assert_int_equal(page_verdicts_read(&verdicts, found), 0);
}

static void newest_comes_first_and_only_the_last_stay(void **state)
{
	for (int64_t offset = 0; offset < 3 * PAGE_VERDICTS + 1; offset++) {
		say(&verdicts, offset);
	}
	assert_int_equal(page_verdicts_read(&verdicts, found), PAGE_VERDICTS);
	for (int64_t i = 0; i < PAGE_VERDICTS; i++) {
		assert_int_equal(found[i].offset, 3 * PAGE_VERDICTS - i);
		assert_int_equal(found[i].id_length, 5);
		assert_memory_equal(found[i].event_id, "an id", 5);
	}
}

/* A writer that dies in the middle leaves all others, and the next one writes over what it tore. */
static void torn_entry_is_left_out_and_written_over(void **state)
{
	struct page_verdict *torn;

	for (int64_t offset = 0; offset < PAGE_VERDICTS + 2; offset++) {
		say(&verdicts, offset);
	}
	torn = page_verdict_begin(&verdicts);
	torn->offset = 4711; /* and no more */
	assert_int_equal(page_verdicts_read(&verdicts, found), PAGE_VERDICTS - 1);
	for (int64_t i = 0; i < PAGE_VERDICTS - 1; i++) {
		assert_int_not_equal(found[i].offset, 4711);
	}
	say(&verdicts, 99);
	assert_int_equal(page_verdicts_read(&verdicts, found), PAGE_VERDICTS);
	assert_int_equal(found[0].offset, 99);
}

static void long_id_is_cut_and_its_length_told(void **state)
{
	char id[300];
	struct page_verdict *entry = page_verdict_begin(&verdicts);

	memset(id, 'x', sizeof(id));
	fill(entry, 1);
	page_verdict_set_id(entry, slice_from(id, sizeof(id)));
	page_verdict_end(&verdicts, entry);
	assert_int_equal(page_verdicts_read(&verdicts, found), 1);
	assert_int_equal(found[0].id_length, 300);
	assert_memory_equal(found[0].event_id, id, PAGE_VERDICT_ID_MAX);
}

static void nonsense_in_a_foreign_page_is_left_out(void **state)
{
	for (int64_t offset = 0; offset < 6; offset++) {
		say(&verdicts, offset);
	}
	verdicts.entries[0].outcome = PAGE_VERDICT_OUTCOMES;
	verdicts.entries[1].reason = 255;
	verdicts.entries[2].offset = -1;
	verdicts.entries[3].number = 2 * 6; /* of another place */
	verdicts.entries[4].took_us = -1;
	memset(verdicts.entries[5].code, 'c', sizeof(verdicts.entries[5].code));
	assert_int_equal(page_verdicts_read(&verdicts, found), 1);
	assert_int_equal(found[0].offset, 5);
	assert_int_equal(strlen(found[0].code), PAGE_VERDICT_CODE_MAX - 1);
}

static void any_bytes_at_all_are_survived(void **state)
{
	unsigned char *bytes = (unsigned char *)&verdicts;
	uint32_t random = 1;

	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(verdicts); i++) {
			random = random * 1103515245 + 12345;
			bytes[i] = (unsigned char)(random >> 16);
		}
		unsigned count = page_verdicts_read(&verdicts, found);
		assert_true(count <= PAGE_VERDICTS);
		for (unsigned i = 0; i < count; i++) {
			assert_true(found[i].outcome < PAGE_VERDICT_OUTCOMES);
		}
	}
}

/* A process killed at any moment: what its heir reads is whole, each entry in itself. */
static void killed_writer_leaves_whole_entries(void **state)
{
	enum { KILLS = 20 };
	struct page_verdicts *shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t before = 0;

	assert_ptr_not_equal(shared, MAP_FAILED);
	for (int kill_number = 0; kill_number < KILLS; kill_number++) {
		pid_t pid = fork();
		if (pid == 0) {
			for (int64_t offset = 0;; offset++) {
				say(shared, offset);
			}
		}
		while (atomic_load(&shared->written) < before + 1000) {
			usleep(100);
		}
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		before = atomic_load(&shared->written);
		assert_true(page_verdicts_read(shared, found) >= PAGE_VERDICTS - 1);
		for (int64_t i = 0; i < PAGE_VERDICTS - 1; i++) {
			assert_int_equal(found[i].at_ms, 1000 + found[i].offset);
			assert_int_equal(found[i].offset, found[0].offset - i);
		}
	}
	munmap(shared, sizeof(*shared));
}

static void names_are_complete(void **state)
{
	for (int i = 0; i < PAGE_VERDICT_OUTCOMES; i++) {
		assert_non_null(page_verdict_names[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(none_was_said_of_a_new_partition, setup),
		cmocka_unit_test_setup(newest_comes_first_and_only_the_last_stay, setup),
		cmocka_unit_test_setup(torn_entry_is_left_out_and_written_over, setup),
		cmocka_unit_test_setup(long_id_is_cut_and_its_length_told, setup),
		cmocka_unit_test_setup(nonsense_in_a_foreign_page_is_left_out, setup),
		cmocka_unit_test_setup(any_bytes_at_all_are_survived, setup),
		cmocka_unit_test(killed_writer_leaves_whole_entries),
		cmocka_unit_test(names_are_complete),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
