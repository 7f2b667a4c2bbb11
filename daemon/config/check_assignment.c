/*
 * check_assignment - what the protocol of a group leaves to its brokers
 *
 * With assignment = consumer the brokers tell each member how often to say that it lives, and
 * forget it when it does not. The library refuses to be told otherwise; [kafka] is for all
 * consumers, so one with each protocol cannot share a file in which these are set.
 */
#include "config/check_assignment.h"

static const struct of_brokers {
	const char *key;
	const char *setting; /* of the group; the brokers' has "group." before it */
} of_brokers[] = {
	{ "session.timeout.ms", "consumer.session.timeout.ms" },
	{ "heartbeat.interval.ms", "consumer.heartbeat.interval.ms" },
};

void check_assignment(const struct checking *checking, const struct config_consumer *consumer)
{
	if (!config_consumer_is_assigned_by_brokers(consumer) ||
		!check_is_good(checking, SECTION_CONSUMER, consumer->name, "assignment") ||
		!check_is_good(checking, SECTION_CONSUMER, consumer->name, "partitions")) {
		return;
	}
	for (size_t i = 0; i < sizeof(of_brokers) / sizeof(of_brokers[0]); i++) {
		const struct of_brokers *row = &of_brokers[i];

		if (!check_is_given(checking, SECTION_KAFKA, "", row->key)) {
			continue;
		}
		problems_add(checking->problems, check_place(checking, SECTION_KAFKA, "", row->key),
			"[kafka] %s cannot be set with assignment = consumer of [consumer %s]: the "
			"brokers hold it for such a group; leave it out, and set %s of the group "
			"%s (or group.%s of the brokers)",
			row->key, consumer->name, row->setting, consumer->group_id, row->setting);
	}
}
