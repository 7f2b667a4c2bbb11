/*
 * test_deployment - which times and numbers do not fit each other
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "config/deployment.h"
#include "config_case.h"

/* What is on its line, and everything else good: exactly this is found, and nothing without it. */
static const struct fault {
	const char *onced, *kafka, *consumer, *rest;
	bool has_dynamic_host;
	int64_t files_max;
	enum finding_severity severity;
	const char *text; /* a part of the sentence */
} faults[] = {
	{ .onced = "stop.timeout = 25s\n",
		.severity = FINDING_WARNING,
		.text = "stop.timeout (25s) leaves no time for drain.timeout (25s)" },
	{ .files_max = 150, .severity = FINDING_WARNING, .text = "may open 150 files" },
	{ .kafka = "session.timeout.ms = 6000\n",
		.severity = FINDING_WARNING,
		.text = "session timeout (6s) is shorter than a restart" },
	{ .consumer = "assignment = consumer\ninstance.id = me-%n\n",
		.severity = FINDING_WARNING,
		.text = "cannot come back before its group's consumer.session.timeout.ms" },
	{ .kafka = "heartbeat.interval.ms = 20000\n",
		.severity = FINDING_WARNING,
		.text = "heartbeat.interval.ms (20s)" },
	{ .kafka = "max.poll.interval.ms = 30000\n",
		.severity = FINDING_ERROR,
		.text = "max.poll.interval.ms (30s) is shorter than the session timeout (45s)" },
	{ .kafka = "max.poll.interval.ms = 10000\n",
		.consumer = "revoke.timeout = 8s\n",
		.has_dynamic_host = true,
		.severity = FINDING_WARNING,
		.text = "max.poll.interval.ms (10s) is shorter than revoke.timeout (8s)" },
	{ .onced = "store.statement.timeout = 1m\n",
		.severity = FINDING_WARNING,
		.text = "a statement may run for 1m" },
	{ .onced = "replicas = 2\n",
		.consumer = "instance.id = me-%n\n",
		.severity = FINDING_ERROR,
		.text = "the same on all 2 replicas" },
	{ .onced = "replicas = 3\n",
		.consumer = "partitions = 0-3\n",
		.severity = FINDING_ERROR,
		.text = "3 replicas would all read the partitions" },
	{ .onced = "replicas = 2\n",
		.consumer = "store = sqlite:/var/lib/onced/x.db\n",
		.severity = FINDING_ERROR,
		.text = "cannot share a store of one host" },
	{ .onced = "store.lock.timeout = 7s\n",
		.consumer = "route.pay = pay\n",
		.rest = "[handler pay]\ntype = http\nurl = http://pay.example/\n",
		.severity = FINDING_WARNING,
		.text = "claim.lease (10s) may run out" },
	{ .consumer = "route.pay = pay\n",
		.rest = "[handler pay]\ntype = plugin\npath = /x.so\ntimeout = 15s\n",
		.severity = FINDING_WARNING,
		.text = "handler pay may compute for 15s" },
};

static void load(struct config_case *test, const struct fault *fault)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;

	buffer_printf(&text,
		"[onced]\nstore = postgresql:///shop\n%s[kafka]\nbootstrap.servers = b:9092\n%s"
		"[consumer c]\ntopics = t\nhandler = h\ndlq.topic = t.dlq\n%s[handler h]\n"
		"type = log\n%s",
		fault->onced ? fault->onced : "", fault->kafka ? fault->kafka : "",
		fault->consumer ? fault->consumer : "", fault->rest ? fault->rest : "");
	config_case_load_good(test, buffer_str(&text));
}

static void judge(const struct fault *fault, struct findings *findings)
{
	struct config_case test;
	struct deployment where = { .has_stable_host = !fault->has_dynamic_host,
		.files_max = fault->files_max };

	config_case_begin(&test);
	load(&test, fault);
	deployment_judge(test.config, &where, findings);
	config_case_end(&test);
}

static void each_thing_that_does_not_fit_is_found(void **state)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		_cleanup_(findings_fini) struct findings findings = FINDINGS_INIT;
		bool is_found = false;

		judge(&faults[i], &findings);
		for (size_t j = 0; j < findings.count; j++) {
			is_found |= strstr(findings.items[j].text, faults[i].text) &&
				findings.items[j].severity == faults[i].severity;
			assert_true(findings.items[j].remedy[0] != '\0');
		}
		if (!is_found) {
			fail_msg("not found: %s (%zu findings)", faults[i].text, findings.count);
		}
	}
}

