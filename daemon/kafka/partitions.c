#include "kafka/partitions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void kafka_partitions_fini(struct kafka_partitions *all)
{
	for (size_t i = 0; i < all->count; i++) {
		free((char *)all->items[i]->id.topic);
		free(all->items[i]);
	}
	free(all->items);
	*all = (struct kafka_partitions){ 0 };
}

struct kafka_partition *kafka_partitions_find(
	const struct kafka_partitions *all, const char *topic, int32_t partition)
{
	for (size_t i = 0; i < all->count; i++) {
		struct kafka_partition *p = all->items[i];
		if (p->id.partition == partition && strcmp(p->id.topic, topic) == 0) {
			return p;
		}
	}
	return NULL;
}

struct kafka_partition *kafka_partitions_get(
	struct kafka_partitions *all, const char *topic, int32_t partition)
{
	struct kafka_partition *p = kafka_partitions_find(all, topic, partition);

	if (p) {
		return p;
	}
	p = NEW(struct kafka_partition);
	p->id.topic = xstrdup(topic);
	p->id.partition = partition;
	p->id.slot = (uint32_t)all->count;
	ARRAY_GROW(all->items, all->count, all->capacity);
	all->items[all->count++] = p;
	return p;
}

void kafka_partition_assign(struct kafka_partitions *all, struct kafka_partition *partition)
{
	partition->id.epoch = ++all->last_epoch;
	partition->is_assigned = true;
	partition->is_started = false;
}

int kafka_partition_open_queue(struct kafka_partition *partition, rd_kafka_t *rk, int wake_fd)
{
	static const uint64_t one = 1;
	rd_kafka_queue_t *library;

	kafka_partition_close_queue(partition, rk);
	library = rd_kafka_queue_get_partition(rk, partition->id.topic, partition->id.partition);
	if (!library) {
		return -ENOENT;
	}
	partition->queue = rd_kafka_queue_new(rk);
	rd_kafka_queue_io_event_enable(partition->queue, wake_fd, &one, sizeof(one));
	rd_kafka_queue_forward(library, partition->queue);
	rd_kafka_queue_destroy(library);
	return 0;
}

void kafka_partition_close_queue(struct kafka_partition *partition, rd_kafka_t *rk)
{
	rd_kafka_queue_t *library;

	if (!partition->queue) {
		return;
	}
	library = rd_kafka_queue_get_partition(rk, partition->id.topic, partition->id.partition);
	if (library) {
		rd_kafka_queue_forward(library, NULL);
		rd_kafka_queue_destroy(library);
	}
	rd_kafka_queue_io_event_enable(partition->queue, -1, NULL, 0);
	rd_kafka_queue_destroy(partition->queue);
	partition->queue = NULL;
}

void kafka_partition_revoke(struct kafka_partition *partition, rd_kafka_t *rk)
{
	kafka_partition_close_queue(partition, rk);
	partition->is_assigned = false;
	partition->is_started = false;
}
