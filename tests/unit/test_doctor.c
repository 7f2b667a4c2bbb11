/*
 * test_doctor - what `oncectl doctor` makes of what it was told, and what a trouble is called
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config_case.h"
#include "doctor.h"
#include "kafka/trouble.h"
#include "runbook.h"

static struct config_case test;

static int set_up(void **state)
{
	config_case_begin(&test);
	config_case_load_good(&test,
		"[onced]\nstore = postgresql:///shop\n[kafka]\nbootstrap.servers = b:9092\n"
		"security.protocol = SASL_SSL\nsasl.mechanism = SCRAM-SHA-512\n"
		"[consumer c]\ntopics = t\nhandler = h\ndlq.topic = t.dlq\npartitions = 0-1\n"
		"[handler h]\ntype = log\n");
	return 0;
}

static int tear_down(void **state)
{
	config_case_end(&test);
	return 0;
}

static enum finding_severity worst(struct findings *findings)
{
	enum finding_severity severity = FINDING_GOOD;

	for (size_t i = 0; i < findings->count; i++) {
		severity = findings->items[i].severity > severity ? findings->items[i].severity
								  : severity;
	}
	findings_fini(findings);
	return severity;
}

static enum finding_severity library(unsigned version, const char *features)
{
	const struct doctor_library library = { version, "x", features };
	struct findings findings = FINDINGS_INIT;

	doctor_judge_library(test.config, &library, &findings);
	return worst(&findings);
}

static void library_without_the_protocol_of_the_brokers_does_not_do(void **state)
{
	test.config->consumers[0].assignment = ASSIGNMENT_CONSUMER;
	assert_int_equal(library(0x020b01ff, "ssl,sasl_scram"), FINDING_ERROR);
	assert_int_equal(library(0x020c00ff, "ssl,sasl_scram"), FINDING_NOTE);
	test.config->consumers[0].assignment = ASSIGNMENT_EAGER;
}

static void brokers_that_do_not_assign_are_called_so(void **state)
{
	const struct kafka_trouble trouble = { .code = RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
		.text = "ConsumerGroupHeartbeat fatal error: Broker: not supported" };
	struct err err = ERR_INIT;

	assert_true(kafka_explain(&trouble, &err));
	assert_non_null(strstr(err.text, "Kafka 4.0"));
}

static void bugs_of_a_library_are_told_where_they_apply(void **state)
{
	assert_int_equal(library(0x020e02ff, "ssl,sasl_scram"), FINDING_GOOD);
	assert_int_equal(library(0x020601ff, "ssl,sasl_scram"), FINDING_NOTE);
	assert_int_equal(library(0x020600ff, "ssl,sasl_scram"), FINDING_WARNING);
	assert_int_equal(library(0x020e02ff, "sasl_scram"), FINDING_ERROR);
}

static enum finding_severity letters(int64_t dlq_bytes, int64_t topic_bytes)
{
	const struct doctor_topic dlq = { .name = "t.dlq",
		.role = DOCTOR_DLQ,
		.is_there = true,
		.has_settings = true,
		.settings = { .message_bytes_max = dlq_bytes } };
	const struct doctor_topic topic = { .name = "t",
		.is_there = true,
		.has_settings = true,
		.settings = { .message_bytes_max = topic_bytes } };
	struct findings findings = FINDINGS_INIT;

	doctor_judge_dead_letters(test.config, &test.config->consumers[0], &dlq, &topic, &findings);
	return worst(&findings);
}

static void a_dead_letter_needs_room_for_its_headers(void **state)
{
	assert_int_equal(letters(2000000, 1000000), FINDING_GOOD);
	assert_int_equal(letters(1000000, 1000000), FINDING_WARNING);
	assert_int_equal(letters(1004096, 1000000), FINDING_GOOD);
	assert_int_equal(letters(1004095, 1000000), FINDING_WARNING);
	assert_int_equal(letters(-1, 1000000), FINDING_GOOD);
}

static enum finding_severity lists(int partitions)
{
	const struct doctor_topic topic = {
		.name = "t", .is_there = true, .facts = { .partitions = partitions }
	};
	struct findings findings = FINDINGS_INIT;

	doctor_judge_lists(&test.config->consumers[0], &topic, &findings);
	return worst(&findings);
}

static void lists_name_each_partition_and_no_other(void **state)
{
	assert_int_equal(lists(2), FINDING_GOOD);
	assert_int_equal(lists(1), FINDING_ERROR);
	assert_int_equal(lists(3), FINDING_ERROR);
}

static enum finding_severity schema(unsigned version)
{
	const struct store_schema found = { .version = version, .known = 3 };
	struct findings findings = FINDINGS_INIT;

	doctor_judge_schema(test.config, &found, &findings);
	return worst(&findings);
}

static void a_schema_of_another_version_is_told(void **state)
{
	assert_int_equal(schema(3), FINDING_GOOD);
	assert_int_equal(schema(2), FINDING_ERROR);
	assert_int_equal(schema(4), FINDING_ERROR);
	assert_int_equal(schema(0), FINDING_ERROR);
}

static enum finding_severity clocks(int64_t ahead_ms)
{
	struct findings findings = FINDINGS_INIT;

	doctor_judge_clock(ahead_ms, &findings);
	return worst(&findings);
}

static void clocks_that_disagree_are_told(void **state)
{
	assert_int_equal(clocks(-1999), FINDING_GOOD);
	assert_int_equal(clocks(2000), FINDING_WARNING);
	assert_int_equal(clocks(-2000), FINDING_WARNING);
	assert_int_equal(clocks(-60000), FINDING_ERROR);
}

/* ---- runbook ---- */

