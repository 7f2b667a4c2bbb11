/*
 * statefile - small files of state.dir, read and replaced whole
 *
 * Runs in: supervisor.
 */
#pragma once

#include "base/buffer.h"

/* Append the file's text; nothing when there is no such file. -EFBIG above `max` bytes. */
int statefile_read(const char *path, size_t max, struct buffer *ret);

/*
 * Replace the file, or remove it when there is no text. After 0 it holds what was written whatever
 * ends, this process or the machine; after an error it holds what it held before.
 */
int statefile_write(const char *path, const struct buffer *text);
