/*
 * membership - member and generation that an assignment was given to
 *
 * The broker takes offsets of a transaction from the group's present generation only. The library
 * would name the one it is in when asked, also to a worker that was away: so it is asked once, at
 * the assignment, and what was read under it is committed under its name.
 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "core/source.h"

/* Main thread, inside SOURCE_ASSIGNED. NULL: the library belongs to no generation (any more). */
struct source_membership *membership_new(struct source *source);
/* Takes the library's over. NULL: it is none, or names no generation. */
struct source_membership *membership_take(rd_kafka_consumer_group_metadata_t *metadata);
struct source_membership *membership_hold(struct source_membership *membership);
void membership_drop(struct source_membership *membership);

/* Lives as long as the membership is held. */
const rd_kafka_consumer_group_metadata_t *membership_metadata(
	const struct source_membership *membership);

/*
 * The generation in what the library makes of a membership, -1 for none: of that the broker would
 * take anything. -2: it writes it in a way we do not know.
 */
int membership_generation(const rd_kafka_consumer_group_metadata_t *metadata);
