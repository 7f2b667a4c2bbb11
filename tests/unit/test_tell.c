/*
 * test_tell - what is told of filled pages: metrics, status, summary, obituaries
 */
#include <inttypes.h>
#include <jansson.h>
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
#include "os/page.h"
#include "supervisor/merge.h"
#include "supervisor/metrics.h"
#include "supervisor/obituary.h"
#include "supervisor/status.h"
#include "supervisor/summary.h"

enum { NOW_MS = 1000000, NOW_US = 50000000 };

static struct config_consumer consumer_config;
static struct slot slots[2], *slot_list[2];
static struct consumer consumer;
static struct tree tree;
static struct buffer out;

static struct consumer *consumer_list[1] = { &consumer };

static int setup(void **state)
{
	consumer_config = (struct config_consumer){ .name = (char *)(uintptr_t) "orders",
		.group_id = (char *)(uintptr_t) "orders-group" };
	consumer = (struct consumer){
		.config = &consumer_config, .slots = slot_list, .slot_count = 2, .slot_total = 2
	};
	tree = (struct tree){ .consumers = consumer_list,
		.consumer_count = 1,
		.consumer_total = 1,
		.version = "1.2.3",
		.pid = 9 };
	for (unsigned i = 0; i < 2; i++) {
		slot_list[i] = &slots[i];
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
	buffer_fini(&out);
	return 0;
}

static struct page_partition *partition_of(unsigned slot, const char *topic, int32_t number)
{
	struct page *page = slots[slot].page;

	return &page->partitions[page_partition_index(page, topic, number)];
}

/*
 * Partition t[0]: 10 consumed by worker 0 before it moved to worker 1, which has consumed 5 more.
 */
static struct page_partition *move_a_partition(void)
{
	struct page_partition *before = partition_of(0, "t", 0), *now = partition_of(1, "t", 0);

	page_add(&before->consumed, 10);
	page_add(&before->settled[PAGE_DONE], 9);
	page_add(&before->abandoned, 1);
	page_add(&now->consumed, 5);
	page_add(&now->settled[PAGE_DONE], 1);
	page_add(&now->settled[PAGE_DEAD_LETTERED], 1);
	page_add(&now->dead_letters[PAGE_REJECTED], 1);
	page_set(&now->committed, 110);
	page_set(&now->end_offset, 120);
	page_set(&now->first_unsettled_ms, NOW_MS - 2500);
	atomic_store(&now->state, PAGE_PARTITION_RUNNING);
	return now;
}

static void assert_line(const char *line)
{
	_cleanup_(buffer_fini) struct buffer wanted = BUFFER_INIT;

	buffer_printf(&wanted, "\n%s\n", line);
	if (!strstr(buffer_str(&out), buffer_str(&wanted))) {
		fail_msg("no line %s in\n%s", line, buffer_str(&out));
	}
}

static void write_metrics(void)
{
	buffer_clear(&out);
	metrics_write(&tree, NOW_MS, &out);
}

static void counters_are_summed_over_slots_and_gauges_are_the_owner_s(void **state)
{
	move_a_partition();
	write_metrics();
	assert_line("onced_records_consumed_total{consumer=\"orders\",topic=\"t\","
		    "partition=\"0\"} 15");
	assert_line("onced_records_settled_total{consumer=\"orders\",topic=\"t\",partition=\"0\","
		    "result=\"done\"} 10");
	assert_line("onced_records_abandoned_total{consumer=\"orders\",topic=\"t\","
		    "partition=\"0\"} 1");
	assert_line("onced_dead_letters_total{consumer=\"orders\",topic=\"t\",partition=\"0\","
		    "reason=\"rejected\"} 1");
	assert_line("onced_in_flight{consumer=\"orders\",topic=\"t\",partition=\"0\"} 3");
	assert_line("onced_consumer_lag{consumer=\"orders\",topic=\"t\",partition=\"0\","
		    "consumergroup=\"orders-group\"} 10");
	assert_line("onced_oldest_unsettled_seconds{consumer=\"orders\",topic=\"t\","
		    "partition=\"0\"} 2.500");
}

static void gauges_of_a_revoked_partition_vanish_and_counters_stay(void **state)
{
	atomic_store(&move_a_partition()->state, PAGE_PARTITION_REVOKED);
	write_metrics();
	assert_line("onced_records_consumed_total{consumer=\"orders\",topic=\"t\","
		    "partition=\"0\"} 15");
	assert_null(strstr(buffer_str(&out), "onced_in_flight{"));
	assert_null(strstr(buffer_str(&out), "onced_consumer_lag{"));
	assert_null(strstr(buffer_str(&out), "onced_paused{"));
}

static void unknown_lag_is_not_zero(void **state)
{
	page_set(&move_a_partition()->end_offset, -1);
	write_metrics();
	assert_null(strstr(buffer_str(&out), "onced_consumer_lag{"));
}

static void commit_ahead_of_the_known_end_is_no_negative_lag(void **state)
{
	page_set(&move_a_partition()->committed, 130);
	write_metrics();
	assert_line("onced_consumer_lag{consumer=\"orders\",topic=\"t\",partition=\"0\","
		    "consumergroup=\"orders-group\"} 0");
}

static void every_metric_has_help_and_type_once(void **state)
{
	static const char *const names[] = { "onced_records_consumed_total",
		"onced_records_settled_total", "onced_records_abandoned_total",
		"onced_retries_total", "onced_dead_letters_total", "onced_store_errors_total",
		"onced_commits_total", "onced_rebalances_total", "onced_worker_exits_total",
		"onced_in_flight", "onced_parked", "onced_held", "onced_ahead",
		"onced_consumer_lag", "onced_oldest_unsettled_seconds", "onced_paused",
		"onced_workers", "onced_build_info", "onced_handler_seconds",
		"onced_settle_seconds", "onced_commit_seconds" };

	write_metrics();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		_cleanup_(buffer_fini) struct buffer type = BUFFER_INIT;
		const char *found;

		buffer_printf(&type, "# TYPE %s ", names[i]);
		found = strstr(buffer_str(&out), buffer_str(&type));
		assert_non_null(found);
		assert_null(strstr(found + 1, buffer_str(&type)));
	}
}

