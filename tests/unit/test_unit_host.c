/*
 * test_unit_host - the event as a handler of the real unit of work sees it
 */
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit_bench.h"

static struct unit_bench *bench;
static unsigned calls;

static int set_up(void **state)
{
	bench = bench_open(&(struct bench_options){ .has_no_routes = true });
	calls = 0;
	return 0;
}

static int tear_down(void **state)
{
	bench_close(bench);
	assert_int_equal(calls, 1);
	return 0;
}

typedef void handle_fn(void *state, const struct onced_event *event, struct onced_outcome *outcome);

static void show(handle_fn *handle, const struct bench_record *record)
{
	((struct onced_handler *)bench->roster.handlers[0].ops)->handle = handle;
	bench_put(bench, record);
	bench_run_expect(bench, "D");
}

static void show_value(handle_fn *handle, const char *value)
{
	show(handle, &(struct bench_record){ .value = value });
}

/* ---- the type ---- */

static void expect_type(const struct onced_event *event, const char *type)
{
	struct onced_bytes found = onced_event_type(event);

	calls++;
	if (!type) {
		assert_null(found.data);
		return;
	}
	assert_true(slice_equal_str(slice_from(found.data, found.len), type));
	assert_ptr_equal(onced_event_type(event).data, found.data);
}

static void expect_paid(void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	expect_type(event, "paid \"once\"");
}

static void the_type_is_there_without_routes(void **state)
{
	show_value(expect_paid, "{\"event_id\":\"a\",\"event_type\":\"paid \\\"once\\\"\"}");
}

static void expect_no_type(
	void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	expect_type(event, NULL);
}

static void an_event_without_a_type_has_none(void **state)
{
	show_value(expect_no_type, "{\"event_id\":\"a\",\"event_type\":7}");
}

/* ---- the tree ---- */

static void read_tree(void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	const char *why = "not said";
	json_t *tree = onced_event_tree(event, &why);
	const json_t *rows = json_object_get(tree, "rows");

	calls++;
	assert_string_equal(why, "not said");
	assert_ptr_equal(onced_event_tree(event, NULL), tree);
	assert_int_equal(json_array_size(rows), 2);
	assert_int_equal(json_integer_value(json_array_get(rows, 0)), INT64_C(9223372036854775807));
	assert_true(json_real_value(json_array_get(rows, 1)) == 0.1);
	assert_int_equal(tree->refcount, 1);
}

static void the_value_is_a_tree_when_asked_for(void **state)
{
	show_value(read_tree, "{\"event_id\":\"a\",\"rows\":[9223372036854775807,0.1]}");
}

static const struct {
	const char *value, *why;
} no_trees[] = {
	{ "{\"event_id\":\"a\",\"x\":{\"k\":1,\"k\":2}}", "an object has a key twice" },
	{ "{\"event_id\":\"a\",\"x\":9223372036854775808}", "a number is too large" },
	{ "{\"event_id\":\"a\",\"x\":1e999}", "a number is too large" },
	{ "{\"event_id\":\"a\",\"x\":\"\\u0000\"}", "a string holds a zero byte" },
};
static size_t no_tree;

static void expect_no_tree(
	void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	const char *why = NULL;

	calls = 1;
	for (unsigned i = 0; i < 2; i++) {
		assert_null(onced_event_tree(event, &why));
		assert_string_equal(why, no_trees[no_tree].why);
	}
	assert_null(onced_event_tree(event, NULL));
}

static void what_a_tree_cannot_say_has_none_and_a_reason(void **state)
{
	for (no_tree = 0; no_tree < sizeof(no_trees) / sizeof(no_trees[0]); no_tree++) {
		bench_clear(bench);
		show(expect_no_tree,
			&(struct bench_record){ .value = no_trees[no_tree].value,
				.offset = (int64_t)no_tree + 1,
				.header = { SLICE_LITERAL("event_id"),
					slice_from_str(no_trees[no_tree].value) } });
	}
}

static void expect_no_value(
	void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	const char *why = NULL;

	expect_type(event, NULL);
	assert_null(onced_event_tree(event, &why));
	assert_string_equal(why, "there is no value");
}

static void a_tombstone_has_neither(void **state)
{
	show(expect_no_value,
		&(struct bench_record){ .is_null = true,
			.header = { SLICE_LITERAL("event_id"), SLICE_LITERAL("a") } });
}

/* ---- wrong use ---- */

static void send_another(
	void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	onced_tx_send(event, (int)bench->roster.statement_count, NULL, 0);
}

static void query_another(
	void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	onced_tx_query(event, -1, NULL, 0);
}

static void read_behind(void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	onced_rows_value(onced_tx_query(event, 0, NULL, 0), 1, 0);
}

static void read_beside(void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	onced_rows_value(onced_tx_query(event, 0, NULL, 0), 0, 2);
}

static int status_of(handle_fn *handle)
{
	const struct rlimit no_core = { 0, 0 };
	int status;
	pid_t child = fork();

	if (child == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGABRT, SIG_DFL);
		((struct onced_handler *)bench->roster.handlers[0].ops)->handle = handle;
		bench_add(bench, 0, "a");
		bench_run(bench);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void wrong_use_ends_the_worker(void **state)
{
	static handle_fn *const wrong[] = { send_another, query_another, read_behind, read_beside };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int status = status_of(wrong[i]);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
	calls = 1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_type_is_there_without_routes),
		TEST(an_event_without_a_type_has_none),
		TEST(the_value_is_a_tree_when_asked_for),
		TEST(what_a_tree_cannot_say_has_none_and_a_reason),
		TEST(a_tombstone_has_neither),
		TEST(wrong_use_ends_the_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
