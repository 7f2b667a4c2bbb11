/*
 * exec - a handler that gives each event to a command of the user's, and takes its word
 *
 * Runs in: worker, lane threads. Each lane has a child of its own that lives as long as it behaves;
 * exec_keeper starts and ends it, exec_talk speaks with it. A child is started when the lane has
 * its first event, and again when it is needed and gone.
 * Invariant: a child is only ever asked again when the line it gave back last was the answer to
 * the line it was given last. Anything else ends it, so that a late answer finds nobody.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builtins.h"
#include "exec_command.h"
#include "exec_env.h"
#include "exec_keeper.h"
#include "exec_request.h"
#include "exec_talk.h"

/* Between starts that came to nothing. */
#define BACKOFF_FIRST_US ((int64_t)100 * 1000)
#define BACKOFF_MAX_US ((int64_t)30 * 1000 * 1000)

/* A child that closed a pipe is usually about to be gone. */
enum { END_WAIT_MS = 500, FAILURE_MAX = 256 };

static const struct onced_param_spec params[] = {
	{
		.name = "command",
		.help = "The program and its arguments, quoted as for a shell but run without one; "
			"it reads an event a line and answers each with a line",
		.is_required = true,
	},
	{
		.name = "directory",
		.help = "Where it runs, an absolute path; that of the daemon if not said",
	},
	{
		.name = "env.*",
		.help = "A variable of its environment, which has nothing else but PATH, LANG and "
			"TZ",
	},
	{ .name = NULL },
};

struct exec_state {
	struct exec_spec *spec;
	struct exec_child *child; /* NULL: none now */
	bool is_proven; /* this child has answered before */
	int64_t timeout_us;
	uint64_t sequence; /* of the last event; the same in no two exchanges of a lane */
	int64_t backoff_us, not_before_us; /* 0 when the last start was a good one */
	char failure[FAILURE_MAX]; /* why it was not */
	struct compose request;
	struct exec_talk talk;
};

/* ---- set-up ---- */

static int read_directory(struct onced_setup *setup, struct exec_spec *spec)
{
	const char *directory = onced_setup_param(setup, "directory");

	if (!directory) {
		return 0;
	}
	if (directory[0] != '/') {
		return onced_setup_fail(setup, "directory: `%s` is no absolute path", directory);
	}
	spec->directory = strdup(directory);
	return spec->directory ? 0 : onced_setup_fail(setup, "out of memory");
}

static int read_spec(struct onced_setup *setup, struct exec_spec *spec)
{
	const char *command = onced_setup_param(setup, "command"), *fault;

	if (!command) {
		return onced_setup_fail(setup, "command is required");
	}
	spec->argv = exec_command_split(command, &fault);
	if (!spec->argv) {
		return onced_setup_fail(setup, "command: %s", fault);
	}
	if (read_directory(setup, spec) < 0) {
		return -1;
	}
	spec->envp = exec_env_build(setup, environ);
	if (!spec->envp) {
		return -1;
	}
	spec->handler = strdup(onced_setup_handler_name(setup));
	return spec->handler ? 0 : onced_setup_fail(setup, "out of memory");
}

/* NULL after onced_setup_fail(). */
static struct exec_spec *spec_read(struct onced_setup *setup)
{
	struct exec_spec *spec = exec_spec_new();

	if (!spec) {
		(void)onced_setup_fail(setup, "out of memory");
		return NULL;
	}
	if (read_spec(setup, spec) < 0) {
		exec_spec_unref(spec);
		return NULL;
	}
	return spec;
}

static int exec_check(struct onced_setup *setup)
{
	struct exec_spec *spec = spec_read(setup);

	exec_spec_unref(spec);
	return spec ? 0 : -1;
}

static int exec_open(struct onced_setup *setup, void **ret_state)
{
	struct exec_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state) {
		(void)onced_setup_fail(setup, "out of memory");
		return -ENOMEM;
	}
	state->timeout_us = onced_setup_timeout_ms(setup) * 1000;
	state->spec = spec_read(setup);
	if (!state->spec) {
		free(state);
		return -1;
	}
	r = exec_keeper_hold();
	if (r < 0) {
		exec_spec_unref(state->spec);
		free(state);
		(void)onced_setup_fail(setup, "cannot start its thread: %s", strerror(-r));
		return r;
	}
	*ret_state = state;
	return 0;
}

