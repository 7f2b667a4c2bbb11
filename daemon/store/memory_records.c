/*
 * memory_records - attempts, partitions seen, pauses
 *
 * Runs in: any thread of the worker. A few records at a time: lists are looked through.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/memory.h"

static struct memory *lock(struct store_session *session)
{
	struct memory *memory = memory_session(session)->store->memory;

	pthread_mutex_lock(&memory->lock);
	return memory;
}

static void unlock(struct memory *memory)
{
	pthread_mutex_unlock(&memory->lock);
}

/* ---- attempts ---- */

static bool is_same(const struct store_position *a, const struct store_position *b)
{
	return a->offset == b->offset && a->partition == b->partition &&
		a->timestamp_ms == b->timestamp_ms && slice_equal(a->topic, b->topic);
}

static struct store_attempts *find_attempts(
	struct memory *memory, const struct store_position *position)
{
	for (size_t i = 0; i < memory->attempt_count; i++) {
		if (is_same(&memory->attempts[i].position, position)) {
			return &memory->attempts[i];
		}
	}
	return NULL;
}

void memory_run_put_attempts(struct memory *memory, const struct store_attempts *attempts)
{
	struct store_attempts *row = find_attempts(memory, &attempts->position);
	struct slice topic = attempts->position.topic;

	if (!row) {
		ARRAY_GROW(memory->attempts, memory->attempt_count, memory->attempt_capacity);
		row = &memory->attempts[memory->attempt_count++];
		row->position.topic = slice_from(xstrndup(topic.data, topic.len), topic.len);
	}
	topic = row->position.topic;
	*row = *attempts;
	row->position.topic = topic;
}

void memory_run_delete_attempts(struct memory *memory, const struct store_position *position)
{
	struct store_attempts *row = find_attempts(memory, position);

	if (row) {
		free((char *)row->position.topic.data);
		*row = memory->attempts[--memory->attempt_count];
	}
}

static int compare_attempts(const void *left, const void *right)
{
	const struct store_attempts *a = left, *b = right;

	return (a->position.offset > b->position.offset) -
		(a->position.offset < b->position.offset);
}

enum store_failure memory_load_attempts(struct store_session *session, struct slice topic,
	int32_t partition, int64_t from, struct store_attempts **ret, size_t *ret_count,
	struct err *err)
{
	struct memory *memory = lock(session);
	struct store_attempts *found = NULL;
	size_t count = 0, capacity = 0;

	for (size_t i = 0; i < memory->attempt_count; i++) {
		const struct store_attempts *one = &memory->attempts[i];

		if (one->position.partition == partition && one->position.offset >= from &&
			slice_equal(one->position.topic, topic)) {
			ARRAY_GROW(found, count, capacity);
			found[count] = *one;
			found[count++].position.topic = topic;
		}
	}
	unlock(memory);
	if (count) {
		qsort(found, count, sizeof(*found), compare_attempts);
	}
	*ret = found;
	*ret_count = count;
	return STORE_OK;
}

/* ---- partitions seen ---- */

static struct memory_seen *find_seen(struct memory *memory, struct slice topic, int32_t partition)
{
	for (size_t i = 0; i < memory->seen_count; i++) {
		if (memory->seen[i].partition == partition &&
			slice_equal_str(topic, memory->seen[i].topic)) {
			return &memory->seen[i];
		}
	}
	return NULL;
}

enum store_failure memory_get_seen(struct store_session *session, struct slice topic,
	int32_t partition, struct store_partition_seen *ret, struct err *err)
{
	struct memory *memory = lock(session);
	const struct memory_seen *seen = find_seen(memory, topic, partition);

	*ret = (struct store_partition_seen){ seen != NULL, seen ? seen->committed : -1 };
	unlock(memory);
	return STORE_OK;
}

enum store_failure memory_put_seen(struct store_session *session, struct slice topic,
	int32_t partition, int64_t committed, struct err *err)
{
	struct memory *memory = lock(session);
	struct memory_seen *seen = find_seen(memory, topic, partition);

	if (!seen) {
		ARRAY_GROW(memory->seen, memory->seen_count, memory->seen_capacity);
		seen = &memory->seen[memory->seen_count++];
		seen->topic = xstrndup(topic.data, topic.len);
		seen->partition = partition;
	}
	seen->committed = committed;
	unlock(memory);
	return STORE_OK;
}

/* ---- pauses ---- */

enum store_failure memory_load_pauses(
	struct store_session *session, struct pauses *pauses, int64_t *ret_now_ms, struct err *err)
{
	struct memory *memory = lock(session);

	*ret_now_ms = clock_wall_ms();
	for (size_t i = 0; i < memory->pauses.count; i++) {
		(void)pauses_put(pauses, &memory->pauses.items[i]);
	}
	unlock(memory);
	return STORE_OK;
}

enum store_failure memory_put_pause(
	struct store_session *session, const struct pause *pause, struct err *err)
{
	struct memory *memory = lock(session);

	(void)pauses_put(&memory->pauses, pause);
	unlock(memory);
	return STORE_OK;
}

void memory_records_fini(struct memory *memory)
{
	for (size_t i = 0; i < memory->attempt_count; i++) {
		free((char *)memory->attempts[i].position.topic.data);
	}
	for (size_t i = 0; i < memory->seen_count; i++) {
		free(memory->seen[i].topic);
	}
	pauses_fini(&memory->pauses);
	free(memory->attempts);
	free(memory->seen);
}
