/*
 * exec_watch - the thread that has the children of all exec handlers: what it does
 *
 * Runs in: worker, that thread. Everything here is its own but what the lock guards.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec_keeper_private.h"
#include "no_memory.h"
#include "onced/handler.h"

enum {
	READ_SIZE = 16 * 1024,
	READS_PER_TURN = 4, /* of one child, so that the others get theirs */
	READS_AT_END = 64, /* somebody else may hold the pipe and write for ever */
	STALE_LINE_US = 1000000, /* an unfinished line is shown then */
};

/* ---- standard error ---- */

static void log_line(void *context, const char *text, size_t len, uint64_t dropped)
{
	const struct exec_child *child = context;

	if (dropped) {
		onced_log_line(child->spec->handler,
			"stderr of process %d: %llu lines were too many and are not shown",
			(int)child->process.pid, (unsigned long long)dropped);
	}
	if (len) {
		onced_log_line(child->spec->handler, "stderr of process %d: %.*s",
			(int)child->process.pid, (int)len, text);
	}
}

static void drain_stderr(struct exec_child *child, int reads)
{
	char data[READ_SIZE];
	ssize_t size = 0;

	while (child->process.stderr_fd >= 0 && reads-- > 0) {
		size = read(child->process.stderr_fd, data, sizeof(data));
		if (size <= 0) {
			break;
		}
		child->heard_us = exec_now_us();
		exec_lines_feed(
			&child->lines, data, (size_t)size, child->heard_us, log_line, child);
	}
	if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
		exec_fd_close(&child->process.stderr_fd);
	}
}

static void show_stale_line(struct exec_child *child, int64_t now_us)
{
	if (child->heard_us && now_us - child->heard_us >= STALE_LINE_US) {
		exec_lines_flush(&child->lines, now_us, log_line, child);
		child->heard_us = 0;
	}
}

/* ---- life and death ---- */

static struct exec_child *child_new(struct exec_spec *spec, const struct exec_process *process)
{
	struct exec_child *child = calloc(1, sizeof(*child));

	if (!child) {
		return NULL;
	}
	child->process = *process;
	child->spec = exec_spec_ref(spec);
	child->next = exec_keeper.children;
	exec_keeper.children = child;
	return child;
}

/* Under the lock. */
static void answer(
	struct exec_request *request, int result, const char *step, struct exec_child *child)
{
	if (request->is_abandoned) {
		if (child) {
			child->is_released = true;
			exec_child_signal(child, SIGKILL);
		}
		exec_request_free(request);
		return;
	}
	request->result = result;
	request->step = step;
	request->child = child;
	request->is_done = true;
	pthread_cond_broadcast(&exec_keeper.changed);
}

static void serve_request(struct exec_request *request)
{
	const struct exec_spec *spec = request->spec;
	struct exec_program program = {
		.argv = spec->argv, .envp = spec->envp, .directory = spec->directory
	};
	struct exec_process process;
	struct exec_child *child = NULL;
	const char *step;
	int r = exec_spawn(&program, &process, &step);

	if (r == 0) {
		child = child_new(request->spec, &process);
	}
	if (r == 0 && !child) {
		(void)kill(-process.pid, SIGKILL);
		(void)waitpid(process.pid, NULL, 0);
		exec_process_fini(&process);
		r = -ENOMEM;
	}
	pthread_mutex_lock(&exec_keeper.lock);
	answer(request, r, step, child);
	pthread_mutex_unlock(&exec_keeper.lock);
}

/* The next that somebody still waits for; NULL when there is none. */
static struct exec_request *take_request(void)
{
	struct exec_request *request;

	pthread_mutex_lock(&exec_keeper.lock);
	while ((request = exec_keeper.requests) != NULL) {
		exec_keeper.requests = request->next;
		if (!request->is_abandoned) {
			break;
		}
		exec_request_free(request);
	}
	pthread_mutex_unlock(&exec_keeper.lock);
	return request;
}

static void serve_requests(void)
{
	struct exec_request *request;
	eventfd_t ignored;

	(void)eventfd_read(exec_keeper.wake_fd, &ignored);
	while ((request = take_request()) != NULL) {
		serve_request(request);
	}
}

/* Under the lock. */
static void note_end(struct exec_child *child, struct exec_end end)
{
	child->is_reaped = true;
	child->end = end;
	pthread_cond_broadcast(&exec_keeper.changed);
}

/* Its group goes while the number is still its own, then it is reaped. */
static void bury(struct exec_child *child, const siginfo_t *info)
{
	siginfo_t ignored;

	pthread_mutex_lock(&exec_keeper.lock);
	exec_child_signal(child, SIGKILL);
	(void)waitid(P_PID, (id_t)child->process.pid, &ignored, WEXITED | WNOHANG);
	note_end(child, (struct exec_end){ info->si_code != CLD_EXITED, info->si_status });
	pthread_mutex_unlock(&exec_keeper.lock);
}

