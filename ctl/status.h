/*
 * status - what `oncectl status` makes of the daemon's JSON
 */
#pragma once

#include <jansson.h>

#include "base/buffer.h"

/* Tables for people out of the body of GET /v1/status. -1 when it is none. */
int status_render(const char *body, struct buffer *out);

/* One of its tables, of these consumers. */
void status_write_consumers(const json_t *consumers, struct buffer *out);
void status_write_workers(const json_t *consumers, struct buffer *out);
void status_write_all_partitions(const json_t *consumers, struct buffer *out);
void status_write_offsets(const json_t *consumers, struct buffer *out);
