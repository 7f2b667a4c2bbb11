/*
 * test_proto - frames arrive exactly as sent, and nothing else passes for one
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/proto.h"

static int ours, theirs;

static int setup(void **state)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0) {
		return -1;
	}
	ours = pair[0];
	theirs = pair[1];
	return 0;
}

static int teardown(void **state)
{
	close(ours);
	if (theirs >= 0) {
		close(theirs);
	}
	return 0;
}

static int receive(void)
{
	struct proto_frame frame;

	return proto_receive(ours, &frame);
}

static void send_bytes(const void *bytes, size_t size)
{
	assert_int_equal(send(theirs, bytes, size, 0), size);
}

static void every_type_survives_the_channel(void **state)
{
	for (uint32_t type = PROTO_START; type < PROTO_TYPES; type++) {
		struct proto_frame sent = { .type = type }, received;

		assert_int_equal(proto_send(theirs, &sent), 0);
		assert_int_equal(proto_receive(ours, &received), 0);
		assert_memory_equal(&sent, &received, sizeof(sent));
	}
}

static void contents_arrive(void **state)
{
	struct proto_frame frame = { .type = PROTO_FAILED, .failed.exit_status = 7 };

	strcpy(frame.failed.text, "because");
	assert_int_equal(proto_send(theirs, &frame), 0);
	assert_int_equal(proto_receive(ours, &frame), 0);
	assert_int_equal(frame.failed.exit_status, 7);
	assert_string_equal(frame.failed.text, "because");
}

static void silence_is_no_frame(void **state)
{
	assert_int_equal(receive(), -EAGAIN);
}

static void end_of_the_peer_is_told(void **state)
{
	struct proto_frame frame = { .type = PROTO_READY };

	close(theirs);
	theirs = -1;
	assert_int_equal(receive(), -EPIPE);
	assert_int_equal(proto_send(ours, &frame), -EPIPE);
}

static void last_words_are_read_before_the_end(void **state)
{
	struct proto_frame frame = { .type = PROTO_FAILED };

	assert_int_equal(proto_send(theirs, &frame), 0);
	close(theirs);
	theirs = -1;
	assert_int_equal(receive(), 0);
	assert_int_equal(receive(), -EPIPE);
}

static void full_channel_does_not_block(void **state)
{
	struct proto_frame frame = { .type = PROTO_FAILED };
	int r;

	while ((r = proto_send(theirs, &frame)) == 0) {
	}
	assert_int_equal(r, -EAGAIN);
}

static void type_out_of_range_is_refused(void **state)
{
	static const uint32_t types[] = { 0, PROTO_TYPES, UINT32_MAX };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct proto_frame frame = { .type = types[i] };

		send_bytes(&frame, sizeof(frame));
		assert_int_equal(receive(), -EPROTO);
		assert_int_equal(proto_send(ours, &frame), -EINVAL);
	}
}

static void every_wrong_size_of_every_type_is_refused(void **state)
{
	unsigned char bytes[sizeof(struct proto_frame) + 64] = { 0 };

	for (uint32_t type = PROTO_START; type < PROTO_TYPES; type++) {
		unsigned accepted = 0;

		memcpy(bytes, &type, sizeof(type));
		for (size_t size = 1; size <= sizeof(bytes); size += size < 32 ? 1 : 8) {
			send_bytes(bytes, size);
			accepted += receive() == 0;
		}
		assert_true(accepted <= 1);
	}
}

static void text_without_an_end_is_refused(void **state)
{
	struct proto_frame frame = { .type = PROTO_FAILED };

	memset(frame.failed.text, 'x', sizeof(frame.failed.text));
	assert_int_equal(proto_send(theirs, &frame), 0);
	assert_int_equal(receive(), -EPROTO);

	frame = (struct proto_frame){ .type = PROTO_START };
	memset(frame.start.client_id, 'x', sizeof(frame.start.client_id));
	assert_int_equal(proto_send(theirs, &frame), 0);
	assert_int_equal(receive(), -EPROTO);
}

static void descriptor_sent_along_does_not_arrive(void **state)
{
	struct proto_frame frame = { .type = PROTO_READY };
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { &frame, offsetof(struct proto_frame, start) };
	struct msghdr message = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int before = dup(0), after;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &(int){ 0 }, sizeof(int));
	assert_true(sendmsg(theirs, &message, 0) > 0);
	(void)receive();
	after = dup(0);
	assert_int_equal(after, before + 1); /* no descriptor came in between */
	close(before);
	close(after);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_type_survives_the_channel),
		TEST(contents_arrive),
		TEST(silence_is_no_frame),
		TEST(end_of_the_peer_is_told),
		TEST(last_words_are_read_before_the_end),
		TEST(full_channel_does_not_block),
		TEST(type_out_of_range_is_refused),
		TEST(every_wrong_size_of_every_type_is_refused),
		TEST(text_without_an_end_is_refused),
		TEST(descriptor_sent_along_does_not_arrive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
