/*
 * source_leave - leaving the group, for good or to join it again
 *
 * Runs in: worker, main thread.
 */
#include "kafka/source_private.h"

#include "base/clock.h"
#include "base/log.h"

/* What leaving may take of the time that closing has. */
#define LEAVE_US ((int64_t)2 * 1000 * 1000)
enum { LEAVE_LOOK_MS = 20 };
/* A coordinator that cannot be reached will hear of the new membership. */
#define REJOIN_US ((int64_t)10 * 1000 * 1000)

/* The library forgets its member id when it sends that it leaves. */
static bool has_left(const struct source *source)
{
	char *id = rd_kafka_memberid(source->rk);
	bool is_none = !id || id[0] == '\0';

	rd_kafka_mem_free(source->rk, id);
	return is_none;
}

static void leave_by_unsubscribing(struct source *source)
{
	int64_t until_us = clock_mono_us() + LEAVE_US;
	rd_kafka_resp_err_t code =
		source->is_explicit ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_unsubscribe(source->rk);

	while (!code && !source->is_explicit && !has_left(source) && clock_mono_us() < until_us) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(source->rk, LEAVE_LOOK_MS);

		if (message) {
			rd_kafka_message_destroy(message);
		}
	}
	if (code || (!source->is_explicit && !has_left(source))) {
		log_warning("the group could not be left; its session timeout ends the membership",
			LOG_STR("error", rd_kafka_err2name(code)));
	}
}

/*
 * Closing alone keeps a static membership. Unsubscribing ends it, but only before the closing
 * begins: wait until the library has said so. Where brokers assign closing ends a dynamic one, and
 * the library knows no way to end another.
 */
void source_leave(struct source *source)
{
	if (config_consumer_is_assigned_by_brokers(source->options.consumer)) {
		if (source->options.instance_id[0]) {
			log_notice("the group keeps this member until its session timeout",
				LOG_STR("instance_id", source->options.instance_id));
		}
		return;
	}
	leave_by_unsubscribing(source);
}

/* Brokers that assign see by themselves that a topic has grown. */
void source_rejoin(struct source *source)
{
	bool can_leave = !source->is_explicit && !source->is_over &&
		!config_consumer_is_assigned_by_brokers(source->options.consumer);

	if (can_leave && source->rejoin_until_us == 0 &&
		rd_kafka_unsubscribe(source->rk) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		source->rejoin_until_us = clock_mono_us() + REJOIN_US;
	}
}

/* Subscribed while it still leaves, the library would keep its membership. */
void source_rejoin_tick(struct source *source)
{
	struct err err = ERR_INIT;

	if (source->rejoin_until_us == 0 ||
		(!has_left(source) && clock_mono_us() < source->rejoin_until_us)) {
		return;
	}
	if (source_subscribe(source, &err) == 0) {
		source->rejoin_until_us = 0;
	}
}
