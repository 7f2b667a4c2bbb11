/*
 * fuzz_frame - packets between supervisor and worker, and what must hold of each reading
 *
 * See tests/support/fuzz_driver.h for how to run it. What holds: a packet either is a frame of a
 * known type, whose texts end and which is sent again as the same bytes, or it is refused.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz_driver.h"
#include "os/proto.h"

enum { PACKET_MAX = 8192 };

struct packet {
	char bytes[sizeof(struct proto_frame)];
	size_t len;
};

static struct packet packets[PROTO_TYPES];
static int ends[2] = { -1, -1 };

const struct slice fuzz_words[] = {
	SLICE_LITERAL("\0\0\0\0"),
	SLICE_LITERAL("\xff\xff\xff\xff"),
	SLICE_LITERAL("\x01\0\0\0"),
	SLICE_LITERAL("\x0d\0\0\0"),
	SLICE_LITERAL("\0\0\0\x80"),
	SLICE_LITERAL("%s%n"),
	{ NULL, 0 },
};

static void open_ends(void)
{
	if (ends[0] < 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		fuzz_fail("no socket pair", SLICE_NULL);
	}
}

/* One of each type, as it is sent. */
static void make_packets(void)
{
	open_ends();
	for (uint32_t type = 1; type < PROTO_TYPES; type++) {
		struct proto_frame frame = { .type = type };
		ssize_t len;

		if (proto_send(ends[0], &frame) < 0) {
			fuzz_fail("a frame that cannot be sent", SLICE_NULL);
		}
		len = recv(ends[1], packets[type].bytes, sizeof(packets[type].bytes), 0);
		packets[type].len = (size_t)len;
	}
}

size_t fuzz_corpus_count(void)
{
	return PROTO_TYPES - 1;
}

struct slice fuzz_corpus_at(size_t i)
{
	if (packets[1].len == 0) {
		make_packets();
	}
	return slice_from(packets[i + 1].bytes, packets[i + 1].len);
}

static const char *check_texts(const struct proto_frame *frame)
{
	const struct text {
		uint32_t type;
		const char *text;
		size_t size;
	} texts[] = {
		{ PROTO_START, frame->start.instance_id, sizeof(frame->start.instance_id) },
		{ PROTO_START, frame->start.client_id, sizeof(frame->start.client_id) },
		{ PROTO_START, frame->start.host, sizeof(frame->start.host) },
		{ PROTO_FAILED, frame->failed.text, sizeof(frame->failed.text) },
		{ PROTO_PROBED, frame->probed.text, sizeof(frame->probed.text) },
		{ PROTO_CONDEMN, frame->condemn.cluster_id, sizeof(frame->condemn.cluster_id) },
		{ PROTO_CONDEMN, frame->condemn.topic, sizeof(frame->condemn.topic) },
		{ PROTO_CONDEMN, frame->condemn.code, sizeof(frame->condemn.code) },
		{ PROTO_CONDEMN, frame->condemn.text, sizeof(frame->condemn.text) },
		{ PROTO_PAUSE, frame->pause.topic, sizeof(frame->pause.topic) },
		{ PROTO_PAUSE, frame->pause.who, sizeof(frame->pause.who) },
		{ PROTO_PAUSE, frame->pause.reason, sizeof(frame->pause.reason) },
		{ PROTO_ORDER, frame->order.topic, sizeof(frame->order.topic) },
		{ PROTO_ORDER, frame->order.who, sizeof(frame->order.who) },
		{ PROTO_ORDER, frame->order.reason, sizeof(frame->order.reason) },
		{ PROTO_ANSWER, frame->answer.text, sizeof(frame->answer.text) },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].type == frame->type && !memchr(texts[i].text, 0, texts[i].size)) {
			return "a text that does not end";
		}
	}
	return NULL;
}

static const char *check_frame(const struct proto_frame *frame, struct slice sent)
{
	char again[PACKET_MAX];
	ssize_t len;

	if (frame->type == 0 || frame->type >= PROTO_TYPES) {
		return "a type that there is not";
	}
	if (proto_send(ends[0], frame) < 0) {
		return "a frame that was received cannot be sent";
	}
	len = recv(ends[1], again, sizeof(again), MSG_DONTWAIT);
	if (len < 0 || !slice_equal(slice_from(again, (size_t)len), sent)) {
		return "a frame sent again is another";
	}
	return check_texts(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice packet = slice_from((const char *)data, size);
	const char *wrong = NULL;
	struct proto_frame frame;
	int r;

	open_ends();
	if (size > PACKET_MAX || send(ends[0], data, size, MSG_DONTWAIT) < 0) {
		return 0;
	}
	r = proto_receive(ends[1], &frame);
	if (r == 0) {
		wrong = check_frame(&frame, packet);
	} else if (r != (size ? -EPROTO : -EPIPE)) {
		wrong = "a packet that is refused in another way";
	}
	if (wrong) {
		fuzz_fail(wrong, packet);
	}
	return 0;
}
