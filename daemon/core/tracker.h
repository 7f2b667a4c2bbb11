/*
 * tracker - which offset of a partition may be committed
 *
 * Runs in: worker (pure; the caller serialises). One tracker per (partition, epoch). The
 * committable offset is that of the first unsettled record, or one past the last added record when
 * all are settled. A settled record behind a hole costs one bit.
 *
 * Invariants: the committable offset never decreases; it never passes an unsettled record.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tracker;

/*
 * `start`: where the partition is read from, the committable offset as long as nothing was added.
 * `ahead_max`: see tracker_has_room().
 */
struct tracker *tracker_new(int64_t start, int64_t ahead_max);
void tracker_free(struct tracker *tracker);

/*
 * May `offset` be added now, i.e. is it less than ahead_max offsets above the first unsettled one?
 * Always when nothing is unsettled.
 */
bool tracker_has_room(const struct tracker *tracker, int64_t offset);

/*
 * Offsets rise, gaps (compaction, transaction markers) are fine. -EINVAL: not above the last one
 * added or below start. -ENOSPC: no room.
 */
int tracker_add(struct tracker *tracker, int64_t offset);

/* 0; -EINVAL: never added, or settled already. */
int tracker_settle(struct tracker *tracker, int64_t offset);

/* Was it added, and is it not settled? */
bool tracker_has_unsettled(const struct tracker *tracker, int64_t offset);

/* One past the last offset added; where it starts when nothing was. */
int64_t tracker_next(const struct tracker *tracker);

int64_t tracker_committable(const struct tracker *tracker);

/* Records added and not settled; offsets between the first unsettled and the last added. */
uint64_t tracker_unsettled(const struct tracker *tracker);
int64_t tracker_ahead(const struct tracker *tracker);
