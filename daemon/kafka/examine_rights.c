/*
 * examine_rights - find out what the user of [kafka] may, without doing it
 *
 * Runs in: oncectl, one thread. A broker looks at rights before it looks at anything else: a
 * request that cannot be granted for another reason tells, by the reason, whether they are there.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/memory.h"
#include "kafka/examine_private.h"

/* Of a partition that no topic has. */
enum { NO_PARTITION = INT32_MAX - 1 };
/* An answer takes milliseconds; a refusal is not given by the library, but waited for. */
enum { COORDINATOR_MS = 2500 };

/*
 * Who coordinates the group is not told to somebody without a right on it, and the library asks
 * again: what it was told comes as an error of the consumer. A commit would wait for it.
 */
static rd_kafka_resp_err_t find_coordinator(struct kafka_examiner *examiner, const char *topic)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t code;
	rd_kafka_message_t *message;

	rd_kafka_topic_partition_list_add(list, topic, 0);
	code = rd_kafka_committed(
		examiner->reader.rk, list, examine_left_ms(examiner, COORDINATOR_MS) + 1);
	rd_kafka_topic_partition_list_destroy(list);
	while (code && (message = rd_kafka_consumer_poll(examiner->reader.rk, 0))) {
		code = examine_is_refusal(message->err) ? message->err : code;
		rd_kafka_message_destroy(message);
	}
	return code;
}

static rd_kafka_resp_err_t commit_nothing(struct kafka_examiner *examiner, const char *topic)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(examiner->reader.rk);
	rd_kafka_resp_err_t code;
	rd_kafka_event_t *event;

	rd_kafka_topic_partition_list_add(list, topic, NO_PARTITION)->offset = 0;
	code = rd_kafka_commit_queue(examiner->reader.rk, list, queue, NULL, NULL);
	rd_kafka_topic_partition_list_destroy(list);
	if (!code) {
		event = rd_kafka_queue_poll(queue, examine_left_ms(examiner, ASK_MS) + 1);
		code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
		if (event && !code) {
			const rd_kafka_topic_partition_list_t *answers =
				rd_kafka_event_topic_partition_list(event);

			code = answers && answers->cnt ? answers->elems[0].err : code;
		}
		if (event) {
			rd_kafka_event_destroy(event);
		}
	}
	rd_kafka_queue_destroy(queue);
	return code;
}

int kafka_examine_reading(struct kafka_examiner *examiner, const char *topic, struct err *err)
{
	rd_kafka_resp_err_t code;
	struct kafka_trouble trouble = { .topic = topic, .group = examiner->group_id };

	if (examine_left_ms(examiner, 1) == 0) {
		return examine_out_of_time(err);
	}
	code = find_coordinator(examiner, topic);
	code = code ? code : commit_nothing(examiner, topic);
	if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
		return 0; /* the partition: rights come before it */
	}
	rd_kafka_poll(examiner->reader.rk, 0);
	trouble.code = code;
	if (examine_is_refusal(code)) {
		(void)kafka_explain(&trouble, err);
		return -EACCES;
	}
	return kafka_err(err, -EAGAIN, code, "asking for the right to read");
}

static void wait_for_answer(struct kafka_examiner *examiner)
{
	int64_t until_us = clock_mono_us() + (int64_t)examine_left_ms(examiner, ASK_MS) * 1000;

	while (!examiner->writer.is_answered && clock_mono_us() < until_us) {
		rd_kafka_poll(examiner->writer.rk, 100);
	}
}

int kafka_examine_writing(struct kafka_examiner *examiner, const char *topic,
	int64_t message_bytes_max, struct err *err)
{
	struct examiner_client *client = &examiner->writer;
	struct kafka_trouble trouble = { .topic = topic, .right = "Write" };
	rd_kafka_resp_err_t code;
	_cleanup_free_ void *value = NULL;

	if (message_bytes_max < 0 || message_bytes_max > WRITING_BYTES_MAX) {
		return err_set(err, -ENOTSUP, "the topic takes records too large to ask with");
	}
	if (examine_left_ms(examiner, 1) == 0) {
		return examine_out_of_time(err);
	}
	value = xcalloc(1, (size_t)message_bytes_max + 1);
	client->is_answered = false;
	code = rd_kafka_producev(client->rk, RD_KAFKA_V_TOPIC(topic),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_VALUE(value, (size_t)message_bytes_max + 1), RD_KAFKA_V_END);
	if (!code) {
		wait_for_answer(examiner);
		code = client->is_answered ? client->answer : RD_KAFKA_RESP_ERR__TIMED_OUT;
	}
	if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
		return 0;
	}
	trouble.code = code;
	if (examine_is_refusal(code)) {
		(void)kafka_explain(&trouble, err);
		return -EACCES;
	}
	return kafka_err(err, -EAGAIN, code, "asking for the right to write");
}
