#include "lane.h"

#include "batch.h"
#include "consumer.h"

static unsigned take(struct lane *lane, rd_kafka_message_t **batch)
{
	unsigned count = 0;

	pthread_mutex_lock(&lane->lock);
	while (lane->count == 0 && !lane->is_closed) {
		pthread_cond_wait(&lane->changed, &lane->lock);
	}
	for (; count < BATCH_MAX && lane->count > 0; count++) {
		batch[count] = lane->queue[lane->head];
		lane->head = (lane->head + 1) % LANE_QUEUE_MAX;
		lane->count--;
	}
	pthread_cond_broadcast(&lane->changed);
	pthread_mutex_unlock(&lane->lock);
	return count;
}

static void *lane_main(void *argument)
{
	struct lane *lane = argument;
	rd_kafka_message_t *batch[BATCH_MAX];
	unsigned count;

	while ((count = take(lane, batch)) > 0) {
		batch_run(lane->conn, batch, count, lane->as_set);
		for (unsigned i = 0; i < count; i++) {
			atomic_store(&lane->done[batch[i]->partition], batch[i]->offset + 1);
			rd_kafka_message_destroy(batch[i]);
		}
	}
	return NULL;
}

void lane_start(struct lane *lane, const char *database, bool as_set, _Atomic int64_t *done)
{
	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->changed, NULL);
	lane->conn = batch_connect(database);
	lane->done = done;
	lane->as_set = as_set;
	if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0) {
		die("cannot start a thread");
	}
}

void lane_put(struct lane *lane, rd_kafka_message_t *message)
{
	pthread_mutex_lock(&lane->lock);
	while (lane->count == LANE_QUEUE_MAX) {
		pthread_cond_wait(&lane->changed, &lane->lock);
	}
	lane->queue[(lane->head + lane->count++) % LANE_QUEUE_MAX] = message;
	if (lane->count == 1) {
		pthread_cond_broadcast(&lane->changed);
	}
	pthread_mutex_unlock(&lane->lock);
}

void lane_stop(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	lane->is_closed = true;
	pthread_cond_broadcast(&lane->changed);
	pthread_mutex_unlock(&lane->lock);
	pthread_join(lane->thread, NULL);
	PQfinish(lane->conn);
}
