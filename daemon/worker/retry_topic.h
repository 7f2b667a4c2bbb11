/*
 * retry_topic - records that wait in retry topics, as their headers tell of them
 *
 * Runs in: worker, main thread. What letter_headers wrote is read back: the record becomes the one
 * it was, of its first topic, partition, offset and time, with the failures it had.
 */
#pragma once

#include "core/tier.h"
#include "worker/record.h"

/*
 * `record` was read from the tier with this delay. Gives it its origin and failures, and says when
 * it is ripe; a record that does not say what it should gets a fault instead, and is ripe at once.
 */
void retry_topic_read(
	struct record *record, int64_t delay_us, int64_t believed_ms, int64_t now_us);
