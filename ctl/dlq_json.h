/*
 * dlq_json - records and letters as JSON
 *
 * Pure. Bytes are a string where they are UTF-8, {"base64": …} where not, null where absent.
 */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"
#include "base/slice.h"
#include "dlq_book.h"
#include "dlq_letter.h"

/* The caller owns what these return. */
json_t *dlq_json_bytes(struct slice bytes);
/* Key, headers and value included. */
json_t *dlq_json_record(const char *topic, const struct kafka_reader_record *record);
/* What it tells about itself, without key, headers and value. */
json_t *dlq_json_letter(const char *topic, const struct dlq_letter *letter, enum dlq_state state);

/* For _cleanup_. */
static inline void dlq_json_freep(json_t **json)
{
	json_decref(*json);
}
