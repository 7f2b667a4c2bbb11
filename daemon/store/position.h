/*
 * position - a whole position as eight bytes, where it is only ever compared
 *
 * Pure. For stores that keep it beside a key which is a digest of the event's id: two positions of
 * one id that look alike here would have to be made for that.
 */
#pragma once

#include "core/store.h"

uint64_t store_position_digest(const char *cluster_id, const struct store_position *position);
