/*
 * base64 - bytes as text (RFC 4648, with padding), and back
 *
 * Pure.
 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "base/slice.h"

void base64_write(struct slice bytes, struct buffer *out);

/* At most 3/4 of text.len bytes to `ret`. 0, or -EINVAL: not the one way to write these bytes. */
int base64_read(struct slice text, char *ret, size_t *ret_len);
