#include "kafka/reader.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "kafka/conf.h"

enum { ASK_TIMEOUT_MS = 10000, AGAIN_MS = 200, ERROR_TEXT_MAX = 512 };

struct kafka_reader {
	rd_kafka_t *rk;
	rd_kafka_message_t *message; /* the one given out */
	struct source_header *headers;
	size_t header_capacity;
};

static void list_free(rd_kafka_topic_partition_list_t **list)
{
	if (*list) {
		rd_kafka_topic_partition_list_destroy(*list);
	}
}

int kafka_reader_open(const struct config *config, const char *group_id, struct kafka_reader **ret,
	struct err *err)
{
	_cleanup_(kafka_reader_closep) struct kafka_reader *reader = NEW(struct kafka_reader);
	rd_kafka_conf_t *conf;
	char text[ERROR_TEXT_MAX];
	int r = kafka_conf_reader(config, group_id, &conf, err);

	if (r < 0) {
		return r;
	}
	reader->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (!reader->rk) {
		r = kafka_no_client("kafka", text, err);
		rd_kafka_conf_destroy(conf);
		return r;
	}
	rd_kafka_poll_set_consumer(reader->rk);
	*ret = TAKE(reader);
	return 0;
}

static void release(struct kafka_reader *reader)
{
	if (reader->message) {
		rd_kafka_message_destroy(reader->message);
		reader->message = NULL;
	}
}

void kafka_reader_close(struct kafka_reader *reader)
{
	if (!reader) {
		return;
	}
	release(reader);
	if (reader->rk) {
		rd_kafka_consumer_close(reader->rk);
		rd_kafka_destroy(reader->rk);
	}
	free(reader->headers);
	free(reader);
}

int kafka_reader_partitions(struct kafka_reader *reader, const char *topic, struct err *err)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(reader->rk, topic, NULL);
	rd_kafka_resp_err_t code;
	int count;

	if (!rkt) {
		return kafka_err(err, -EINVAL, rd_kafka_last_error(), topic);
	}
	code = rd_kafka_metadata(reader->rk, 0, rkt, &metadata, ASK_TIMEOUT_MS);
	rd_kafka_topic_destroy(rkt);
	if (code) {
		return kafka_err(err, -EAGAIN, code, "asking the brokers for a topic");
	}
	code = metadata->topic_cnt == 1 ? metadata->topics[0].err
					: RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
	count = code ? 0 : metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
		code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
		return kafka_err(err, -ENOENT, code, topic);
	}
	return code ? kafka_err(err, -EAGAIN, code, topic) : count;
}

/* Partitions 0 to count - 1, each with its offset; negative ones only if `takes_all`. */
static rd_kafka_topic_partition_list_t *make_list(
	const char *topic, const int64_t *offsets, size_t count, bool takes_all)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);

	for (size_t i = 0; i < count; i++) {
		if (takes_all || offsets[i] >= 0) {
			rd_kafka_topic_partition_list_add(list, topic, (int32_t)i)->offset =
				offsets[i];
		}
	}
	return list;
}

int kafka_reader_log_offsets(struct kafka_reader *reader, const char *topic, int64_t which,
	int64_t *ret, size_t count, struct err *err)
{
	_cleanup_(list_free) rd_kafka_topic_partition_list_t *list = NULL;
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < count; i++) {
		ret[i] = which;
	}
	list = make_list(topic, ret, count, true);
	code = rd_kafka_offsets_for_times(reader->rk, list, ASK_TIMEOUT_MS);
	for (size_t i = 0; i < count && !code; i++) {
		code = list->elems[i].err;
		ret[i] = list->elems[i].offset;
		if (!code && ret[i] < 0 && which < 0) {
			code = RD_KAFKA_RESP_ERR__NO_OFFSET;
		}
	}
	return code ? kafka_err(err, -EAGAIN, code, "asking for the bounds of a topic") : 0;
}

/*
 * The group's coordinator is being found, or begins: when its broker has just started, or another
 * took over from it. That passes within seconds, and what was asked can be asked again.
 */
static bool is_moving(rd_kafka_resp_err_t code)
{
	static const rd_kafka_resp_err_t moving[] = { RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
		RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
		RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR__WAIT_COORD };

	for (size_t i = 0; i < sizeof(moving) / sizeof(moving[0]); i++) {
		if (code == moving[i]) {
			return true;
		}
	}
	return false;
}

/* The call's, or the first of a partition. */
static rd_kafka_resp_err_t first_error(
	rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt && !code; i++) {
		code = list->elems[i].err;
	}
	return code;
}

/* Is it to be asked again? Waits a little if so. */
static bool is_asked_again(rd_kafka_resp_err_t code, int64_t end_us)
{
	const struct timespec nap = { 0, AGAIN_MS * 1000000L };

	return is_moving(code) && clock_mono_us() < end_us && nanosleep(&nap, NULL) == 0;
}

int kafka_reader_committed(
	struct kafka_reader *reader, const char *topic, int64_t *ret, size_t count, struct err *err)
{
	_cleanup_(list_free) rd_kafka_topic_partition_list_t *list = NULL;
	int64_t end_us = clock_mono_us() + ASK_TIMEOUT_MS * INT64_C(1000);
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < count; i++) {
		ret[i] = SOURCE_OFFSET_NONE;
	}
	do {
		list_free(&list);
		list = make_list(topic, ret, count, true);
		code = first_error(rd_kafka_committed(reader->rk, list, ASK_TIMEOUT_MS), list);
	} while (is_asked_again(code, end_us));
	for (size_t i = 0; i < count && !code; i++) {
		ret[i] = list->elems[i].offset >= 0 ? list->elems[i].offset : SOURCE_OFFSET_NONE;
	}
	return code ? kafka_err(err, -EAGAIN, code, "asking for committed offsets") : 0;
}

