/*
 * test_offer - what a library's lines say of the group protocol that brokers offer
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/offer.h"
#include "kafka/trouble.h"

#define OF_ANY "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: "
#define OF_COORDINATOR "[thrd:GroupCoordinator]: GroupCoordinator/1: "
#define PREVIEW "  ApiKey ConsumerGroupHeartbeat (68) Versions 0..0"

enum { NOTICE = 5, DEBUG = 7 };

static void versions_and_features_are_read(void **state)
{
	static const struct {
		const char *text;
		enum kafka_offer offer;
	} cases[] = {
		{ OF_COORDINATOR PREVIEW, KAFKA_OFFER_NO },
		{ OF_ANY PREVIEW, KAFKA_OFFER_NO },
		{ OF_ANY "  ApiKey ConsumerGroupHeartbeat (68) Versions 0..1", KAFKA_OFFER_YES },
		{ OF_ANY "  ApiKey ConsumerGroupHeartbeat (68) Versions 1..12", KAFKA_OFFER_YES },
		{ OF_ANY " Feature BrokerBalancedConsumer: ConsumerGroupHeartbeat (0..32767) NOT "
			 "supported by broker",
			KAFKA_OFFER_NO },
		/* any version will do for that */
		{ OF_ANY " Feature BrokerBalancedConsumer: ConsumerGroupHeartbeat (0..32767) "
			 "supported by broker",
			KAFKA_OFFER_UNSAID },
		{ OF_ANY "  ApiKey Heartbeat (12) Versions 0..0", KAFKA_OFFER_UNSAID },
		{ OF_ANY "  ApiKey ShareGroupHeartbeat (76) Versions 0..0", KAFKA_OFFER_UNSAID },
		{ OF_ANY "Broker API support:", KAFKA_OFFER_UNSAID },
		{ "ConsumerGroupHeartbeat (", KAFKA_OFFER_UNSAID },
		{ "ConsumerGroupHeartbeat (68) Versions 7", KAFKA_OFFER_UNSAID },
		{ "", KAFKA_OFFER_UNSAID },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(kafka_offer_of_line(cases[i].text), cases[i].offer);
	}
}

static struct kafka_offers listen_with(const char *debug)
{
	struct kafka_offers offers = { .is_heard = false };
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	struct err err = ERR_INIT;
	char text[256];

	if (debug) {
		rd_kafka_conf_set(conf, "debug", debug, text, sizeof(text));
	}
	assert_int_equal(kafka_offers_listen(&offers, conf, &err), 0);
	rd_kafka_conf_destroy(conf);
	return offers;
}

static void a_worker_counts_its_coordinator_alone(void **state)
{
	struct kafka_offers offers = listen_with(NULL);

	kafka_offers_note(&offers, DEBUG, OF_ANY PREVIEW, true);
	assert_false(offers.is_missing);
	kafka_offers_note(&offers, DEBUG, OF_COORDINATOR PREVIEW, true);
	assert_true(offers.is_missing);
}

static void a_doctor_counts_every_broker(void **state)
{
	struct kafka_offers offers = listen_with(NULL);

	kafka_offers_note(&offers, DEBUG, OF_ANY PREVIEW, false);
	assert_true(offers.is_missing);
}

static void lines_that_nobody_else_asked_for_are_kept_out_of_the_log(void **state)
{
	struct kafka_offers deaf = { .is_heard = false };
	struct kafka_offers alone = listen_with(NULL), shared = listen_with("cgrp");

	assert_true(kafka_offers_note(&alone, DEBUG, OF_ANY PREVIEW, true));
	assert_false(kafka_offers_note(&alone, NOTICE, "a broker was lost", true));
	assert_false(kafka_offers_note(&shared, DEBUG, OF_ANY PREVIEW, true));
	assert_false(kafka_offers_note(&deaf, DEBUG, OF_COORDINATOR PREVIEW, false));
	assert_false(deaf.is_missing);
}

static void what_is_missing_is_a_sentence_for_a_person(void **state)
{
	const struct kafka_trouble trouble = { .code = KAFKA_OFFER_MISSING_CODE,
		.text = KAFKA_OFFER_MISSING_TEXT };
	struct err err = ERR_INIT;

	assert_true(kafka_explain(&trouble, &err));
	assert_non_null(strstr(err.text, "Kafka 4.0"));
	assert_non_null(strstr(err.text, "use assignment = eager or cooperative"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_and_features_are_read),
		cmocka_unit_test(a_worker_counts_its_coordinator_alone),
		cmocka_unit_test(a_doctor_counts_every_broker),
		cmocka_unit_test(lines_that_nobody_else_asked_for_are_kept_out_of_the_log),
		cmocka_unit_test(what_is_missing_is_a_sentence_for_a_person),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
