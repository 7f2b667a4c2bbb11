#include "kafka/membership.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "kafka/source_private.h"

/* How the library writes a membership down: this, and the generation as it is in memory. */
static const char magic[] = { 'C', 'G', 'M', 'D', 'v', '2', ':' };

struct source_membership {
	atomic_uint holders;
	rd_kafka_consumer_group_metadata_t *metadata;
};

int membership_generation(const rd_kafka_consumer_group_metadata_t *metadata)
{
	void *bytes = NULL;
	size_t size = 0;
	int32_t generation = -2;
	rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);

	if (error) {
		rd_kafka_error_destroy(error);
		return -2;
	}
	if (size > sizeof(magic) + sizeof(generation) && memcmp(bytes, magic, sizeof(magic)) == 0) {
		memcpy(&generation, (const char *)bytes + sizeof(magic), sizeof(generation));
	}
	rd_kafka_mem_free(NULL, bytes);
	return generation;
}

struct source_membership *membership_new(struct source *source)
{
	return membership_take(rd_kafka_consumer_group_metadata(source->rk));
}

struct source_membership *membership_take(rd_kafka_consumer_group_metadata_t *metadata)
{
	struct source_membership *membership;
	int generation = metadata ? membership_generation(metadata) : -1;

	if (generation < 0) {
		log_warning(generation == -1
				? "the group was left while it assigned: no transaction until it "
				  "assigns again"
				: "this librdkafka writes memberships in an unknown way: no "
				  "transactions with it",
			LOG_STR("version", rd_kafka_version_str()));
		if (metadata) {
			rd_kafka_consumer_group_metadata_destroy(metadata);
		}
		return NULL;
	}
	membership = NEW(struct source_membership);
	membership->metadata = metadata;
	atomic_init(&membership->holders, 1);
	return membership;
}

struct source_membership *membership_hold(struct source_membership *membership)
{
	atomic_fetch_add(&membership->holders, 1);
	return membership;
}

void membership_drop(struct source_membership *membership)
{
	if (membership && atomic_fetch_sub(&membership->holders, 1) == 1) {
		rd_kafka_consumer_group_metadata_destroy(membership->metadata);
		free(membership);
	}
}

const rd_kafka_consumer_group_metadata_t *membership_metadata(
	const struct source_membership *membership)
{
	return membership->metadata;
}
