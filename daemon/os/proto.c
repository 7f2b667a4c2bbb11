/*
 * proto - frames between supervisor and worker
 *
 * Runs in: supervisor, worker's main thread, probe. One frame is one packet, so there is no parser
 * state: a packet either is exactly a frame or the peer is broken.
 */
#include "os/proto.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

enum { HEADER = offsetof(struct proto_frame, start) };

struct text_field {
	size_t offset, size;
};

#define TEXT(member)                                                                               \
	{                                                                                          \
		offsetof(struct proto_frame, member), sizeof(((struct proto_frame *)0)->member)    \
	}

/* Exact size of each type, and the texts that must end inside their fields. */
static const struct frame_kind {
	size_t size;
	struct text_field texts[4];
} kinds[PROTO_TYPES] = {
	[PROTO_START] = { HEADER + sizeof(struct proto_start),
		{ TEXT(start.instance_id), TEXT(start.client_id), TEXT(start.host) } },
	[PROTO_DRAIN] = { HEADER + sizeof(struct proto_drain) },
	[PROTO_LOG_STATUS] = { HEADER },
	[PROTO_READY] = { HEADER },
	[PROTO_FAILED] = { HEADER + sizeof(struct proto_failed), { TEXT(failed.text) } },
	[PROTO_DRAINED] = { HEADER },
	[PROTO_PROBED] = { HEADER + sizeof(struct proto_probed), { TEXT(probed.text) } },
	[PROTO_CONDEMN] = { HEADER + sizeof(struct proto_condemn),
		{ TEXT(condemn.cluster_id), TEXT(condemn.topic), TEXT(condemn.code),
			TEXT(condemn.text) } },
	[PROTO_PAUSE] = { HEADER + sizeof(struct pause),
		{ TEXT(pause.topic), TEXT(pause.who), TEXT(pause.reason) } },
	[PROTO_ORDER] = { HEADER + sizeof(struct proto_order),
		{ TEXT(order.topic), TEXT(order.who), TEXT(order.reason) } },
	[PROTO_LOG_LEVEL] = { HEADER + sizeof(struct log_levels) },
	[PROTO_ANSWER] = { HEADER + sizeof(struct proto_answer), { TEXT(answer.text) } },
};

int proto_send(int fd, const struct proto_frame *frame)
{
	ssize_t sent;

	if (frame->type >= PROTO_TYPES || kinds[frame->type].size == 0) {
		return -EINVAL;
	}
	do {
		sent = send(fd, frame, kinds[frame->type].size, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0) {
		return 0;
	}
	return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
}

static int check(const struct proto_frame *frame, size_t size)
{
	const struct frame_kind *kind;

	if (size < HEADER || frame->type >= PROTO_TYPES) {
		return -EPROTO;
	}
	kind = &kinds[frame->type];
	if (kind->size == 0 || kind->size != size) {
		return -EPROTO;
	}
	for (size_t i = 0; i < sizeof(kind->texts) / sizeof(kind->texts[0]); i++) {
		const struct text_field *text = &kind->texts[i];

		if (text->size > 0 &&
			!memchr((const char *)frame + text->offset, '\0', text->size)) {
			return -EPROTO;
		}
	}
	return 0;
}

int proto_receive(int fd, struct proto_frame *ret)
{
	ssize_t size;

	memset(ret, 0, sizeof(*ret));
	do {
		/* MSG_TRUNC: the packet's real size, so that one too large is seen as such. */
		size = recv(fd, ret, sizeof(*ret), MSG_DONTWAIT | MSG_TRUNC);
	} while (size < 0 && errno == EINTR);
	if (size < 0) {
		return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
	}
	if (size == 0) {
		return -EPIPE;
	}
	if ((size_t)size > sizeof(*ret)) {
		return -EPROTO;
	}
	return check(ret, (size_t)size);
}