static void label_values_are_escaped(void **state)
{
	consumer_config.name = (char *)(uintptr_t) "a\"b\\c\nd";
	write_metrics();
	assert_non_null(strstr(buffer_str(&out), "consumer=\"a\\\"b\\\\c\\nd\""));
}

static void histogram_is_cumulative_and_summed_by_handler_name(void **state)
{
	struct page *first = slots[0].page, *second = slots[1].page;

	page_handler_index(first, "other");
	page_histogram_add(&first->handlers[page_handler_index(first, "h")].seconds, 400);
	page_histogram_add(&second->handlers[page_handler_index(second, "h")].seconds, 600000);
	write_metrics();
	assert_line(
		"onced_handler_seconds_bucket{consumer=\"orders\",handler=\"h\",le=\"0.0005\"} 1");
	assert_line("onced_handler_seconds_bucket{consumer=\"orders\",handler=\"h\",le=\"1\"} 2");
	assert_line(
		"onced_handler_seconds_bucket{consumer=\"orders\",handler=\"h\",le=\"+Inf\"} 2");
	assert_line("onced_handler_seconds_count{consumer=\"orders\",handler=\"h\"} 2");
	assert_line("onced_handler_seconds_sum{consumer=\"orders\",handler=\"h\"} 0.600400");
	assert_line("onced_handler_seconds_count{consumer=\"orders\",handler=\"other\"} 0");
}