static void a_runbook_has_no_markup_but_its_own(void **state)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	runbook_append_text(&out, "a|b [x](http://y) `z`\n# <script>");
	assert_string_equal(
		buffer_str(&out), "a\\|b \\[x\\]\\(http\\://y\\) \\`z\\` \\# \\<script\\>");
	buffer_clear(&out);
	/* what some make links of, without any brackets; a time of day stays one */
	runbook_append_text(&out, "WWW.a.b who@a.b 10:30 w.x");
	assert_string_equal(buffer_str(&out), "WWW\\.a.b who\\@a.b 10:30 w.x");
	buffer_clear(&out);
	runbook_append_code(&out, "a`b|c\n");
	assert_string_equal(buffer_str(&out), "`a?b?c?`");
}

static void a_runbook_tells_figures_and_worst_case(void **state)
{
	static const char consumer[] = "{\"state\":\"held\",\"reason\":\"a|b\",\"lag\":7,"
				       "\"partitions\":[{\"topic\":\"t\",\"partition\":1,"
				       "\"worker\":0,\"state\":\"held\",\"reason\":\"a|b\","
				       "\"committed\":5,\"lag\":7,\"parked\":1,\"held\":2,"
				       "\"dead_letters\":{\"rejected\":4,\"crash\":1},"
				       "\"settled\":{\"done\":%d}}],\"workers\":[{\"slot\":0,"
				       "\"state\":\"ready\",\"store_down\":true,\"store\":\"x\"}],"
				       "\"worker_exits\":{\"drained\":2,\"crashed\":1},"
				       "\"history\":{\"interval_seconds\":10,\"lag\":[3,4],"
				       "\"settled_per_second\":[1.0,3.0]}}";
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT, text = BUFFER_INIT;
	struct runbook runbook = { .config = test.config,
		.consumer = &test.config->consumers[0],
		.config_path = "/etc/onced/it's.ini",
		.socket_path = "/s",
		.silence = "nobody answers there",
		.seconds = 2 };
	json_t *before, *now;

	runbook_write(&runbook, &out);
	assert_non_null(strstr(
		buffer_str(&out), "daemon on `/s`: nobody answers there\n\nWhat follows is"));
	assert_non_null(strstr(buffer_str(&out),
		"| `OncedDown` | onced does not answer: see its "
		"service |\n"));
	buffer_clear(&out);
	buffer_printf(&text, consumer, 10);
	before = json_loads(buffer_str(&text), 0, NULL);
	buffer_clear(&text);
	buffer_printf(&text, consumer, 30);
	now = json_loads(buffer_str(&text), 0, NULL);
	assert_non_null(before);
	assert_non_null(now);
	runbook.before = before;
	runbook.now = now;
	runbook_write(&runbook, &out);
	assert_non_null(strstr(buffer_str(&out), "Throughput: 10.0 records/s"));
	assert_non_null(strstr(buffer_str(&out), "| `t` | 1 | 0 | held | 5 | 7 | 3 | a\\|b |"));
	assert_non_null(strstr(buffer_str(&out),
		"last 20s: 2.0 records/s on average, 3.0 at most; "
		"the lag was 3 at its beginning."));
	assert_non_null(strstr(buffer_str(&out), " | 5 since the start |\n"));
	assert_non_null(strstr(buffer_str(&out), " | 1 died since the start |\n"));
	assert_non_null(strstr(buffer_str(&out), " | 1 of 1 are ready |\n"));
	assert_non_null(strstr(buffer_str(&out), " | **yes**: x |\n"));
	/* 0.5 1 2 4 8 16 30 30 30 and ten calls of 20 s */
	assert_non_null(strstr(buffer_str(&out), "given up 321s after"));
	assert_non_null(
		strstr(buffer_str(&out), "    oncectl -c '/etc/onced/it'\\''s.ini' dlq list c\n"));
	json_decref(before);
	json_decref(now);
}

