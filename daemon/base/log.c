/*
 * log - structured lines that never block the caller
 *
 * Owns the one log of the process (a log is the one thing that is global on purpose). A line that
 * the descriptor took only in part is finished before anything else is written.
 *
 * Why it does not block: a socket is sent to with MSG_DONTWAIT; a pipe or terminal is opened once
 * more through /proc, as a description of our own that may be O_NONBLOCK without harm to those who
 * share the inherited one. Where that is refused, poll() says that a line of PIPE_BUF bytes fits
 * before it is written.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log_journal.h"
#include "base/log_line.h"
#include "base/log_repeat.h"
#include "base/log_ring.h"

_Static_assert(LOG_LINE_MAX <= PIPE_BUF, "one write a line must be atomic on a pipe");

static struct {
	pthread_mutex_t lock;
	int fd; /* the caller's */
	int own_fd; /* the same file, opened non-blocking; -1 when that is not possible */
	int journal_fd; /* -1: lines go to `fd` */
	bool is_socket;
	enum log_format format;
	_Atomic uint8_t levels[LOG_MODULES];
	char process[32], consumer[128];
	int slot;
	_Atomic uint64_t dropped;
	uint64_t dropped_told; /* how many of them a line has told */
	size_t rest_len, rest_done; /* the line being written */
	char rest[LOG_LINE_MAX];
	struct log_repeat repeat;
	struct log_ring ring;
} the_log = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.fd = STDERR_FILENO,
	.own_fd = -1,
	.journal_fd = -1,
	.format = LOG_FORMAT_TEXT,
	.levels = { [0 ... LOG_MODULES - 1] = LOG_LEVEL_INFO },
	.slot = -1,
};