static void exits_and_states_are_counted(void **state)
{
	consumer.exits[EXIT_FENCED] = 4;
	slots[1].state = SLOT_FENCED;
	write_metrics();
	assert_line("onced_worker_exits_total{consumer=\"orders\",cause=\"fenced\"} 4");
	assert_line("onced_workers{consumer=\"orders\",state=\"fenced\"} 1");
	assert_line("onced_workers{consumer=\"orders\",state=\"ready\"} 1");
	assert_line("onced_build_info{version=\"1.2.3\"} 1");
}

static void page_full_of_nonsense_is_told_without_harm(void **state)
{
	unsigned char *bytes = (unsigned char *)slots[0].page;
	struct obituary obituary = { .consumer = "orders",
		.cause = EXIT_CRASHED,
		.end = { .status = 11 },
		.last_words = "",
		.now_us = NOW_US,
		.page = slots[0].page };

	for (size_t i = 0; i < sizeof(struct page); i++) {
		bytes[i] = (unsigned char)(i * 2654435761U >> 13 | 0x80);
	}
	write_metrics();
	status_write(&tree, NOW_US, NOW_MS, &out);
	obituary_write(&obituary, &out);
	page_bury(slots[0].page);
}

static json_t *status(void)
{
	json_t *root;

	buffer_clear(&out);
	status_write(&tree, NOW_US, NOW_MS, &out);
	root = json_loads(buffer_str(&out), 0, NULL);
	assert_non_null(root);
	return root;
}

static void say(unsigned slot, int64_t offset, int64_t at_ms, uint8_t outcome)
{
	struct page *page = slots[slot].page;
	struct page_verdicts *verdicts = &page->verdicts[page_partition_index(page, "t", 0)];
	struct page_verdict *entry = page_verdict_begin(verdicts);

	entry->offset = offset;
	entry->at_ms = at_ms;
	entry->took_us = 1500;
	entry->attempt = 2;
	entry->handler = 0;
	entry->outcome = outcome;
	entry->reason = PAGE_EXHAUSTED;
	memcpy(entry->code, "23503", sizeof("23503"));
	page_verdict_set_id(entry, slice_from_str(offset == 11 ? "\xff\x01" : "an id"));
	page_verdict_end(verdicts, entry);
}

static void assert_verdict(const json_t *list, size_t index, json_t *take_expected)
{
	assert_true(json_equal(json_array_get(list, index), take_expected));
	json_decref(take_expected);
}

/* Each entry is the whole object: what programs read. */
static void verdicts_of_all_slots_are_told_newest_first(void **state)
{
	json_t *root, *list;

	move_a_partition();
	(void)page_handler_index(slots[0].page, "apply");
	for (int64_t offset = 0; offset < 10; offset++) {
		say(0, offset, 1000 + offset, PAGE_VERDICT_DONE);
	}
	page_bury(slots[0].page); /* its worker died */
	say(1, 10, 2000, PAGE_VERDICT_DEAD_LETTER);
	say(1, 11, 2000, PAGE_VERDICT_RETRY);
	(void)page_verdict_begin(&slots[1].page->verdicts[0]); /* torn */
	root = status();
	assert_int_equal(json_unpack(root, "{s:[{s:[{s:o}]}]}", "consumers", "partitions",
				 "verdicts", &list),
		0);
	assert_int_equal(json_array_size(list), PAGE_VERDICTS);
	assert_verdict(list, 1,
		json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:n, s:f, s:i}", "offset", 10, "event_id",
			"an id", "outcome", "dead_letter", "reason", "exhausted", "code", "23503",
			"attempt", 2, "handler", "seconds", 0.0015, "at_ms", 2000));
	assert_verdict(list, 2,
		json_pack("{s:i, s:s, s:s, s:n, s:s, s:i, s:s, s:f, s:i}", "offset", 9, "event_id",
			"an id", "outcome", "done", "reason", "code", "23503", "attempt", 2,
			"handler", "apply", "seconds", 0.0015, "at_ms", 1009));
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(list, 0), "event_id")), "?\x01");
	json_decref(root);
}

