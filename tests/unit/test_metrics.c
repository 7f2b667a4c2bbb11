/*
 * test_metrics - the table of metrics: what the manual says of it, and samples of odd states
 *
 * Argument: docs/monitoring.md, which has one row for each metric, and one for each label of few
 * values. With a second argument "--rows" the rows are printed instead, to be put there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "os/page.h"
#include "supervisor/metrics.h"

enum { NOW_MS = 1000000 };

static const char *manual_path;

static struct config_consumer config;
static struct slot slot;
static struct slot *slots[] = { &slot };
static struct consumer consumer;
static struct consumer *consumers[] = { &consumer };
static struct tree tree;
static struct buffer out;

/* One worker with one partition and one handler: every metric has a sample. */
static int setup(void **state)
{
	struct page_partition *partition;

	config = (struct config_consumer){ .name = (char *)(uintptr_t) "orders",
		.group_id = (char *)(uintptr_t) "orders" };
	slot = (struct slot){ .consumer = &consumer, .state = SLOT_READY, .pid = 100 };
	consumer = (struct consumer){
		.config = &config, .slots = slots, .slot_count = 1, .slot_total = 1
	};
	tree = (struct tree){
		.consumers = consumers, .consumer_count = 1, .consumer_total = 1, .version = "1.2.3"
	};
	if (page_create(NULL, &slot.page_fd, &slot.page, NULL) < 0) {
		return -1;
	}
	(void)page_handler_index(slot.page, "apply");
	page_set(&slot.page->swept_ms, NOW_MS - 5000);
	partition = &slot.page->partitions[page_partition_index(slot.page, "t", 0)];
	page_set(&partition->committed, 100);
	page_set(&partition->end_offset, 130);
	page_set(&partition->parked, 3);
	page_set(&partition->held, 4);
	atomic_store(&partition->state, PAGE_PARTITION_RUNNING);
	partition = &slot.page->partitions[page_partition_index(slot.page, "nobodys", 0)];
	page_set(&partition->committed, 5);
	page_set(&partition->end_offset, 9);
	atomic_store(&partition->state, PAGE_PARTITION_UNASSIGNED);
	return 0;
}

static int teardown(void **state)
{
	page_unmap(slot.page);
	close(slot.page_fd);
	pauses_fini(&consumer.pauses);
	buffer_fini(&out);
	return 0;
}

static struct page_partition *partition_at(int32_t number)
{
	return &slot.page->partitions[page_partition_index(slot.page, "t", number)];
}

static void write_at(int64_t wall_ms)
{
	buffer_clear(&out);
	buffer_append_char(&out, '\n');
	metrics_write(&tree, wall_ms, &out);
}

static void assert_line(const char *line)
{
	_cleanup_free_ char *wanted = xasprintf("\n%s\n", line);

	if (!strstr(buffer_str(&out), wanted)) {
		fail_msg("no line %s in\n%s", line, buffer_str(&out));
	}
}

static void assert_no_line(const char *start)
{
	_cleanup_free_ char *unwanted = xasprintf("\n%s", start);

	assert_null(strstr(buffer_str(&out), unwanted));
}

/* ---- the manual ---- */

/* Names of the labels of the metric's first sample, `le` left out: "`a`, `b`", "–" for none. */
static void labels_of(const char *name, const char *type, struct buffer *ret)
{
	bool is_histogram = strcmp(type, "histogram") == 0;
	_cleanup_free_ char *start = xasprintf("\n%s%s{", name, is_histogram ? "_bucket" : "");
	const char *found = strstr(buffer_str(&out), start);
	const char *p = found ? found + strlen(start) : "";

	if (!found) {
		fail_msg("no sample of %s", name);
	}
	while (*p && *p != '}') {
		size_t len = strcspn(p, "=");

		if (len != 2 || memcmp(p, "le", 2) != 0) {
			buffer_printf(ret, "%s`%.*s`", ret->len > 0 ? ", " : "", (int)len, p);
		}
		p += len + 2;
		p += strcspn(p, "\"") + 1;
		p += *p == ',';
	}
}

static unsigned each_row(void (*visit)(const char *row))
{
	unsigned count = 0;

	for (const char *p = strstr(buffer_str(&out), "# HELP "); p; p = strstr(p, "# HELP ")) {
		_cleanup_(buffer_fini) struct buffer labels = BUFFER_INIT;
		_cleanup_free_ char *row = NULL;
		char name[100], help[300], type[20];

		assert_int_equal(
			sscanf(p, "# HELP %99s %299[^\n]\n# TYPE %*s %19s", name, help, type), 3);
		labels_of(name, type, &labels);
		row = xasprintf("| `%s` | %s | %s | %s |\n", name, type, buffer_str(&labels), help);
		visit(row);
		count++;
		p++;
	}
	return count;
}

/* Labels whose values are words of ours, each with all of them. */
static void each_label(void (*visit)(const char *row))
{
	const struct {
		const char *name, *const *values;
		size_t count;
	} labels[] = {
		{ "result", page_result_names, PAGE_RESULTS },
		{ "reason", page_reason_names, PAGE_REASONS },
		{ "cause", exit_cause_names, EXIT_CAUSES },
		{ "state", slot_state_names, SLOT_STATES },
	};

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		_cleanup_(buffer_fini) struct buffer row = BUFFER_INIT;

		buffer_printf(&row, "| `%s` | ", labels[i].name);
		for (size_t j = 0; j < labels[i].count; j++) {
			buffer_printf(&row, "%s`%s`", j > 0 ? ", " : "", labels[i].values[j]);
		}
		buffer_append_str(&row, " |\n");
		visit(buffer_str(&row));
	}
}

static char *manual;

