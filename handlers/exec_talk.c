/*
 * exec_talk - one line to a command, one line back, by a deadline
 *
 * Runs in: worker, lane threads.
 */
#include "exec_talk.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exec_keeper.h"

/* Where one exchange stands. */
struct exchange {
	struct exec_talk *talk;
	const struct exec_process *process;
	const char *line; /* what is to be written */
	size_t len, written;
	size_t used; /* bytes of talk->reply */
	bool has_line, is_too_long, is_over; /* over: nothing more comes, or goes */
};

static void write_some(struct exchange *exchange)
{
	while (exchange->written < exchange->len) {
		ssize_t size = write(exchange->process->stdin_fd,
			exchange->line + exchange->written, exchange->len - exchange->written);

		if (size < 0) {
			exchange->is_over |= errno != EAGAIN && errno != EINTR;
			return;
		}
		exchange->written += (size_t)size;
	}
}

static void look_for_line(struct exchange *exchange, size_t from)
{
	struct exec_talk *talk = exchange->talk;
	const char *newline = memchr(talk->reply + from, '\n', exchange->used - from);

	if (newline) {
		exchange->has_line = true;
		talk->reply_len = (size_t)(newline - talk->reply);
		talk->is_behind = talk->reply_len + 1 < exchange->used;
	} else {
		exchange->is_too_long = exchange->used == sizeof(talk->reply);
	}
}

/* All that is there, up to a line. */
static void read_some(struct exchange *exchange)
{
	struct exec_talk *talk = exchange->talk;

	while (!exchange->has_line && !exchange->is_too_long) {
		size_t from = exchange->used;
		ssize_t size = read(exchange->process->stdout_fd, talk->reply + from,
			sizeof(talk->reply) - from);

		if (size <= 0) {
			exchange->is_over |= size == 0 || (errno != EAGAIN && errno != EINTR);
			return;
		}
		exchange->used += (size_t)size;
		look_for_line(exchange, from);
	}
}

/* What lies unread in the pipe was not read by the command, also when it is dead. */
static bool was_read(const struct exchange *exchange)
{
	int unread = 0;

	if (ioctl(exchange->process->stdin_fd, FIONREAD, &unread) < 0) {
		return true;
	}
	return exchange->written > (size_t)unread;
}

static int left_ms(int64_t deadline_us)
{
	int64_t left_us = deadline_us - exec_now_us();

	return left_us <= 0                   ? 0
		: left_us / 1000 >= INT32_MAX ? INT32_MAX
					      : (int)(left_us / 1000) + 1;
}

/* Wait for something to do, and do it. False when time is up. */
static bool step(struct exchange *exchange, int64_t deadline_us)
{
	bool is_writing = exchange->written < exchange->len, is_reading = !exchange->has_line;
	struct pollfd fds[] = {
		{ .fd = is_writing ? exchange->process->stdin_fd : -1, .events = POLLOUT },
		{ .fd = is_reading ? exchange->process->stdout_fd : -1, .events = POLLIN },
		{ .fd = exchange->process->pidfd, .events = POLLIN },
	};
	int r = poll(fds, sizeof(fds) / sizeof(fds[0]), left_ms(deadline_us));

	if (r == 0) {
		return false;
	}
	if (fds[0].revents) {
		write_some(exchange);
	}
	if (fds[1].revents || fds[2].revents) {
		read_some(exchange); /* what it said before it died counts */
	}
	exchange->is_over |= fds[2].revents != 0;
	return true;
}

/* Nothing more can be written, perhaps: what it said before that counts. */
static enum exec_talk_end end_of(struct exchange *exchange)
{
	read_some(exchange);
	return exchange->has_line ? EXEC_TALK_REPLY : EXEC_TALK_ENDED;
}

static enum exec_talk_end run(struct exchange *exchange, int64_t deadline_us)
{
	write_some(exchange);
	for (;;) {
		/* an answer to what it has not read yet is no end of the exchange */
		if (exchange->has_line &&
			(exchange->written == exchange->len || exchange->is_over)) {
			return EXEC_TALK_REPLY;
		}
		if (exchange->is_too_long) {
			return EXEC_TALK_TOO_LONG;
		}
		if (exchange->is_over) {
			return end_of(exchange);
		}
		if (!step(exchange, deadline_us)) {
			return EXEC_TALK_TIMEOUT;
		}
	}
}

enum exec_talk_end exec_talk(struct exec_talk *talk, const struct exec_process *process,
	const char *line, size_t len, int64_t deadline_us)
{
	struct exchange exchange = { .talk = talk, .process = process, .line = line, .len = len };
	enum exec_talk_end end;

	talk->reply_len = 0;
	talk->is_behind = talk->was_read = false;
	end = run(&exchange, deadline_us);
	/* who answered it knows it */
	talk->was_read = end == EXEC_TALK_REPLY || was_read(&exchange);
	return end;
}

enum exec_idle exec_talk_idle(const struct exec_process *process)
{
	struct pollfd fds[] = {
		{ .fd = process->pidfd, .events = POLLIN },
		{ .fd = process->stdout_fd, .events = POLLIN },
		{ .fd = process->stdin_fd, .events = POLLOUT },
	};

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), 0) < 0) {
		return EXEC_IDLE_READY; /* the exchange will find out */
	}
	if (fds[0].revents || fds[2].revents & POLLERR) {
		return EXEC_IDLE_ENDED;
	}
	if (fds[1].revents & POLLIN) {
		return EXEC_IDLE_NOISY;
	}
	return fds[1].revents ? EXEC_IDLE_ENDED : EXEC_IDLE_READY;
}
