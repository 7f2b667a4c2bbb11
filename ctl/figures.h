/*
 * figures - what is in the JSON of GET /v1/status, for who shows it to people
 *
 * Pure. What is not there is "" or 0.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

/* Borrowed from the object. */
const char *figures_text(const json_t *object, const char *key);
int64_t figures_number(const json_t *object, const char *key);

/* Of an object of counts: {"done": 3, ...}. */
int64_t figures_sum(json_t *counts);
/* Of a figure of each partition of a consumer: a number, or an object of counts. */
int64_t figures_of_partitions(const json_t *consumer, const char *key);
