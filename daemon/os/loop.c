/*
 * loop - the supervisor's event loop: signals, children, timers, descriptors
 *
 * Runs in: supervisor.
 * Every source is our small object with an sd_event_source inside. sd-event holds its source
 * while it dispatches, so a callback may free the object; nothing here touches it afterwards.
 */
#include "os/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#include "base/memory.h"

struct loop {
	sd_event *event;
	struct loop_source *signals; /* owned here: a list, freed with the loop */
	struct loop_source *children; /* a list of those that are watched */
};

struct loop_source {
	sd_event_source *source;
	union {
		loop_callback plain;
		loop_io_callback io;
		loop_child_callback child;
	};
	void *context;
	struct loop_source *next;
	struct loop_source **link; /* of a child: what points to it in the list */
	sd_event_source *again; /* of a child: asks once more, NULL until needed */
	struct process process; /* of a child; the descriptor is borrowed */
};

/*
 * Fire within a millisecond: seconds-long timers do not need precision, and sd-event's default is
 * 250 ms.
 */
enum { TIMER_ACCURACY_US = 1000 };

/* How soon a child that is dead, but not for us yet, is asked again. */
enum { CHILD_AGAIN_US = 50000 };

int loop_new(struct loop **ret)
{
	sd_event *event = NULL;
	int r = sd_event_new(&event);

	if (r < 0) {
		return r;
	}
	*ret = NEW(struct loop);
	(*ret)->event = event;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop) {
		return;
	}
	while (loop->signals) {
		struct loop_source *source = loop->signals;

		loop->signals = source->next;
		loop_source_free(source);
	}
	sd_event_unref(loop->event);
	free(loop);
}

int loop_enable_watchdog(struct loop *loop)
{
	return sd_event_set_watchdog(loop->event, 1);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct loop_source *self = userdata;

	self->plain(self->context);
	return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct loop_source *self = userdata;

	self->io(self->context, events);
	return 0;
}

static int on_child_again(sd_event_source *source, uint64_t usec, void *userdata);

static int ask_again(struct loop_source *self)
{
	if (!self->again) {
		return sd_event_add_time_relative(sd_event_source_get_event(self->source),
			&self->again, CLOCK_MONOTONIC, CHILD_AGAIN_US, TIMER_ACCURACY_US,
			on_child_again, self);
	}
	(void)sd_event_source_set_time_relative(self->again, CHILD_AGAIN_US);
	return sd_event_source_set_enabled(self->again, SD_EVENT_ONESHOT);
}

/*
 * sd-event's own child sources ask waitid() once, when the pidfd becomes readable. While a debugger
 * is attached the dead child is the debugger's and waitid() has nothing for us: the end would be
 * missed for ever.
 */
static int reap(struct loop_source *self)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_PIDFD, (id_t)self->process.pidfd, &info, WEXITED | WNOHANG) == 0 &&
		info.si_pid == 0) {
		return ask_again(self);
	}
	struct loop_exit end = {
		.is_exited = info.si_code == CLD_EXITED,
		.status = info.si_status,
		.has_core = info.si_code == CLD_DUMPED,
	};

	self->child(self->context, &end);
	return 0;
}

static int on_child(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	return reap(userdata);
}

static int on_child_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	return reap(userdata);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct loop_source *self = userdata;

	self->plain(self->context);
	return 0;
}

/* `r` is the answer of the sd_event_add call that filled source->source. */
static int finish(int r, struct loop_source *take_source, struct loop_source **ret)
{
	if (r < 0) {
		free(take_source);
		return r;
	}
	*ret = take_source;
	return 0;
}

int loop_add_signal(struct loop *loop, int signo, loop_callback callback, void *context)
{
	struct loop_source *self = NEW(struct loop_source);
	int r;

	self->plain = callback;
	self->context = context;
	r = finish(sd_event_add_signal(loop->event, &self->source, signo, on_signal, self), self,
		&self);
	if (r < 0) {
		return r;
	}
	self->next = loop->signals;
	loop->signals = self;
	return 0;
}

int loop_add_io(struct loop *loop, int fd, uint32_t events, loop_io_callback callback,
	void *context, struct loop_source **ret)
{
	struct loop_source *self = NEW(struct loop_source);

	self->io = callback;
	self->context = context;
	return finish(
		sd_event_add_io(loop->event, &self->source, fd, events, on_io, self), self, ret);
}

static void list_child(struct loop *loop, struct loop_source *child)
{
	child->next = loop->children;
	child->link = &loop->children;
	if (child->next) {
		child->next->link = &child->next;
	}
	loop->children = child;
}

static void unlist_child(struct loop_source *child)
{
	*child->link = child->next;
	if (child->next) {
		child->next->link = child->link;
	}
}

bool loop_watches(const struct loop *loop, pid_t pid)
{
	for (const struct loop_source *child = loop->children; child; child = child->next) {
		if (child->process.pid == pid) {
			return true;
		}
	}
	return false;
}

int loop_add_child(struct loop *loop, const struct process *process, loop_child_callback callback,
	void *context, struct loop_source **ret)
{
	struct loop_source *self = NEW(struct loop_source);
	int r;

	self->child = callback;
	self->context = context;
	self->process = *process;
	r = sd_event_add_io(loop->event, &self->source, process->pidfd, EPOLLIN, on_child, self);
	if (r >= 0) {
		r = sd_event_source_set_enabled(self->source, SD_EVENT_ONESHOT);
	}
	if (r < 0) {
		sd_event_source_unref(self->source);
	} else {
		list_child(loop, self);
	}
	return finish(r, self, ret);
}

int loop_add_timer(
	struct loop *loop, loop_callback callback, void *context, struct loop_source **ret)
{
	struct loop_source *self = NEW(struct loop_source);
	int r;

	self->plain = callback;
	self->context = context;
	r = sd_event_add_time(loop->event, &self->source, CLOCK_MONOTONIC, UINT64_MAX,
		TIMER_ACCURACY_US, on_timer, self);
	return finish(r, self, ret);
}

void loop_timer_set(struct loop_source *timer, int64_t at_us)
{
	(void)sd_event_source_set_time(timer->source, at_us > 0 ? (uint64_t)at_us : 0);
	(void)sd_event_source_set_enabled(timer->source, SD_EVENT_ONESHOT);
}

void loop_timer_stop(struct loop_source *timer)
{
	(void)sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
}

void loop_source_free(struct loop_source *source)
{
	if (!source) {
		return;
	}
	if (source->link) {
		unlist_child(source);
	}
	(void)sd_event_source_set_enabled(source->source, SD_EVENT_OFF);
	sd_event_source_unref(source->source);
	if (source->again) {
		(void)sd_event_source_set_enabled(source->again, SD_EVENT_OFF);
		sd_event_source_unref(source->again);
	}
	free(source);
}

int loop_run(struct loop *loop)
{
	return sd_event_loop(loop->event);
}

void loop_stop(struct loop *loop, int value)
{
	(void)sd_event_exit(loop->event, value);
}