static void the_defaults_fit(void **state)
{
	const struct fault none = { .files_max = 1024 };
	const struct fault stop = { .onced = "stop.timeout = 30s\nreplicas = 3\n",
		.files_max = 1024 };
	_cleanup_(findings_fini) struct findings findings = FINDINGS_INIT;

	judge(&none, &findings);
	judge(&stop, &findings);
	assert_int_equal(findings.count, 0);
}

static size_t judge_room(unsigned partitions, const char *onced, const char *consumer)
{
	const struct fault numbers = { .onced = onced, .consumer = consumer };
	_cleanup_(findings_fini) struct findings findings = FINDINGS_INIT;
	struct config_case test;
	size_t count;

	config_case_begin(&test);
	load(&test, &numbers);
	deployment_judge_partitions(test.config, &test.config->consumers[0], partitions, &findings);
	count = findings.count;
	config_case_end(&test);
	return count;
}

static void more_workers_than_partitions_are_told(void **state)
{
	assert_int_equal(judge_room(6, "replicas = 3\n", "workers = 2\n"), 0);
	assert_int_equal(judge_room(5, "replicas = 3\n", "workers = 2\n"), 1);
	assert_int_equal(judge_room(1, "", ""), 0);
	assert_int_equal(judge_room(1, "", "partitions = 0 | 1\n"), 0);
}

static int64_t longest_s(const char *consumer, const char *rest)
{
	const struct fault policy = { .consumer = consumer, .rest = rest };
	struct config_case test;
	int64_t us;

	config_case_begin(&test);
	load(&test, &policy);
	us = deployment_retry_us(&test.config->consumers[0]);
	config_case_end(&test);
	return us / 1000000;
}

static int64_t retry_s(const char *rest)
{
	return longest_s("", rest);
}

static int64_t tiers_s(const char *tiers, const char *rest)
{
	_cleanup_free_ char *keys = xasprintf("ordering = none\nretry.topics = %s\n", tiers);

	return longest_s(keys, rest);
}

static void the_worst_time_of_retries_is_pauses_and_calls(void **state)
{
	/* 1 + 2 + 4 and four calls of 20 s */
	assert_int_equal(retry_s("[retry]\nattempts = 4\ndelay = 1s\n"), 87);
	/* 1 + 2 + 2 */
	assert_int_equal(retry_s("[retry]\nattempts = 4\ndelay = 1s\ndelay.max = 2s\n"), 85);
	/* the deadline and the last call */
	assert_int_equal(retry_s("[retry]\nattempts = 400\ndelay = 1s\ndeadline = 1m\n"), 80);
	assert_int_equal(retry_s("[retry]\nattempts = 0\ndeadline = 1m\n"), 80);
	assert_int_equal(retry_s("[retry]\nattempts = 0\ndeadline = 0\n"), 0);
	assert_int_equal(retry_s("[retry]\nattempts = 2\ndelay = 1s\ndeadline = 0\n"), 41);
	/* where they wait in topics: 10 + 60 and three calls, whatever [retry] says */
	assert_int_equal(tiers_s("10s, 1m", "[retry]\nattempts = 9\ndeadline = 1s\n"), 130);
}

static void a_finding_is_one_line(void **state)
{
	_cleanup_(findings_fini) struct findings findings = FINDINGS_INIT;

	findings.subject = "a\nb";
	findings_add(&findings, FINDING_NOTE, "x\ty", "%s", "one\r\ntwo\033[2J");
	assert_string_equal(findings.items[0].subject, "a b");
	assert_string_equal(findings.items[0].text, "one  two [2J");
	assert_string_equal(findings.items[0].remedy, "x y");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_thing_that_does_not_fit_is_found),
		cmocka_unit_test(the_defaults_fit),
		cmocka_unit_test(more_workers_than_partitions_are_told),
		cmocka_unit_test(the_worst_time_of_retries_is_pauses_and_calls),
		cmocka_unit_test(a_finding_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
