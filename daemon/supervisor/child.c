/*
 * child - one process of ours with its channel, in the loop
 *
 * Runs in: supervisor.
 */
#include "supervisor/child.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "os/memfd.h"

#include "supervisor/poison.h"

/* The serialized configuration holds secrets: nothing of it stays behind in freed memory. */
static void wipe_buffer(struct buffer *buffer)
{
	if (buffer->data) {
		explicit_bzero(buffer->data, buffer->capacity);
	}
	buffer_fini(buffer);
}

static int make_config_fd(const struct child_spec *spec, struct err *err)
{
	_cleanup_(wipe_buffer) struct buffer text = BUFFER_INIT;
	int fd;

	config_serialize(spec->config, spec->consumer, &text);
	fd = memfd_sealed("onced-config", buffer_str(&text), text.len);
	return fd >= 0 ? fd
		       : err_set(err, fd, "cannot hand over the configuration: %s", strerror(-fd));
}

static void stop_reading(struct child *child)
{
	loop_source_free(TAKE(child->channel_source));
}

/* Read what is there. The callbacks may end our reading, but do not free the child. */
static void read_frames(struct child *child)
{
	struct proto_frame frame;
	int r;

	while ((r = proto_receive(child->channel_fd, &frame)) == 0) {
		child->on_frame(child->context, &frame);
	}
	if (r == -EAGAIN) {
		return;
	}
	stop_reading(child);
	if (r != -EPIPE) {
		child->on_broken(child->context);
	}
}

static void on_channel(void *context, uint32_t events)
{
	read_frames(context);
}

static void on_child_end(void *context, const struct loop_exit *end)
{
	struct child *child = context;

	if (child->channel_source) {
		read_frames(child); /* last words may still be in the socket */
		stop_reading(child);
	}
	child->process.pid = 0;
	child->on_end(child->context, end);
}

static int spawn(struct child *child, const struct child_spec *spec, int config_fd, int channel_fd,
	struct err *err)
{
	const char *argv[] = { "onced", spec->role, spec->name, NULL };
	struct process_spec process = {
		.exe = spec->exe,
		.argv = argv,
		.channel_fd = channel_fd,
		.config_fd = config_fd,
		.page_fd = spec->page_fd,
	};

	return process_spawn(&process, &child->process, err);
}

static int watch(struct child *child, struct loop *loop, struct err *err)
{
	int r = loop_add_child(loop, &child->process, on_child_end, child, &child->end_source);

	if (r == 0) {
		r = loop_add_io(loop, child->channel_fd, EPOLLIN, on_channel, child,
			&child->channel_source);
	}
	return r < 0 ? err_set(err, r, "cannot watch a child: %s", strerror(-r)) : 0;
}

int child_start(struct child *child, const struct child_spec *spec, struct err *err)
{
	_cleanup_close_ int config_fd = -1, theirs = -1;
	int pair[2], r;

	config_fd = make_config_fd(spec, err);
	if (config_fd < 0) {
		return config_fd;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return err_set(err, -errno, "cannot make a channel: %m");
	}
	*child = CHILD_INIT;
	child->channel_fd = pair[0];
	theirs = pair[1];
	child->context = spec->context;
	child->on_frame = spec->on_frame;
	child->on_broken = spec->on_broken;
	child->on_end = spec->on_end;
	r = spawn(child, spec, config_fd, theirs, err);
	if (r == 0) {
		r = watch(child, spec->loop, err);
		if (r < 0) {
			process_destroy(&child->process);
		}
	}
	if (r < 0) {
		child_fini(child);
	}
	return r;
}

bool child_is_running(const struct child *child)
{
	return child->process.pid > 0;
}

void child_fini(struct child *child)
{
	stop_reading(child);
	loop_source_free(TAKE(child->end_source));
	process_fini(&child->process);
	if (child->channel_fd >= 0) {
		close(child->channel_fd);
	}
	*child = CHILD_INIT;
}