int kafka_reader_commit(struct kafka_reader *reader, const char *topic, const int64_t *offsets,
	size_t count, struct err *err)
{
	_cleanup_(list_free) rd_kafka_topic_partition_list_t *list =
		make_list(topic, offsets, count, false);
	int64_t end_us = clock_mono_us() + ASK_TIMEOUT_MS * INT64_C(1000);
	rd_kafka_resp_err_t code;

	if (list->cnt == 0) {
		return 0;
	}
	do {
		code = first_error(rd_kafka_commit(reader->rk, list, 0), list);
	} while (is_asked_again(code, end_us));
	return code ? kafka_err(err, -EIO, code, "committing offsets") : 0;
}

int kafka_reader_assign(struct kafka_reader *reader, const char *topic, const int64_t *from,
	size_t count, struct err *err)
{
	_cleanup_(list_free) rd_kafka_topic_partition_list_t *list =
		make_list(topic, from, count, false);
	rd_kafka_resp_err_t code;

	release(reader);
	code = rd_kafka_assign(reader->rk, list);
	return code ? kafka_err(err, -EIO, code, "reading a topic") : 0;
}

static size_t read_headers(struct kafka_reader *reader)
{
	rd_kafka_headers_t *list;
	const char *name;
	const void *value;
	size_t size, count = 0;

	if (rd_kafka_message_headers(reader->message, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		return 0;
	}
	while (rd_kafka_header_get_all(list, count, &name, &value, &size) ==
		RD_KAFKA_RESP_ERR_NO_ERROR) {
		ARRAY_GROW(reader->headers, count, reader->header_capacity);
		reader->headers[count++] = (struct source_header){ slice_from_str(name),
			value ? slice_from(value, size) : SLICE_NULL };
	}
	return count;
}

static void give(struct kafka_reader *reader, struct kafka_reader_record *ret)
{
	const rd_kafka_message_t *message = reader->message;
	rd_kafka_timestamp_type_t type;

	*ret = (struct kafka_reader_record){
		.partition = message->partition,
		.offset = message->offset,
		.timestamp_ms = rd_kafka_message_timestamp(message, &type),
		.key = message->key ? slice_from(message->key, message->key_len) : SLICE_NULL,
		.value = message->payload ? slice_from(message->payload, message->len) : SLICE_NULL,
		.header_count = read_headers(reader),
	};
	ret->headers = reader->headers;
}

/* What the library goes on from by itself. */
static bool is_passing(rd_kafka_resp_err_t code)
{
	static const rd_kafka_resp_err_t passing[] = { RD_KAFKA_RESP_ERR__TRANSPORT,
		RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TIMED_OUT,
		RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
		RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE };

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		if (code == passing[i]) {
			return true;
		}
	}
	return false;
}

int kafka_reader_next(struct kafka_reader *reader, int timeout_ms, struct kafka_reader_record *ret,
	struct err *err)
{
	rd_kafka_message_t *message;

	release(reader);
	message = reader->message = rd_kafka_consumer_poll(reader->rk, timeout_ms);
	if (!message) {
		return KAFKA_READER_NOTHING;
	}
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		give(reader, ret);
		return KAFKA_READER_RECORD;
	}
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		*ret = (struct kafka_reader_record){ .partition = message->partition,
			.offset = message->offset };
		return KAFKA_READER_END;
	}
	if (is_passing(message->err)) {
		return KAFKA_READER_NOTHING;
	}
	return kafka_err(err, -EIO, message->err, "reading a topic");
}

/* ---- groups ---- */

static void event_free(rd_kafka_event_t **event)
{
	if (*event) {
		rd_kafka_event_destroy(*event);
	}
}

static rd_kafka_event_t *ask_groups(struct kafka_reader *reader)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(reader->rk);
	rd_kafka_event_t *event;

	rd_kafka_ListConsumerGroups(reader->rk, NULL, queue);
	event = rd_kafka_queue_poll(queue, ASK_TIMEOUT_MS);
	rd_kafka_queue_destroy(queue);
	return event;
}

int kafka_reader_groups(
	struct kafka_reader *reader, char ***ret_ids, size_t *ret_count, struct err *err)
{
	_cleanup_(event_free) rd_kafka_event_t *event = ask_groups(reader);
	const rd_kafka_ConsumerGroupListing_t **listings;
	rd_kafka_resp_err_t code =
		event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;

	if (code) {
		return kafka_err(err, -EAGAIN, code, "asking for the groups of the cluster");
	}
	listings = rd_kafka_ListConsumerGroups_result_valid(
		rd_kafka_event_ListConsumerGroups_result(event), ret_count);
	*ret_ids = xcalloc(*ret_count + 1, sizeof(**ret_ids));
	for (size_t i = 0; i < *ret_count; i++) {
		(*ret_ids)[i] = xstrdup(rd_kafka_ConsumerGroupListing_group_id(listings[i]));
	}
	return 0;
}
