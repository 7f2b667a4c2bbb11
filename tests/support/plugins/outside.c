/*
 * outside - a plugin whose effects no transaction covers: lines in a file
 *
 * One line for each effect, written at once when the handler is nearly through:
 *
 *	event-id partition offset attempt pid began-us ended-us
 *
 * "fault" in the payload says how it misbehaves: sleep:MS takes that long, retry:N fails the first
 * N attempts, reject, gate:FILE is unavailable while that file exists, hang sleeps for ever, abort
 * ends the worker.
 *
 * Built with INSIDE it says that its effects belong to the batch: for stores without transactions.
 */
#include <fcntl.h>
#include <onced/handler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct outside {
	int fd, fault_path;
};

static const struct onced_param_spec params[] = {
	{ .name = "file", .help = "Where the effects go.", .is_required = true },
	{ .name = NULL },
};

static int open_file(struct onced_setup *setup, void **ret)
{
	struct outside *outside = calloc(1, sizeof(*outside));
	const char *file = onced_setup_param(setup, "file");

	outside->fault_path = onced_need_path(setup, "payload.fault");
	outside->fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	*ret = outside;
	return outside->fd < 0 ? onced_setup_fail(setup, "cannot open %s", file) : 0;
}

static void close_file(void *state)
{
	struct outside *outside = state;

	close(outside->fd);
	free(outside);
}

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void sleep_ms(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) < 0) {
	}
}

/* True: no effect. */
static bool misbehave(
	const char *fault, const struct onced_event *event, struct onced_outcome *outcome)
{
	const char *value = strchr(fault, ':') ? strchr(fault, ':') + 1 : "";

	if (strncmp(fault, "sleep:", 6) == 0) {
		sleep_ms(atol(value));
	} else if (strcmp(fault, "hang") == 0) {
		sleep_ms(1000000);
	} else if (strcmp(fault, "abort") == 0) {
		abort();
	} else if (strcmp(fault, "reject") == 0) {
		onced_outcome_set(outcome, ONCED_REJECT, "E42", "rejected by request");
	} else if (strncmp(fault, "retry:", 6) == 0 &&
		onced_event_attempt(event) <= strtoul(value, NULL, 10)) {
		onced_outcome_set(outcome, ONCED_RETRY, "E43", "failed by request");
	} else if (strncmp(fault, "gate:", 5) == 0 && access(value, F_OK) == 0) {
		onced_outcome_set(outcome, ONCED_UNAVAILABLE, "E44", "the gate is closed");
	}
	return outcome->result != ONCED_DONE;
}

static void handle(void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	const struct outside *outside = state;
	struct onced_bytes id = onced_event_id(event), text;
	long long began_us = now_us();
	char fault[256] = "", line[512];
	int len;

	if (onced_event_path(event, outside->fault_path, &text) == ONCED_STRING) {
		snprintf(fault, sizeof(fault), "%.*s", (int)text.len, text.data);
	}
	if (misbehave(fault, event, outcome)) {
		return;
	}
	len = snprintf(line, sizeof(line), "%.*s %d %lld %u %d %lld %lld\n",
		id.data ? (int)id.len : 1, id.data ? id.data : "-", onced_event_partition(event),
		(long long)onced_event_offset(event), onced_event_attempt(event), (int)getpid(),
		began_us, now_us());
	if (write(outside->fd, line, (size_t)len) != len) {
		onced_outcome_set(outcome, ONCED_UNAVAILABLE, NULL, "cannot write");
	}
}

static const struct onced_handler outside = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(struct onced_handler),
	.help = "Writes lines to a file.",
	.params = params,
#ifdef INSIDE
	.name = "inside",
#else
	.name = "outside",
	.effect = ONCED_EFFECT_ELSEWHERE,
#endif
	.open = open_file,
	.handle = handle,
	.close = close_file,
};

ONCED_EXPORT_HANDLER(outside);
