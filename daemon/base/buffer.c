/*
 * buffer - a growing run of bytes, always followed by a NUL
 *
 * Capacity doubles, and counts the byte of the NUL.
 */
#include "base/buffer.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { BUFFER_FIRST_CAPACITY = 64 };

void buffer_fini(struct buffer *buffer)
{
	if (!buffer) {
		return;
	}
	free(buffer->data);
	*buffer = BUFFER_INIT;
}

void buffer_clear(struct buffer *buffer)
{
	buffer->len = 0;
	if (buffer->data) {
		buffer->data[0] = '\0';
	}
}

char *buffer_reserve(struct buffer *buffer, size_t more)
{
	assert(more < SIZE_MAX / 4 && buffer->len < SIZE_MAX / 4);
	size_t needed = buffer->len + more + 1;
	if (needed > buffer->capacity) {
		size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_FIRST_CAPACITY;
		while (capacity < needed) {
			capacity *= 2;
		}
		buffer->data = xrealloc(buffer->data, capacity);
		buffer->capacity = capacity;
	}
	/*
	 * The caller writes in between and moves `len`; the NUL of the largest result is set here.
	 */
	buffer->data[buffer->len] = '\0';
	buffer->data[buffer->len + more] = '\0';
	return buffer->data + buffer->len;
}

void buffer_append(struct buffer *buffer, const void *data, size_t len)
{
	char *end = buffer_reserve(buffer, len);
	if (len > 0) {
		memcpy(end, data, len);
	}
	end[len] = '\0';
	buffer->len += len;
}

void buffer_append_str(struct buffer *buffer, const char *s)
{
	buffer_append(buffer, s, strlen(s));
}

void buffer_append_char(struct buffer *buffer, char c)
{
	buffer_append(buffer, &c, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	buffer_vprintf(buffer, format, args);
	va_end(args);
}

void buffer_vprintf(struct buffer *buffer, const char *format, va_list args)
{
	assert(format);
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	assert(len >= 0);
	char *end = buffer_reserve(buffer, (size_t)len);
	vsnprintf(end, (size_t)len + 1, format, again);
	buffer->len += (size_t)len;
	va_end(again);
}

const char *buffer_str(const struct buffer *buffer)
{
	if (!buffer->data) {
		return "";
	}
	/* A caller that moved `len` by less than it reserved left the NUL further right. */
	buffer->data[buffer->len] = '\0';
	return buffer->data;
}

char *buffer_take(struct buffer *buffer)
{
	buffer_reserve(buffer, 0);
	buffer_str(buffer);
	char *data = buffer->data;
	*buffer = BUFFER_INIT;
	return data;
}
