/*
 * source_event - what the library tells, in the words of the port
 *
 * Runs in: worker, main thread: callbacks of the library, inside poll() and close() only; but
 * source_on_log() on any thread of the library.
 */
#include "kafka/source_private.h"
#include "kafka/starved.h"

#include <errno.h>

void source_emit(struct source *source, const struct source_event *event)
{
	source->listener.on_event(source->listener.context, event);
}

void source_emit_error(struct source *source, enum source_event_kind kind,
	const struct kafka_partition *partition, const struct err *err)
{
	struct source_event event = { .kind = kind, .err = *err };

	if (partition) {
		event.partitions = &partition->id;
		event.partition_count = 1;
	}
	source_emit(source, &event);
}

static bool is_fencing(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
		code == KAFKA_RESP_ERR_UNRELEASED_INSTANCE_ID;
}

static void explain_fatal(
	struct source *source, rd_kafka_resp_err_t code, const char *text, struct err *ret)
{
	const struct kafka_trouble trouble = {
		.code = code, .text = text, .group = source->options.consumer->group_id
	};

	if (is_fencing(code) || !kafka_explain(&trouble, ret)) {
		kafka_err(ret, 0, code, text);
	}
}

void source_on_fatal(struct source *source)
{
	char text[512];
	struct err err = ERR_INIT;
	rd_kafka_resp_err_t code = rd_kafka_fatal_error(source->rk, text, sizeof(text));

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR || source->is_over) {
		return;
	}
	source->is_over = true;
	explain_fatal(source, code, text, &err);
	source_emit_error(source, is_fencing(code) ? SOURCE_FENCED : SOURCE_FATAL, NULL, &err);
}

void source_tell(struct source *source, const struct kafka_partition *partition,
	rd_kafka_resp_err_t code, const char *topic, const char *text)
{
	const struct kafka_trouble trouble = { .code = code,
		.text = text,
		.topic = topic,
		.group = source->options.consumer->group_id,
		.witness = &source->witness };
	struct source_event event = { .kind = SOURCE_ERROR,
		.is_broker_down = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN };

	event.needs_person = kafka_explain(&trouble, &event.err);
	if (partition) {
		event.partitions = &partition->id;
		event.partition_count = 1;
	}
	source_emit(source, &event);
}

void source_on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct source *source = opaque;

	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		source_on_fatal(source);
		return;
	}
	kafka_end_if_starved(code, reason);
	source_tell(source, NULL, (rd_kafka_resp_err_t)code, NULL, reason);
}

void source_on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	struct source *source = rk ? rd_kafka_opaque(rk) : NULL;

	if (!source || !kafka_offers_note(&source->offers, level, text, true)) {
		kafka_log(rk, level, facility, text);
	}
}

void source_tell_offers(struct source *source)
{
	if (atomic_exchange(&source->offers.is_missing, false)) {
		source_tell(source, NULL, KAFKA_OFFER_MISSING_CODE, NULL, KAFKA_OFFER_MISSING_TEXT);
	}
}

void source_tell_commit(struct source *source, rd_kafka_resp_err_t code)
{
	struct source_event event = { .kind = SOURCE_COMMITTED };

	switch ((int)code) { /* some have no name in older headers */
	case RD_KAFKA_RESP_ERR_NO_ERROR:
	case RD_KAFKA_RESP_ERR__NO_OFFSET:
		break;
	case RD_KAFKA_RESP_ERR__STATE:
	case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
	case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
	case KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH:
	case RD_KAFKA_RESP_ERR__FATAL:
		event.commit_result = -ESTALE;
		break;
	default: /* STALE_MEMBER_EPOCH, too: the next heartbeat brings the new one */
		event.commit_result = -EAGAIN;
		break;
	}
	if (event.commit_result < 0) {
		kafka_err(&event.err, 0, code, "offset commit");
	}
	source_emit(source, &event);
	source_on_fatal(source);
}
