/*
 * probe - a short-lived child that looks at what the supervisor must not touch
 *
 * Runs in: supervisor.
 */
#include "supervisor/probe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#include "supervisor/poison.h"

static void on_frame(void *context, const struct proto_frame *frame)
{
	struct probe *probe = context;

	if (frame->type != PROTO_PROBED || probe->is_answered) {
		return;
	}
	probe->is_answered = true;
	probe->result = frame->probed.result > 0 ? 1 : frame->probed.result < 0 ? -EINVAL : 0;
	snprintf(probe->text, sizeof(probe->text), "%s", frame->probed.text);
}

static void on_broken(void *context)
{
	probe_kill(context);
}

static void describe_end(struct probe *probe, const struct loop_exit *end)
{
	if (probe->is_late) {
		snprintf(probe->text, sizeof(probe->text), "it did not answer in time");
	} else if (end->is_exited) {
		snprintf(probe->text, sizeof(probe->text), "it exited with status %d", end->status);
	} else {
		snprintf(probe->text, sizeof(probe->text), "it was killed by signal %d (%s)",
			end->status, strsignal(end->status));
	}
}

static void on_end(void *context, const struct loop_exit *end)
{
	struct probe *probe = context;

	if (!probe->is_answered) {
		bool is_refused = end->is_exited && end->status == WORKER_EXIT_CONFIG;

		probe->result = is_refused ? -EINVAL : -EIO;
		describe_end(probe, end);
	}
	loop_timer_stop(probe->deadline);
	child_fini(&probe->child);
	probe->on_done(probe->context, probe);
}

static void on_deadline(void *context)
{
	struct probe *probe = context;

	probe->is_late = true;
	probe_kill(probe);
}

int probe_start(struct probe *probe, const struct probe_spec *spec, struct err *err)
{
	struct child_spec child = {
		.loop = spec->loop,
		.exe = spec->exe,
		.role = spec->role,
		.name = spec->consumer->name,
		.config = spec->config,
		.consumer = spec->consumer,
		.page_fd = -1,
		.context = probe,
		.on_frame = on_frame,
		.on_broken = on_broken,
		.on_end = on_end,
	};
	int r;

	*probe = (struct probe){
		.child = CHILD_INIT,
		.consumer = spec->consumer,
		.context = spec->context,
		.on_done = spec->on_done,
	};
	r = loop_add_timer(spec->loop, on_deadline, probe, &probe->deadline);
	if (r < 0) {
		return err_set(err, r, "cannot watch a probe: %s", strerror(-r));
	}
	r = child_start(&probe->child, &child, err);
	if (r < 0) {
		probe_fini(probe);
		return r;
	}
	loop_timer_set(probe->deadline, clock_mono_us() + spec->timeout_us);
	return 0;
}

bool probe_is_running(const struct probe *probe)
{
	return child_is_running(&probe->child);
}

void probe_kill(struct probe *probe)
{
	(void)process_signal(&probe->child.process, SIGKILL);
}

void probe_fini(struct probe *probe)
{
	child_fini(&probe->child);
	loop_source_free(TAKE(probe->deadline));
}
