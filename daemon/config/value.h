/*
 * value - numbers, times and sizes as people write them
 *
 * Pure. Each parse takes the whole text; 0, or -EINVAL where it is none, too large or negative.
 * Each write gives text that parses to the same value.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "config/config.h"

/* Decimal digits only. -EINVAL also over INT64_MAX. */
int value_parse_integer(const char *text, int64_t *ret);

/* "500ms", "5s", "1m", "2h", "7d", "0". Microseconds. */
int value_parse_duration(const char *text, int64_t *ret_us);
void value_write_duration(struct buffer *out, int64_t us);

/* "1024", "4MB" (10^6), "32MiB" (2^20); B kB MB GB TB KiB MiB GiB TiB. Bytes. */
int value_parse_size(const char *text, int64_t *ret_bytes);
void value_write_size(struct buffer *out, int64_t bytes);

/* "5 in 1m", "off". */
int value_parse_rate(const char *text, struct config_rate *ret);
void value_write_rate(struct buffer *out, const struct config_rate *rate);

/* "2", "1.5": at most six decimals, below ten million. */
int value_parse_factor(const char *text, double *ret);
void value_write_factor(struct buffer *out, double factor);

/* yes no, true false, on off. */
int value_parse_bool(const char *text, bool *ret);