static void exec_close(void *data)
{
	struct exec_state *state = data;

	if (!state) {
		return;
	}
	exec_child_end(state->child, false);
	exec_spec_unref(state->spec);
	compose_fini(&state->request);
	free(state);
	exec_keeper_release();
}

/* ---- the child ---- */

static void drop_child(struct exec_state *state)
{
	exec_child_end(state->child, true);
	state->child = NULL;
}

/* It came to nothing before any event was read: nobody's fault but the command's. */
static void __attribute__((format(printf, 2, 3)))
start_failed(struct exec_state *state, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(state->failure, sizeof(state->failure), format, args);
	va_end(args);
	state->backoff_us = state->backoff_us ? 2 * state->backoff_us : BACKOFF_FIRST_US;
	if (state->backoff_us > BACKOFF_MAX_US) {
		state->backoff_us = BACKOFF_MAX_US;
	}
	state->not_before_us = exec_now_us() + state->backoff_us;
	onced_log_line(state->spec->handler, "%s; it is not started again for %lld ms",
		state->failure, (long long)state->backoff_us / 1000);
}

static void say_unavailable(const struct exec_state *state, struct onced_outcome *outcome)
{
	int64_t left_us = state->not_before_us - exec_now_us();

	onced_outcome_set(outcome, ONCED_UNAVAILABLE, "start", "%s", state->failure);
	outcome->retry_after_ms = left_us > 0 ? left_us / 1000 + 1 : 0;
}

static void start_child(struct exec_state *state, int64_t deadline_us)
{
	struct exec_child *child;
	const char *step;
	int r = exec_child_start(state->spec, deadline_us, &child, &step);

	if (r < 0) {
		start_failed(state, "the command %s does not start: cannot %s: %s",
			state->spec->argv[0], step, strerror(-r));
		return;
	}
	state->child = child;
	state->is_proven = false;
	onced_log_line(state->spec->handler, "process %d runs %s",
		(int)exec_child_process(child)->pid, state->spec->argv[0]);
}

/* "was killed by SIGSEGV" and "SIGSEGV", or "ended with status 1" and "exit-1". */
static void describe_end(struct exec_child *child, char *ret_text, size_t text_size, char *ret_code,
	size_t code_size)
{
	const char *name;
	struct exec_end end;

	if (!exec_child_ended(child, END_WAIT_MS, &end)) {
		snprintf(ret_text, text_size, "closed its standard input or output");
		snprintf(ret_code, code_size, "closed");
		return;
	}
	if (end.number == EXEC_END_UNKNOWN) {
		snprintf(ret_text, text_size, "ended, and its status was taken by somebody else");
		snprintf(ret_code, code_size, "ended");
		return;
	}
	if (!end.is_signal) {
		snprintf(ret_text, text_size, "ended with status %d", end.number);
		snprintf(ret_code, code_size, "exit-%d", end.number);
		return;
	}
	name = sigabbrev_np(end.number);
	if (name) {
		snprintf(ret_code, code_size, "SIG%s", name);
	} else {
		snprintf(ret_code, code_size, "signal-%d", end.number);
	}
	snprintf(ret_text, text_size, "was killed by %s", ret_code);
}

/* One that ended since its last event, or says what nobody asked, is not to be used again. */
static void drop_unfit(struct exec_state *state)
{
	char text[64], code[ONCED_CODE_MAX];
	int pid;

	if (!state->child) {
		return;
	}
	pid = (int)exec_child_process(state->child)->pid;
	switch (exec_talk_idle(exec_child_process(state->child))) {
	case EXEC_IDLE_READY:
		return;
	case EXEC_IDLE_ENDED:
		describe_end(state->child, text, sizeof(text), code, sizeof(code));
		onced_log_line(state->spec->handler, "process %d %s between events", pid, text);
		break;
	case EXEC_IDLE_NOISY:
		onced_log_line(state->spec->handler,
			"process %d wrote to standard output between events and is ended", pid);
		break;
	}
	drop_child(state);
}

static bool has_child(struct exec_state *state, int64_t deadline_us)
{
	drop_unfit(state);
	if (!state->child && exec_now_us() >= state->not_before_us) {
		start_child(state, deadline_us);
	}
	return state->child != NULL;
}

/* ---- what came of an exchange ---- */