static void status_shows_consumers_workers_lanes_and_partitions(void **state)
{
	struct page *page = slots[1].page;
	json_t *root, *partition, *worker, *lane;
	const char *name, *topic, *stage;
	int number, owner, lag, done, pid, offset;

	move_a_partition();
	atomic_store(&page->lane_count, 1);
	page_set(&page->lanes[0].offset, 111);
	atomic_store(&page->lanes[0].stage, PAGE_STAGE_EFFECTS);
	root = status();
	assert_int_equal(json_unpack(root, "{s:[{s:s,s:[o,o],s:[o!]}]}", "consumers", "name", &name,
				 "workers", &worker, &worker, "partitions", &partition),
		0);
	assert_string_equal(name, "orders");
	assert_int_equal(
		json_unpack(partition, "{s:s,s:i,s:i,s:i,s:{s:i}}", "topic", &topic, "partition",
			&number, "worker", &owner, "lag", &lag, "settled", "done", &done),
		0);
	assert_string_equal(topic, "t");
	assert_int_equal(owner, 1);
	assert_int_equal(lag, 10);
	assert_int_equal(done, 10);
	assert_int_equal(json_unpack(worker, "{s:i,s:[o]}", "pid", &pid, "lanes", &lane), 0);
	assert_int_equal(pid, 101);
	assert_int_equal(json_unpack(lane, "{s:s,s:i}", "stage", &stage, "offset", &offset), 0);
	assert_string_equal(stage, "effects");
	assert_int_equal(offset, 111);
	json_decref(root);
}

static void text_that_is_not_utf8_is_shown_all_the_same(void **state)
{
	json_t *root;

	page_text_set(&slots[0].page->store_text, "caf\xe9 closed");
	root = status();
	assert_non_null(strstr(buffer_str(&out), "caf? closed"));
	json_decref(root);
}

static void partition_nobody_here_has_is_not_in_status(void **state)
{
	json_t *root, *partitions;

	atomic_store(&move_a_partition()->state, PAGE_PARTITION_REVOKED);
	root = status();
	assert_int_equal(
		json_unpack(root, "{s:[{s:o}]}", "consumers", "partitions", &partitions), 0);
	assert_int_equal(json_array_size(partitions), 0);
	json_decref(root);
}

static const char *state_of_consumer(void)
{
	struct summary summary;

	summary_of_consumer(&consumer, NOW_MS, &summary);
	return summary.state;
}

static void state_of_a_consumer_is_the_worst_of_its_parts(void **state)
{
	assert_string_equal(state_of_consumer(), "running");
	slots[0].state = SLOT_STARTING;
	assert_string_equal(state_of_consumer(), "starting");
	slots[0].state = SLOT_READY;
	atomic_store(&move_a_partition()->state, PAGE_PARTITION_HELD);
	page_text_set(&partition_of(1, "t", 0)->text, "dead letters are refused");
	assert_string_equal(state_of_consumer(), "held");
	atomic_store(&slots[0].page->is_paused, 1);
	assert_string_equal(state_of_consumer(), "paused");
	slots[0].state = SLOT_WAITING;
	assert_string_equal(state_of_consumer(), "degraded");
	slots[1].state = SLOT_DRAINING;
	assert_string_equal(state_of_consumer(), "draining");
}

static void summary_line_names_the_trouble(void **state)
{
	char line[SUMMARY_LINE_MAX];

	atomic_store(&move_a_partition()->state, PAGE_PARTITION_HELD);
	page_text_set(&partition_of(1, "t", 0)->text, "dead letters are refused");
	summary_line(&tree, NOW_MS, line);
	assert_string_equal(
		line, "2/2 workers ready, lag 10; orders held: t[0]: dead letters are refused");
}

static struct obituary obituary_of(enum exit_cause cause, bool is_exited, int status_or_signal)
{
	return (struct obituary){
		.consumer = "orders",
		.slot = 1,
		.pid = 4711,
		.cause = cause,
		.end = { .is_exited = is_exited, .status = status_or_signal },
		.last_words = "",
		.now_us = NOW_US,
		.spawned_us = NOW_US - 12340000,
		.page = slots[1].page,
	};
}