static void log_unlockp(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

#define LOG_LOCKED                                                                                 \
	_cleanup_(log_unlockp) __attribute__((unused)) pthread_mutex_t *locked = &the_log.lock;    \
	pthread_mutex_lock(locked)

/*
 * Open a pipe or terminal again for ourselves; -1 when it is something else or may not be opened.
 */
static int log_open_again(int fd, mode_t mode)
{
	if (!S_ISFIFO(mode) && !S_ISCHR(mode)) {
		return -1;
	}
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

/*
 * A journal that is gone may have come back under the same name: tried once more for each line.
 */
static ssize_t log_send_journal(const char *data, size_t len)
{
	ssize_t sent = send(the_log.journal_fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && (errno == ECONNREFUSED || errno == ENOTCONN || errno == ECONNRESET)) {
		int fd = log_journal_open();
		if (fd >= 0) {
			close(the_log.journal_fd);
			the_log.journal_fd = fd;
			sent = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		}
	}
	return sent;
}

/* Bytes taken, 0 when it would block, negative errno. */
static ssize_t log_send(const char *data, size_t len)
{
	ssize_t sent;
	if (the_log.journal_fd >= 0) {
		sent = log_send_journal(data, len);
	} else if (the_log.is_socket) {
		sent = send(the_log.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else if (the_log.own_fd >= 0) {
		sent = write(the_log.own_fd, data, len);
	} else {
		struct pollfd pollfd = { .fd = the_log.fd, .events = POLLOUT };
		int ready = poll(&pollfd, 1, 0);
		if (ready <= 0) {
			return ready == 0 || errno == EINTR ? 0 : -errno;
		}
		sent = write(the_log.fd, data, len);
	}
	if (sent >= 0) {
		return sent;
	}
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS
		? 0
		: -errno;
}

/*
 * Write on at the line in hand; true when there is none any more. One that the file refuses is
 * dropped.
 */
static bool log_finish_rest(void)
{
	while (the_log.rest_done < the_log.rest_len) {
		ssize_t sent = log_send(
			the_log.rest + the_log.rest_done, the_log.rest_len - the_log.rest_done);
		if (sent == 0) {
			return false;
		}
		if (sent < 0) {
			the_log.dropped++;
			break;
		}
		the_log.rest_done += (size_t)sent;
	}
	the_log.rest_len = the_log.rest_done = 0;
	return true;
}

static bool log_drain(void)
{
	while (log_finish_rest()) {
		the_log.rest_len = log_ring_pop(&the_log.ring, the_log.rest, sizeof(the_log.rest));
		if (the_log.rest_len == 0) {
			return true;
		}
	}
	return false;
}

static void log_build(struct log_line *line, enum log_module module, enum log_level level,
	const char *message, const struct log_field *fields)
{
	const struct log_origin origin = {
		.module = module,
		.process = the_log.process[0] ? the_log.process : NULL,
		.consumer = the_log.consumer[0] ? the_log.consumer : NULL,
		.slot = the_log.slot,
	};
	log_line_build(line, the_log.format, level, clock_wall_ms(), &origin, message, fields);
}

/* The lock is held. */
static void log_submit(const struct log_line *line)
{
	if (log_drain()) {
		memcpy(the_log.rest, line->data, line->len);
		the_log.rest_len = line->len;
		log_finish_rest();
	} else if (!log_ring_push(&the_log.ring, line->data, line->len)) {
		the_log.dropped++;
	}
}

/* Say that lines are missing, once the descriptor takes lines again. The lock is held. */
static void log_tell_dropped(struct log_line *scratch)
{
	uint64_t dropped = the_log.dropped;
	if (dropped == the_log.dropped_told || !log_drain()) {
		return;
	}
	const struct log_field fields[] = {
		LOG_ID(LINES_DROPPED),
		LOG_INT("lines", (int64_t)(dropped - the_log.dropped_told)),
		{ LOG_FIELD_END, NULL, { NULL } },
	};
	log_build(scratch, LOG_MODULE_MAIN, LOG_LEVEL_WARNING,
		"log lines dropped because nobody read them", fields);
	the_log.dropped_told = dropped;
	log_submit(scratch);
}

/* Say how often a line came that was not written. The lock is held. */
static void log_tell_repeats(struct log_repeat_line *told, struct log_line *scratch)
{
	char text[LOG_REPEAT_TEXT + 64];
	struct log_field *end = told->fields;
	while (end->kind != LOG_FIELD_END) {
		end++;
	}
	end[1] = *end;
	end[0] = LOG_INT("repeated", (int64_t)told->held_back);
	snprintf(text, sizeof(text), "%s … repeated %llu times", told->message,
		(unsigned long long)told->held_back);
	log_build(scratch, told->module, told->level, text, told->fields);
	log_submit(scratch);
}

/* The lock is held. */
static void log_tell_all_repeats(bool is_last, struct log_line *scratch)
{
	struct log_repeat_line told;
	while (log_repeat_take(&the_log.repeat, clock_mono_us(), is_last, &told)) {
		log_tell_repeats(&told, scratch);
	}
}

/* A terminal has people before it; the journal its own form; all others read logfmt best. */
static enum log_format log_choose(int fd, const struct stat *status, enum log_format format)
{
	bool is_journal = format == LOG_FORMAT_JOURNAL;
	if (format != LOG_FORMAT_AUTO && !is_journal) {
		return format;
	}
	if (isatty(fd)) {
		return LOG_FORMAT_TEXT;
	}
	if (is_journal || log_journal_has(status)) {
		the_log.journal_fd = log_journal_open();
	}
	return the_log.journal_fd >= 0 ? LOG_FORMAT_JOURNAL : LOG_FORMAT_LOGFMT;
}

static void log_close(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
	*fd = -1;
}

void log_init(int fd, enum log_format format, enum log_level level, const char *process,
	const char *consumer, int slot)
{
	LOG_LOCKED;
	struct stat status = { 0 };
	mode_t mode = fstat(fd, &status) == 0 ? status.st_mode : 0;
	log_close(&the_log.own_fd);
	log_close(&the_log.journal_fd);
	the_log.fd = fd;
	the_log.own_fd = log_open_again(fd, mode);
	the_log.is_socket = S_ISSOCK(mode);
	for (int i = 0; i < LOG_MODULES; i++) {
		the_log.levels[i] = (uint8_t)level;
	}
	the_log.format = log_choose(fd, &status, format);
	snprintf(the_log.process, sizeof(the_log.process), "%s", process ? process : "");
	snprintf(the_log.consumer, sizeof(the_log.consumer), "%s", consumer ? consumer : "");
	the_log.slot = slot;
}

void log_set_levels(const struct log_levels *levels)
{
	for (int i = 0; i < LOG_MODULES; i++) {
		the_log.levels[i] = levels->of[i];
	}
}

bool log_is_wanted(enum log_module module, enum log_level level)
{
	return level <= the_log.levels[module];
}

void log_write(enum log_module module, enum log_level level, const char *message,
	const struct log_field *fields)
{
	if (!log_is_wanted(module, level)) {
		return;
	}
	/* Built under the lock, so that lines are in the order of their times. */
	LOG_LOCKED;
	struct log_line line;
	struct log_repeat_line told;
	log_tell_dropped(&line);
	bool is_new = log_repeat_ask(
		&the_log.repeat, clock_mono_us(), module, level, message, fields, &told);
	if (told.held_back > 0) {
		log_tell_repeats(&told, &line);
	}
	if (is_new) {
		log_build(&line, module, level, message, fields);
		log_submit(&line);
	}
}

static void log_write_waiting(bool is_last)
{
	LOG_LOCKED;
	struct log_line scratch;
	log_drain();
	log_tell_all_repeats(is_last, &scratch);
	log_tell_dropped(&scratch);
}

void log_flush(void)
{
	log_write_waiting(false);
}

void log_finish(void)
{
	log_write_waiting(true);
}

uint64_t log_dropped(void)
{
	return the_log.dropped;
}

bool log_every(
	struct log_limit *state, int64_t now_us, int64_t interval_us, uint64_t *ret_held_back)
{
	if (now_us < state->next_us) {
		state->held_back++;
		return false;
	}
	*ret_held_back = state->held_back;
	state->held_back = 0;
	state->next_us = now_us + interval_us;
	return true;
}
