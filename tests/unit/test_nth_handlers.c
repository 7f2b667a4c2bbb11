/*
 * test_nth_handlers - the built-in handlers, whichever call fails while they open, work and close
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "each_failure.h"
#include "fake_host.h"
#include "handlers/builtins.h"

struct subject {
	const char *name, *type;
	struct onced_param params[8];
};

static const struct event_header headers[] = { { SLICE_LITERAL("trace"), SLICE_LITERAL("1") } };

static const struct fake_event event = {
	.topic = "orders",
	.partition = 3,
	.offset = 42,
	.timestamp_ms = 1700000000123,
	.key = SLICE_LITERAL("k"),
	.value = SLICE_LITERAL(
		"{\"event_id\":\"e-1\",\"payload\":{\"n\":7,\"name\":\"a\\u0062c\"}}"),
	.id = SLICE_LITERAL("e-1"),
	.attempt = 1,
	.headers = headers,
	.header_count = 1,
};

static void tell(const struct fake_host *host, struct onced_outcome outcome, struct buffer *said)
{
	buffer_printf(said, "%d %s\n", (int)outcome.result, outcome.code);
	for (size_t i = 0; i < host->sent_count; i++) {
		for (size_t j = 0; j < host->sent[i].count; j++) {
			buffer_printf(said, "%.*s,", (int)host->sent[i].values[j].text.len,
				host->sent[i].values[j].text.data);
		}
	}
	if (host->published_count) {
		buffer_append(
			said, host->published.record.value.data, host->published.record.value.len);
	}
}

/* Nobody listens where the HTTP handler goes: a connection that was tried is all it can do. */
static bool is_fine(const struct subject *subject, const struct onced_outcome *outcome)
{
	return strcmp(subject->type, "http") == 0
		? outcome->result == ONCED_UNAVAILABLE && strstr(outcome->reason, "onnect")
		: outcome->result == ONCED_DONE;
}

/* Twice: what the first event leaves behind is not to be missed by the second. */
static int live(void *context, struct buffer *said, struct err *err)
{
	const struct subject *subject = context;
	struct fake_host host;
	int r;

	fake_host_init(&host, builtin_handler_find(subject->type), subject->params);
	host.timeout_ms = 10000;
	r = fake_host_check(&host);
	r = r < 0 ? r : fake_host_open(&host);
	if (r < 0) {
		err_set(err, r, "%s", host.setup.reason);
	}
	for (int i = 0; r >= 0 && i < 2; i++) {
		struct onced_outcome outcome = fake_host_handle(&host, &event);

		tell(&host, outcome, said);
		if (!is_fine(subject, &outcome)) {
			r = err_set(err, -1, "%s", outcome.reason);
		}
	}
	fake_host_fini(&host);
	buffer_fini(&fake_host_lines.text);
	return r;
}

static void each_built_in_refuses_with_a_sentence_and_leaves_nothing(void **state)
{
	static const struct subject subjects[] = {
		{ "log", "log", { { .name = NULL } } },
		{ "sql", "sql",
			{ { "statement",
				"INSERT INTO t VALUES (:event_id, :payload.n, :payload.x?)" } } },
		{ "forward", "forward",
			{ { "topic", "copies" }, { "headers.tenant", "{payload.name}" },
				{ "key", "{payload.n}" } } },
		{ "http", "http",
			{ { "url", "http://127.0.0.1:1/{payload.n}?x={payload.name}" },
				{ "headers.x", "a {payload.n}" } } },
		{ "exec", "exec",
			{ { "command",
				  "sh -c 'while read -r line; do"
				  " echo \"{\\\"seq\\\":${line#*:}\" | sed"
				  " \"s/[,}].*/,\\\"result\\\":\\\"done\\\"}/\"; done'" },
				{ "env.X", "y" } } },
	};

	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		struct each_failure work = {
			.name = subjects[i].name, .run = live, .context = (void *)&subjects[i]
		};
		struct each_failure_runs runs = each_failure(&work);

		assert_true(runs.failures >= 5);
		assert_true(i == 0 || runs.refused > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_built_in_refuses_with_a_sentence_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
