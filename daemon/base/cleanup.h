/*
 * cleanup - locals that clean up after themselves
 *
 * `_cleanup_(foo_freep)` runs foo_freep(&local) when the local goes out of scope; TAKE() hands the
 * value over and leaves NULL (or -1 for TAKE_FD) behind.
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

static inline void cleanup_freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_closep(const int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

#define _cleanup_free_ _cleanup_(cleanup_freep)
#define _cleanup_close_ _cleanup_(cleanup_closep)

/* Define foo_freep() from foo_free(struct foo *). */
#define CLEANUP_DEFINE(type, function) \
	static inline void function##p(type **pointer) \
	{ \
		function(*pointer); \
	}

#define TAKE(pointer) \
	({ \
		__typeof__(pointer) taken_ = (pointer); \
		(pointer) = NULL; \
		taken_; \
	})

#define TAKE_FD(fd) \
	({ \
		int taken_ = (fd); \
		(fd) = -1; \
		taken_; \
	})
