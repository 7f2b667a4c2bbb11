/*
 * buffer - a growing run of bytes, always followed by a NUL
 *
 * Owned by the caller: BUFFER_INIT, buffer_fini. `data` may move at every append.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/slice.h"

struct buffer {
	char *data;
	size_t len, capacity;
};

#define BUFFER_INIT ((struct buffer){ NULL, 0, 0 })

void buffer_fini(struct buffer *buffer);

/* Empty it, keep the memory. */
void buffer_clear(struct buffer *buffer);

/* Make room for `more` bytes and return where they go; the caller adds to `len` itself. */
char *buffer_reserve(struct buffer *buffer, size_t more);

void buffer_append(struct buffer *buffer, const void *data, size_t len);
void buffer_append_str(struct buffer *buffer, const char *s);
void buffer_append_char(struct buffer *buffer, char c);
void buffer_printf(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void buffer_vprintf(struct buffer *buffer, const char *format, va_list args);

/* The contents as a C string ("" when nothing was appended); borrowed until the next append. */
const char *buffer_str(const struct buffer *buffer);

/* Hand the bytes to the caller (free() them); the buffer is empty afterwards. */
char *buffer_take(struct buffer *buffer);
