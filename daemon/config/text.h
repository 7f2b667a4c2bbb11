/*
 * text - files of the configuration, read whole and checked
 *
 * Does the I/O of config_load(): regular files only (a FIFO or a terminal would never return), at
 * most TEXT_MAX bytes, UTF-8 without NUL.
 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "base/err.h"

enum { TEXT_MAX = 16 * 1024 * 1024 };

/*
 * Append the file's bytes to `out` (wipe it with text_wipe()). 0, -errno, -EFBIG over TEXT_MAX, or
 * -EINVAL for something that is no regular file; `err` says which, without the name.
 */
int text_read_path(const char *path, struct buffer *out, struct err *err);
/* From the start, wherever the descriptor's position is. */
int text_read_fd(int fd, struct buffer *out, struct err *err);

/* 0, or -EILSEQ: a NUL or invalid UTF-8, in line `ret_line` counted from 1. */
int text_check(const char *data, size_t len, unsigned *ret_line, struct err *err);

/* Overwrite and free. */
void text_wipe(struct buffer *buffer);
