/*
 * visitors - how long each connection may take, and who goes when there are too many
 */
#include "supervisor/visitors.h"

#include <stddef.h>
#include <sys/socket.h>

#include "supervisor/poison.h"

static struct visitor *find(struct visitors *visitors, int fd)
{
	for (unsigned i = 0; i < visitors->count; i++) {
		if (visitors->items[i].fd == fd) {
			return &visitors->items[i];
		}
	}
	return NULL;
}

static void show_out(struct visitor *visitor)
{
	visitor->is_shown_out = true;
	(void)shutdown(visitor->fd, SHUT_RDWR);
}

static struct visitor *find_oldest(struct visitors *visitors)
{
	struct visitor *oldest = NULL;

	for (unsigned i = 0; i < visitors->count; i++) {
		struct visitor *visitor = &visitors->items[i];

		if (!visitor->is_shown_out && (!oldest || visitor->since_us < oldest->since_us)) {
			oldest = visitor;
		}
	}
	return oldest;
}

void visitors_enter(struct visitors *visitors, int fd, int64_t now_us)
{
	struct visitor *oldest;

	if (visitors->count == VISITORS_MAX) {
		return; /* the library lets no more in */
	}
	visitors->items[visitors->count++] = (struct visitor){ .fd = fd, .since_us = now_us };
	if (visitors->count == VISITORS_MAX) {
		oldest = find_oldest(visitors);
		if (oldest) {
			show_out(oldest);
		}
	}
}

void visitors_answered(struct visitors *visitors, int fd, int64_t now_us)
{
	struct visitor *visitor = find(visitors, fd);

	if (visitor) {
		visitor->since_us = now_us;
	}
}

void visitors_leave(struct visitors *visitors, int fd)
{
	struct visitor *visitor = find(visitors, fd);

	if (visitor) {
		*visitor = visitors->items[--visitors->count];
	}
}

int64_t visitors_expire(struct visitors *visitors, int64_t now_us, int64_t limit_us)
{
	int64_t next_us = INT64_MAX;

	for (unsigned i = 0; i < visitors->count; i++) {
		struct visitor *visitor = &visitors->items[i];
		int64_t end_us = visitor->since_us + limit_us;

		if (visitor->is_shown_out) {
			continue;
		}
		if (end_us <= now_us) {
			show_out(visitor);
		} else if (end_us < next_us) {
			next_us = end_us;
		}
	}
	return next_us;
}