/* ---- troubles ---- */

static bool explain(rd_kafka_resp_err_t code, const char *text, int certificate, struct err *ret)
{
	struct kafka_witness witness = { .certificate = certificate };
	const struct kafka_trouble trouble = {
		.code = code, .text = text, .topic = "t", .group = "g", .witness = &witness
	};

	*ret = ERR_INIT;
	return kafka_explain(&trouble, ret);
}

static void a_certificate_is_refused_for_one_reason(void **state)
{
	static const char text[] = "sasl_ssl://b1.example:9093/bootstrap: SSL handshake failed: "
				   "certificate verify failed";
	struct err err;

	assert_true(explain(RD_KAFKA_RESP_ERR__SSL, text, 19, &err));
	assert_non_null(strstr(err.text, "broker b1.example:9093: "));
	assert_non_null(strstr(err.text, "ssl.ca.location"));
	assert_true(explain(RD_KAFKA_RESP_ERR__SSL, text, 62, &err));
	assert_non_null(strstr(err.text, "for another host name"));
	assert_true(explain(RD_KAFKA_RESP_ERR__SSL, text, 10, &err));
	assert_non_null(strstr(err.text, "expired"));
	assert_true(explain(RD_KAFKA_RESP_ERR__SSL, text, 77, &err));
	assert_non_null(strstr(err.text, "error 77"));
}

static void a_missing_right_is_named_with_what_it_is_on(void **state)
{
	struct err err;

	assert_true(explain(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, "x", 0, &err));
	assert_non_null(strstr(err.text, "right Read on group g"));
	assert_string_equal(err.code, "GROUP_AUTHORIZATION_FAILED");
	assert_true(explain(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "x", 0, &err));
	assert_non_null(strstr(err.text, "right Read on topic t"));
}

static void what_passes_by_itself_needs_nobody(void **state)
{
	struct err err;

	assert_false(explain(RD_KAFKA_RESP_ERR__TRANSPORT,
		"plaintext://[::1]:9092/bootstrap: Connect failed: Connection refused", 0, &err));
	assert_non_null(strstr(err.text, "broker [::1]:9092: nobody listens there"));
	assert_false(explain(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 are down", 0, &err));
	assert_string_equal(err.text, "1/1 are down");
	assert_false(explain(RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, 0, &err));
	assert_true(err.text[0] != '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(library_without_the_protocol_of_the_brokers_does_not_do),
		cmocka_unit_test(brokers_that_do_not_assign_are_called_so),
		cmocka_unit_test(bugs_of_a_library_are_told_where_they_apply),
		cmocka_unit_test(a_dead_letter_needs_room_for_its_headers),
		cmocka_unit_test(lists_name_each_partition_and_no_other),
		cmocka_unit_test(a_schema_of_another_version_is_told),
		cmocka_unit_test(clocks_that_disagree_are_told),
		cmocka_unit_test(a_runbook_has_no_markup_but_its_own),
		cmocka_unit_test(a_runbook_tells_figures_and_worst_case),
		cmocka_unit_test(a_certificate_is_refused_for_one_reason),
		cmocka_unit_test(a_missing_right_is_named_with_what_it_is_on),
		cmocka_unit_test(what_passes_by_itself_needs_nobody),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
