/*
 * exec_keeper - the thread that has the children of all exec handlers: what lanes call of it
 *
 * Runs in: worker; lanes and, for its life, the main thread. The thread itself is exec_watch.c.
 */
#include "exec_keeper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "exec_keeper_private.h"

struct exec_keeper exec_keeper = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake_fd = -1 };

int64_t exec_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void wake(void)
{
	eventfd_write(exec_keeper.wake_fd, 1);
}

/* Wait under the lock for a change; false when it is `deadline_us`. */
static bool wait_change(int64_t deadline_us)
{
	struct timespec until = { deadline_us / 1000000, deadline_us % 1000000 * 1000 };

	return pthread_cond_timedwait(&exec_keeper.changed, &exec_keeper.lock, &until) != ETIMEDOUT;
}

/* ---- specs ---- */

struct exec_spec *exec_spec_new(void)
{
	struct exec_spec *spec = calloc(1, sizeof(*spec));

	if (spec) {
		spec->references = 1;
	}
	return spec;
}

struct exec_spec *exec_spec_ref(struct exec_spec *spec)
{
	__atomic_add_fetch(&spec->references, 1, __ATOMIC_RELAXED);
	return spec;
}

void exec_spec_unref(struct exec_spec *spec)
{
	if (!spec || __atomic_sub_fetch(&spec->references, 1, __ATOMIC_ACQ_REL) > 0) {
		return;
	}
	for (char **entry = spec->envp; entry && *entry; entry++) {
		free(*entry);
	}
	free(spec->envp);
	free(spec->argv);
	free(spec->directory);
	free(spec->handler);
	free(spec);
}

/* ---- what lanes call ---- */

void exec_request_free(struct exec_request *request)
{
	exec_spec_unref(request->spec);
	free(request);
}

/* Under the lock. First come, first served. */
static void append(struct exec_request *request)
{
	struct exec_request **link = &exec_keeper.requests;

	while (*link) {
		link = &(*link)->next;
	}
	*link = request;
}

int exec_child_start(
	struct exec_spec *spec, int64_t deadline_us, struct exec_child **ret, const char **ret_step)
{
	struct exec_request *request = calloc(1, sizeof(*request));
	int r;

	*ret_step = "start it";
	if (!request) {
		return -ENOMEM;
	}
	request->spec = exec_spec_ref(spec);
	pthread_mutex_lock(&exec_keeper.lock);
	append(request);
	wake();
	while (!request->is_done && wait_change(deadline_us)) {
	}
	if (!request->is_done) {
		request->is_abandoned = true;
		pthread_mutex_unlock(&exec_keeper.lock);
		return -ETIMEDOUT;
	}
	pthread_mutex_unlock(&exec_keeper.lock);
	*ret = request->child;
	*ret_step = request->step;
	r = request->result;
	exec_request_free(request);
	return r;
}

const struct exec_process *exec_child_process(const struct exec_child *child)
{
	return &child->process;
}

bool exec_child_ended(struct exec_child *child, int timeout_ms, struct exec_end *ret)
{
	int64_t deadline_us = exec_now_us() + (int64_t)timeout_ms * 1000;
	bool is_over;

	pthread_mutex_lock(&exec_keeper.lock);
	while (!child->is_reaped && timeout_ms > 0 && wait_change(deadline_us)) {
	}
	is_over = child->is_reaped;
	*ret = child->end;
	pthread_mutex_unlock(&exec_keeper.lock);
	return is_over;
}

void exec_fd_close(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
	*fd = -1;
}

void exec_child_signal(const struct exec_child *child, int number)
{
	if (!child->is_reaped) {
		(void)kill(-child->process.pid, number);
	}
}

void exec_child_end(struct exec_child *child, bool at_once)
{
	if (!child) {
		return;
	}
	pthread_mutex_lock(&exec_keeper.lock);
	exec_fd_close(&child->process.stdin_fd);
	exec_fd_close(&child->process.stdout_fd);
	exec_child_signal(child, at_once ? SIGKILL : SIGTERM);
	child->kill_at_us = exec_now_us() + (at_once ? 0 : EXEC_GRACE_MS * 1000);
	child->is_released = true; /* from here on it is not ours to look at */
	wake();
	pthread_mutex_unlock(&exec_keeper.lock);
}

/* ---- its life ---- */

static int start_thread(void)
{
	pthread_condattr_t monotonic;
	sigset_t all, before;
	int r;

	exec_keeper.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (exec_keeper.wake_fd < 0) {
		return -errno;
	}
	exec_keeper.is_stopping = false;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&exec_keeper.changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	/* a vforked child begins with this mask: nothing may reach our handlers in it */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&exec_keeper.thread, NULL, exec_watch_main, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0) {
		exec_fd_close(&exec_keeper.wake_fd);
		pthread_cond_destroy(&exec_keeper.changed);
	}
	return r;
}

int exec_keeper_hold(void)
{
	int r = exec_keeper.holders ? 0 : start_thread();

	exec_keeper.holders += r == 0;
	return r;
}

void exec_keeper_release(void)
{
	if (--exec_keeper.holders) {
		return;
	}
	pthread_mutex_lock(&exec_keeper.lock);
	exec_keeper.is_stopping = true;
	wake();
	pthread_mutex_unlock(&exec_keeper.lock);
	pthread_join(exec_keeper.thread, NULL);
	exec_fd_close(&exec_keeper.wake_fd);
	pthread_cond_destroy(&exec_keeper.changed);
}
