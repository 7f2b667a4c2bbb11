/*
 * visitors - how long each connection may take, and who goes when there are too many
 *
 * Runs in: supervisor. The HTTP library counts silence only: a client that sends a byte now and
 * then would stay for ever, and a crowd of them would lock everybody else out. Connections are
 * ended by shutdown(); the library then finds them closed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { VISITORS_MAX = 64 };

struct visitors {
	struct visitor {
		int fd; /* the library's */
		bool is_shown_out; /* the library is to find that out next */
		int64_t since_us; /* monotonic: it came, or was last answered */
	} items[VISITORS_MAX];
	unsigned count;
};

/* The last place is taken: the one that waits longest makes room for the next. */
void visitors_enter(struct visitors *visitors, int fd, int64_t now_us);
void visitors_answered(struct visitors *visitors, int fd, int64_t now_us);
/* The library closes it. */
void visitors_leave(struct visitors *visitors, int fd);
/* End those whose request is not complete in time; when to look again, INT64_MAX: need not. */
int64_t visitors_expire(struct visitors *visitors, int64_t now_us, int64_t limit_us);