/* The event goes by that result; its child is not to be trusted with another. */
static void refuse(struct exec_state *state, struct onced_outcome *outcome,
	enum onced_result result, const char *code, const char *reason)
{
	onced_log_line(state->spec->handler, "process %d is ended: %s",
		(int)exec_child_process(state->child)->pid, reason);
	onced_outcome_set(outcome, result, code, "%s", reason);
	drop_child(state);
}

static void on_reply(struct exec_state *state, struct onced_outcome *outcome)
{
	struct onced_outcome said;
	enum exec_reply_kind kind =
		exec_reply_read(state->talk.reply, state->talk.reply_len, state->sequence, &said);

	if (kind == EXEC_REPLY_BAD) {
		refuse(state, outcome, ONCED_REJECT, "bad-reply", said.reason);
		return;
	}
	if (kind == EXEC_REPLY_OTHER) {
		/* says nothing of this event: it may have been worked on or not */
		refuse(state, outcome, ONCED_RETRY, "wrong-event", said.reason);
		return;
	}
	*outcome = said;
	state->is_proven = true;
	state->backoff_us = state->not_before_us = 0;
	if (state->talk.is_behind) {
		onced_log_line(state->spec->handler,
			"process %d wrote more than its answer and is ended",
			(int)exec_child_process(state->child)->pid);
		drop_child(state);
	}
}

static void on_timeout(struct exec_state *state, struct onced_outcome *outcome)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "no answer within %lld ms%s",
		(long long)state->timeout_us / 1000,
		state->talk.was_read ? "" : ", and the event was not even read");
	refuse(state, outcome, ONCED_RETRY, "timeout", reason);
}

static void on_too_long(struct exec_state *state, struct onced_outcome *outcome)
{
	char reason[64];

	snprintf(reason, sizeof(reason), "the reply is longer than %d bytes", EXEC_REPLY_MAX);
	refuse(state, outcome, ONCED_REJECT, "bad-reply", reason);
}

static void on_end(struct exec_state *state, struct onced_outcome *outcome)
{
	char text[64], code[ONCED_CODE_MAX], reason[128];

	describe_end(state->child, text, sizeof(text), code, sizeof(code));
	if (!state->talk.was_read) {
		drop_child(state);
		start_failed(state, "the command %s %s before it read an event",
			state->spec->argv[0], text);
		say_unavailable(state, outcome);
		return;
	}
	snprintf(reason, sizeof(reason), "the command %s while it had the event", text);
	refuse(state, outcome, ONCED_RETRY, code, reason);
}

static void (*const endings[])(struct exec_state *, struct onced_outcome *) = {
	[EXEC_TALK_REPLY] = on_reply,
	[EXEC_TALK_TIMEOUT] = on_timeout,
	[EXEC_TALK_TOO_LONG] = on_too_long,
	[EXEC_TALK_ENDED] = on_end,
};

/* ---- events ---- */

/* A child that dies makes the write fail, and nothing else. */
static void block_sigpipe(void)
{
	static _Thread_local bool is_blocked;
	sigset_t set;

	if (is_blocked) {
		return;
	}
	is_blocked = true;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static enum exec_talk_end ask(struct exec_state *state, int64_t deadline_us)
{
	return exec_talk(&state->talk, exec_child_process(state->child), state->request.data,
		state->request.len, deadline_us);
}

static void exec_handle(void *data, const struct onced_event *event, struct onced_outcome *outcome)
{
	struct exec_state *state = data;
	int64_t deadline_us = exec_now_us() + state->timeout_us;
	enum exec_talk_end end;

	block_sigpipe();
	exec_request_write(&state->request, ++state->sequence, event);
	while (has_child(state, deadline_us)) {
		end = ask(state, deadline_us);
		if (end == EXEC_TALK_ENDED && !state->talk.was_read && state->is_proven) {
			/* left after its last event, as a command may: the next one gets it */
			drop_child(state);
			continue;
		}
		endings[end](state, outcome);
		return;
	}
	say_unavailable(state, outcome);
}

const struct onced_handler exec_handler = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(struct onced_handler),
	.name = "exec",
	.help = "Give each event to a command of yours, a line of JSON on its standard input, and "
		"take "
		"the line it answers for what became of the event.",
	.params = params,
	.effect = ONCED_EFFECT_ELSEWHERE,
	.check = exec_check,
	.open = exec_open,
	.handle = exec_handle,
	.close = exec_close,
};