/* Somebody in this process took its status; the number may be another's by now. */
static void forget(struct exec_child *child)
{
	pthread_mutex_lock(&exec_keeper.lock);
	note_end(child, (struct exec_end){ .number = EXEC_END_UNKNOWN });
	pthread_mutex_unlock(&exec_keeper.lock);
}

/* It is dead, says its pidfd. */
static void reap(struct exec_child *child)
{
	siginfo_t info = { .si_pid = 0 };
	bool is_lost =
		waitid(P_PID, (id_t)child->process.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0;

	if (!is_lost && info.si_pid == 0) {
		return;
	}
	drain_stderr(child, READS_AT_END);
	exec_fd_close(&child->process.stderr_fd);
	exec_lines_flush(&child->lines, exec_now_us(), log_line, child);
	child->heard_us = 0;
	if (is_lost) {
		forget(child);
	} else {
		bury(child, &info);
	}
}

/* Later than its time to go: SIGKILL, again and again, until it is gone. */
static void press(struct exec_child *child, int64_t now_us)
{
	pthread_mutex_lock(&exec_keeper.lock);
	if (child->kill_at_us && now_us >= child->kill_at_us) {
		exec_child_signal(child, SIGKILL);
		child->kill_at_us = now_us + EXEC_GRACE_MS * 1000;
	}
	pthread_mutex_unlock(&exec_keeper.lock);
}

static bool is_over(const struct exec_child *child)
{
	bool is_over;

	pthread_mutex_lock(&exec_keeper.lock);
	is_over = child->is_reaped && child->is_released;
	pthread_mutex_unlock(&exec_keeper.lock);
	return is_over;
}

static void free_ended(void)
{
	struct exec_child **link = &exec_keeper.children;

	while (*link) {
		struct exec_child *child = *link;

		if (is_over(child)) {
			*link = child->next;
			exec_process_fini(&child->process);
			exec_spec_unref(child->spec);
			free(child);
		} else {
			link = &child->next;
		}
	}
}

/* ---- its loop ---- */

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t child_due_us(struct exec_child *child)
{
	int64_t due_us = child->heard_us ? child->heard_us + STALE_LINE_US : INT64_MAX;

	pthread_mutex_lock(&exec_keeper.lock);
	if (child->kill_at_us && !child->is_reaped) {
		due_us = least(due_us, child->kill_at_us);
	}
	pthread_mutex_unlock(&exec_keeper.lock);
	return due_us;
}

/* Two descriptors a child, and the one that wakes us. */
static struct pollfd *watch_list(struct pollfd *list, size_t *ret_count, int *ret_timeout_ms)
{
	int64_t due_us = INT64_MAX, now_us = exec_now_us();
	size_t count = 1;

	for (const struct exec_child *child = exec_keeper.children; child; child = child->next) {
		count += 2;
	}
	list = realloc(list, count * sizeof(*list));
	if (!list) {
		no_memory(count * sizeof(*list)); /* children would be left to themselves */
	}
	list[0] = (struct pollfd){ .fd = exec_keeper.wake_fd, .events = POLLIN };
	count = 1;
	for (struct exec_child *child = exec_keeper.children; child; child = child->next) {
		list[count++] = (struct pollfd){ .fd = child->process.stderr_fd, .events = POLLIN };
		/* readable for ever once it is dead: a negative one is not looked at */
		list[count++] = (struct pollfd){ .fd = child->is_reaped ? -1 : child->process.pidfd,
			.events = POLLIN };
		due_us = least(due_us, child_due_us(child));
	}
	*ret_count = count;
	*ret_timeout_ms = due_us == INT64_MAX ? -1
		: due_us <= now_us            ? 0
					      : (int)((due_us - now_us) / 1000 + 1);
	return list;
}

static void serve_children(const struct pollfd *list)
{
	int64_t now_us = exec_now_us();
	size_t i = 1;

	/* in the order of the list, to which nothing was added since */
	for (struct exec_child *child = exec_keeper.children; child; child = child->next, i += 2) {
		if (list[i].revents) {
			drain_stderr(child, READS_PER_TURN);
		}
		show_stale_line(child, now_us);
		if (list[i + 1].revents) {
			reap(child);
		}
		press(child, now_us);
	}
}

static bool is_finished(void)
{
	bool is_stopping;

	pthread_mutex_lock(&exec_keeper.lock);
	is_stopping = exec_keeper.is_stopping;
	pthread_mutex_unlock(&exec_keeper.lock);
	return is_stopping && !exec_keeper.children;
}

void *exec_watch_main(void *argument)
{
	struct pollfd *list = NULL;
	int timeout_ms;
	size_t count;

	do {
		list = watch_list(list, &count, &timeout_ms);
		if (poll(list, count, timeout_ms) > 0 || timeout_ms >= 0) {
			serve_children(list);
		}
		serve_requests();
		free_ended();
	} while (!is_finished());
	free(list);
	return NULL;
}
