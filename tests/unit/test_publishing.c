/*
 * test_publishing - topics that handlers ask for, and what becomes of what they write to them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/event.h"
#include "worker/setup.h"

/* The way to the topics, played. */
struct publisher {
	enum publisher_result result;
	size_t topic;
	unsigned count;
};

static struct publisher played;

static int play_open(
	const struct publisher_options *options, struct publisher **ret, struct err *err)
{
	played.count = 0;
	*ret = &played;
	return 0;
}

static enum publisher_result play_publish(struct publisher *publisher, size_t topic,
	const struct sink_message *message, struct err *err)
{
	assert_true(slice_equal_str(message->key, "key") && slice_is_null(message->value));
	assert_int_equal(message->header_count, 1);
	assert_true(slice_equal_str(message->headers[0].name, "h"));
	publisher->topic = topic;
	publisher->count++;
	err_set(err, 0, "so it is");
	snprintf(err->code, sizeof(err->code), "word");
	return publisher->result;
}

static void play_close(struct publisher *publisher)
{
	publisher->count = 1000;
}

static const struct publisher_ops played_ops = {
	.open = play_open, .publish = play_publish, .close = play_close
};

static const struct onced_handler elsewhere = { .effect = ONCED_EFFECT_ELSEWHERE };
static const struct onced_handler inside = { .effect = ONCED_EFFECT_TRANSACTION };

struct fixture {
	struct roster roster;
	struct config_handler config;
	struct err err;
	struct onced_setup setup;
	struct config whole;
	struct config_pair producer;
	struct config_consumer consumer;
	char *topics[2];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->config = (struct config_handler){ .name = (char *)"h", .timeout_us = 5000000 };
	f->setup = (struct onced_setup){ &f->roster, &f->config, &elsewhere, &f->err };
	f->topics[0] = (char *)"in";
	f->topics[1] = (char *)"more";
	f->consumer = (struct config_consumer){
		.name = (char *)"c", .topics = { f->topics, 2 }, .dlq_topic = (char *)"dead"
	};
	f->producer = (struct config_pair){ .name = (char *)"bootstrap.servers",
		.value = (char *)"elsewhere:9092" };
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	publishing_close(&f->roster.publishing);
	publishing_fini(&f->roster.publishing);
	free(f);
	return 0;
}

static int open_for(struct fixture *f)
{
	return publishing_open(
		&f->roster.publishing, &played_ops, &f->whole, &f->consumer, "test", &f->err);
}

static void assert_said(const struct fixture *f, const char *words)
{
	if (!strstr(f->err.text, words)) {
		fail_msg("\"%s\" has no \"%s\"", f->err.text, words);
	}
}

/* ---- */

static void a_topic_has_one_index_for_each_timeout(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(onced_need_topic(&f->setup, "a"), 0);
	assert_int_equal(onced_need_topic(&f->setup, "b"), 1);
	assert_int_equal(onced_need_topic(&f->setup, "a"), 0);
	f->config.timeout_us = 7000000;
	assert_int_equal(onced_need_topic(&f->setup, "a"), 2);
	assert_int_equal(f->roster.publishing.topics[0].timeout_ms, 5000);
	assert_int_equal(f->roster.publishing.topics[2].timeout_ms, 7000);
}

static void wrong_questions_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(onced_need_topic(&f->setup, "a b"), -1);
	assert_said(f, "not the name of a topic");
	f->setup.ops = &inside;
	assert_int_equal(onced_need_topic(&f->setup, "a"), -1);
	assert_said(f, "ONCED_EFFECT_ELSEWHERE");
	f->setup.roster = NULL;
	assert_int_equal(onced_need_topic(&f->setup, "a"), -1);
	assert_said(f, "not in check()");
	assert_int_equal(f->roster.publishing.topic_count, 0);
}

static void nothing_is_opened_where_nothing_is_written(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_for(f), 0);
	assert_null(f->roster.publishing.publisher);
}

static void a_topic_that_leads_back_is_refused(void **state)
{
	static const struct {
		const char *topic, *words;
	} cases[] = {
		{ "more", "go round for ever" },
		{ "dead", "dead letters" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = *state;

		assert_true(onced_need_topic(&f->setup, cases[i].topic) >= 0);
		assert_true(open_for(f) < 0);
		assert_said(f, cases[i].words);
		assert_null(f->roster.publishing.publisher);
		publishing_fini(&f->roster.publishing);
	}
}

static void in_another_cluster_no_topic_leads_back(void **state)
{
	struct fixture *f = *state;

	f->whole.kafka_producer = (struct config_pairs){ &f->producer, 1 };
	assert_int_equal(onced_need_topic(&f->setup, "in"), 0);
	assert_int_equal(open_for(f), 0);
}

static void what_became_of_a_record_is_the_outcome(void **state)
{
	static const enum onced_result results[] = {
		[PUBLISHER_ACKED] = ONCED_DONE,
		[PUBLISHER_REFUSED] = ONCED_REJECT,
		[PUBLISHER_UNAVAILABLE] = ONCED_UNAVAILABLE,
		[PUBLISHER_FAILED] = ONCED_RETRY,
	};
	const struct onced_header header = { { "h", 1 }, { NULL, 0 } };
	const struct onced_record record = {
		.key = { "key", 3 }, .headers = &header, .header_count = 1
	};
	struct fixture *f = *state;
	struct arena arena = ARENA_INIT;
	const struct onced_event event = { .roster = &f->roster, .arena = &arena };

	assert_int_equal(onced_need_topic(&f->setup, "a"), 0);
	assert_int_equal(onced_need_topic(&f->setup, "b"), 1);
	assert_int_equal(open_for(f), 0);
	for (unsigned i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		struct onced_outcome outcome = { .result = ONCED_DONE };
		bool is_acked = i == PUBLISHER_ACKED;

		played.result = (enum publisher_result)i;
		assert_int_equal(onced_publish(&event, 1, &record, &outcome), is_acked ? 0 : -1);
		assert_int_equal(outcome.result, results[i]);
		assert_string_equal(outcome.code, is_acked ? "" : "word");
		assert_string_equal(outcome.reason, is_acked ? "" : "so it is");
		assert_int_equal(played.topic, 1);
	}
	assert_int_equal(played.count, 4);
	arena_fini(&arena);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_topic_has_one_index_for_each_timeout),
		TEST(wrong_questions_are_refused),
		TEST(nothing_is_opened_where_nothing_is_written),
		TEST(a_topic_that_leads_back_is_refused),
		TEST(in_another_cluster_no_topic_leads_back),
		TEST(what_became_of_a_record_is_the_outcome),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