static void busy_lane(unsigned lane, int64_t offset)
{
	struct page *page = slots[1].page;

	page->lanes[lane].partition_index = (uint32_t)page_partition_index(page, "t", 3);
	page->lanes[lane].handler = (uint32_t)page_handler_index(page, "insert_order");
	page->lanes[lane].attempt = 2;
	page_set(&page->lanes[lane].offset, offset);
	page_set(&page->lanes[lane].started_us, NOW_US - 250000);
	atomic_store(&page->lanes[lane].stage, PAGE_STAGE_HANDLER);
	if (atomic_load(&page->lane_count) <= lane) {
		atomic_store(&page->lane_count, lane + 1);
	}
}

static void obituary_says_who_died_of_what_holding_which_record(void **state)
{
	struct obituary obituary = obituary_of(EXIT_CRASHED, false, 11);

	busy_lane(0, 1042);
	obituary_write(&obituary, &out);
	assert_string_equal(buffer_str(&out),
		"worker orders/1 (pid 4711) was killed by signal 11 (Segmentation fault) after "
		"12.3 s, holding t[3]@1042 (attempt 2, stage handler of insert_order, for "
		"0.250 s)");
}

static void obituary_repeats_last_words(void **state)
{
	struct obituary obituary = obituary_of(EXIT_FAILED, true, 1);

	obituary.last_words = "the disk is full";
	obituary_write(&obituary, &out);
	assert_string_equal(buffer_str(&out),
		"worker orders/1 (pid 4711) exited with status 1 after 12.3 s: the disk is full, "
		"holding no record");
}

static void obituary_of_many_lanes_stays_one_sentence(void **state)
{
	struct obituary obituary = obituary_of(EXIT_HUNG, false, 9);

	for (unsigned lane = 0; lane < 9; lane++) {
		busy_lane(lane, lane);
	}
	obituary_write(&obituary, &out);
	assert_non_null(strstr(buffer_str(&out), "no heartbeat"));
	assert_non_null(strstr(buffer_str(&out), "t[3]@3"));
	assert_null(strstr(buffer_str(&out), "t[3]@4"));
	assert_non_null(strstr(buffer_str(&out), "and 5 more"));
}

static void wanted_end_is_no_alarm(void **state)
{
	struct obituary obituary = obituary_of(EXIT_DRAINED, true, 0);

	obituary_write(&obituary, &out);
	assert_string_equal(
		buffer_str(&out), "worker orders/1 (pid 4711) drained and ended after 12.3 s");
	assert_int_equal(obituary_level(EXIT_DRAINED), LOG_LEVEL_INFO);
	assert_int_equal(obituary_level(EXIT_FENCED), LOG_LEVEL_ERROR);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counters_are_summed_over_slots_and_gauges_are_the_owner_s),
		TEST(gauges_of_a_revoked_partition_vanish_and_counters_stay),
		TEST(unknown_lag_is_not_zero),
		TEST(commit_ahead_of_the_known_end_is_no_negative_lag),
		TEST(every_metric_has_help_and_type_once),
		TEST(label_values_are_escaped),
		TEST(histogram_is_cumulative_and_summed_by_handler_name),
		TEST(exits_and_states_are_counted),
		TEST(page_full_of_nonsense_is_told_without_harm),
		TEST(verdicts_of_all_slots_are_told_newest_first),
		TEST(status_shows_consumers_workers_lanes_and_partitions),
		TEST(text_that_is_not_utf8_is_shown_all_the_same),
		TEST(partition_nobody_here_has_is_not_in_status),
		TEST(state_of_a_consumer_is_the_worst_of_its_parts),
		TEST(summary_line_names_the_trouble),
		TEST(obituary_says_who_died_of_what_holding_which_record),
		TEST(obituary_repeats_last_words),
		TEST(obituary_of_many_lanes_stays_one_sentence),
		TEST(wanted_end_is_no_alarm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