static void assert_row_in_manual(const char *row)
{
	if (!strstr(manual, row)) {
		fail_msg("docs/monitoring.md has no row %s", row);
	}
}

static void print_row(const char *row)
{
	fputs(row, stdout);
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	char piece[4096];
	size_t len;

	assert_non_null(file);
	while ((len = fread(piece, 1, sizeof(piece), file)) > 0) {
		buffer_append(&text, piece, len);
	}
	fclose(file);
	return xstrdup(buffer_str(&text));
}

static unsigned count_of(const char *text, const char *word)
{
	unsigned count = 0;

	for (const char *p = strstr(text, word); p; p = strstr(p + 1, word)) {
		count++;
	}
	return count;
}

static void the_manual_has_a_row_for_each_metric_and_no_other(void **state)
{
	unsigned count;

	manual = read_file(manual_path);
	write_at(NOW_MS);
	count = each_row(assert_row_in_manual);
	assert_int_equal(count_of(manual, "\n| `onced_"), count);
	free(manual);
}

static void the_manual_has_every_value_of_labels_that_are_words(void **state)
{
	manual = read_file(manual_path);
	each_label(assert_row_in_manual);
	free(manual);
}

/* ---- odd states ---- */

static void what_waits_is_not_runnable(void **state)
{
	write_at(NOW_MS);
	assert_line("onced_consumer_lag{consumer=\"orders\",topic=\"t\",partition=\"0\","
		    "consumergroup=\"orders\"} 30");
	assert_line("onced_runnable_lag{consumer=\"orders\",topic=\"t\",partition=\"0\","
		    "consumergroup=\"orders\"} 23");
	atomic_store(&partition_at(0)->state, PAGE_PARTITION_PAUSED);
	write_at(NOW_MS);
	assert_line("onced_runnable_lag{consumer=\"orders\",topic=\"t\",partition=\"0\","
		    "consumergroup=\"orders\"} 0");
}

/* Others of the group tell of it, too: it is in no sum of what somebody has. */
static void partition_that_nobody_has_is_told_apart(void **state)
{
	write_at(NOW_MS);
	assert_line("onced_unassigned_lag{consumer=\"orders\",topic=\"nobodys\",partition=\"0\","
		    "consumergroup=\"orders\"} 4");
	assert_null(
		strstr(buffer_str(&out), "onced_consumer_lag{consumer=\"orders\",topic=\"nobodys"));
}

static void unknown_lag_is_not_zero(void **state)
{
	page_set(&partition_at(0)->end_offset, -1);
	write_at(NOW_MS);
	assert_no_line("onced_consumer_lag");
	assert_no_line("onced_runnable_lag");
}

static void revoked_partitions_keep_counters_and_lose_gauges(void **state)
{
	page_add(&partition_at(0)->consumed, 2);
	page_add(&partition_at(0)->abandoned, 2);
	atomic_store(&partition_at(0)->state, PAGE_PARTITION_REVOKED);
	write_at(NOW_MS);
	assert_line("onced_records_consumed_total{consumer=\"orders\",topic=\"t\",partition=\"0\"} "
		    "2");
	assert_no_line("onced_in_flight{");
	assert_no_line("onced_paused{");
	assert_no_line("onced_consumer_lag{");
}

static void release(void)
{
	struct pause pause = { .partition = -1, .is_paused = 1, .is_released = 1 };

	snprintf(pause.who, sizeof(pause.who), "ann");
	snprintf(pause.reason, sizeof(pause.reason), "away");
	pause.since_ms = clock_wall_ms() - 1000;
	assert_int_equal(pauses_put(&consumer.pauses, &pause), true);
}

static void a_released_consumer_is_paused(void **state)
{
	atomic_store(&partition_at(0)->state, PAGE_PARTITION_REVOKED);
	release();
	write_at(NOW_MS);
	assert_line("onced_paused{consumer=\"orders\",topic=\"t\",partition=\"0\"} 1");
	atomic_store(&slot.page->partition_count, 0);
	write_at(NOW_MS);
	assert_line("onced_paused{consumer=\"orders\"} 1");
}

static void what_one_worker_cannot_reach_is_down(void **state)
{
	write_at(NOW_MS);
	assert_line("onced_store_down{consumer=\"orders\"} 0");
	atomic_store(&slot.page->store_is_down, 1);
	write_at(NOW_MS);
	assert_line("onced_store_down{consumer=\"orders\"} 1");
	assert_line("onced_dlq_down{consumer=\"orders\"} 0");
}

static void the_last_sweep_has_an_age_where_sweeps_are_wanted(void **state)
{
	write_at(NOW_MS);
	assert_line("onced_dedup_sweep_age_seconds{consumer=\"orders\"} 5.000");
	page_set(&slot.page->swept_ms, 0);
	write_at(NOW_MS);
	assert_no_line("onced_dedup_sweep_age_seconds{");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(the_manual_has_a_row_for_each_metric_and_no_other),
		TEST(the_manual_has_every_value_of_labels_that_are_words),
		TEST(what_waits_is_not_runnable),
		TEST(partition_that_nobody_has_is_told_apart),
		TEST(unknown_lag_is_not_zero),
		TEST(revoked_partitions_keep_counters_and_lose_gauges),
		TEST(a_released_consumer_is_paused),
		TEST(what_one_worker_cannot_reach_is_down),
		TEST(the_last_sweep_has_an_age_where_sweeps_are_wanted),
	};

	if (argc == 3) {
		setup(NULL);
		write_at(NOW_MS);
		(void)each_row(print_row);
		each_label(print_row);
		return teardown(NULL);
	}
	manual_path = argc > 1 ? argv[1] : "docs/monitoring.md";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
