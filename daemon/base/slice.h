/*
 * slice - a borrowed run of bytes
 *
 * A slice owns nothing and ends where its owner says. `data == NULL` is "absent" (a Kafka null, a
 * JSON null, a missing value) and differs from an empty slice, whose data is not NULL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *data;
	size_t len;
};

#define SLICE_NULL ((struct slice){ NULL, 0 })
#define SLICE_LITERAL(s) ((struct slice){ "" s, sizeof(s) - 1 })

static inline struct slice slice_from(const void *data, size_t len)
{
	return (struct slice){ data, len };
}

/* Borrow a C string; NULL gives the null slice. */
static inline struct slice slice_from_str(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}

static inline bool slice_is_null(struct slice s)
{
	return s.data == NULL;
}

/* Null equals only null; contents are compared byte for byte. */
static inline bool slice_equal(struct slice a, struct slice b)
{
	if (!a.data || !b.data) {
		return a.data == b.data;
	}
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_equal_str(struct slice a, const char *s)
{
	return slice_equal(a, slice_from_str(s));
}
