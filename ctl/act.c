/*
 * act - the verbs that change what a consumer does
 *
 * Runs in: oncectl. The daemon decides and remembers; here it is asked, and its answer shown.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "base/cleanup.h"
#include "client.h"
#include "config/value.h"
#include "operate.h"
#include "verbs.h"

static void json_cleanup(json_t **object)
{
	json_decref(*object);
}

static void set(json_t *object, const char *key, json_t *take_value)
{
	(void)json_object_set_new(object, key, take_value);
}

static void set_reason(const struct ctl *ctl, json_t *body)
{
	if (ctl_option(ctl, "--reason")) {
		set(body, "reason", json_string(ctl_option(ctl, "--reason")));
	}
}

static int64_t number_of(const json_t *operation)
{
	return json_integer_value(json_object_get(operation, "number"));
}

/* A pause or resume holds from the first answer on, whoever has not heard it yet. */
static int show_halt(const struct ctl *ctl, const char *what, int status, const json_t *operation)
{
	int64_t in_hand = number_of(operation);
	const json_t *until = json_object_get(operation, "until_ms");
	time_t at = (time_t)(json_integer_value(until) / 1000);
	char when[32];
	struct tm parts;

	if (!operation || status == CTL_FAILED || status == CTL_NOT_REACHABLE) {
		return status;
	}
	if (ctl->is_json) {
		return CTL_OK;
	}
	printf("%s is %s", ctl->arguments[0], what);
	if (json_is_integer(until) && gmtime_r(&at, &parts)) {
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
		printf(" until %s", when);
	}
	printf(".\n");
	if (json_is_integer(until) || json_is_null(until)) {
		printf(in_hand > 0 ? "%" PRId64 " records are in hand; they end as they would.\n"
				   : "Nothing is in hand.\n",
			in_hand);
	}
	if (status == CTL_TIMED_OUT) {
		printf("Not every worker has heard it yet; it holds for them when they do:\n");
		operate_show_waiting(operation);
	}
	return CTL_OK;
}

int verb_pause(const struct ctl *ctl)
{
	_cleanup_(json_cleanup) json_t *operation = NULL;
	const char *span = ctl_option(ctl, "--for");
	struct scope scope;
	int64_t span_us;
	json_t *body;
	int status;

	if (!scope_parse(ctl->arguments[0], &scope)) {
		return CTL_USAGE;
	}
	if (!ctl_option(ctl, "--reason") || !ctl_option(ctl, "--reason")[0]) {
		fputs("oncectl pause: needs --reason: whoever finds it paused will ask\n", stderr);
		return CTL_USAGE;
	}
	if (span && (value_parse_duration(span, &span_us) < 0 || span_us < 1000000)) {
		fprintf(stderr, "oncectl pause: %s is no time span of a second or more (10m)\n",
			span);
		return CTL_USAGE;
	}
	body = operate_body(ctl, &scope);
	set_reason(ctl, body);
	if (span) {
		set(body, "seconds", json_integer(span_us / 1000000));
	}
	status = operate(ctl, &scope, "pause", body, OPERATE_ANSWER, NULL, &operation);
	return show_halt(ctl, "paused", status, operation);
}

int verb_resume(const struct ctl *ctl)
{
	_cleanup_(json_cleanup) json_t *operation = NULL;
	struct scope scope;
	json_t *body;
	int status;

	if (!scope_parse(ctl->arguments[0], &scope)) {
		return CTL_USAGE;
	}
	body = operate_body(ctl, &scope);
	set_reason(ctl, body);
	status = operate(ctl, &scope, "resume", body, OPERATE_ANSWER, NULL, &operation);
	return show_halt(ctl, "resumed", status, operation);
}

/* ---- drain ---- */

static int drain_one(const struct ctl *ctl, const char *consumer)
{
	_cleanup_(json_cleanup) json_t *operation = NULL;
	bool is_waiting = ctl_option(ctl, "--wait"), is_release = ctl_option(ctl, "--release");
	struct scope scope = { .partition = -1 };
	json_t *body = operate_body(ctl, &scope);
	int status;

	snprintf(scope.consumer, sizeof(scope.consumer), "%s", consumer);
	set_reason(ctl, body);
	if (is_release) {
		set(body, "release", json_true());
	}
	status = operate(ctl, &scope, "drain", body, is_waiting ? OPERATE_END : OPERATE_START,
		ctl_option(ctl, "--timeout"), &operation);
	if (ctl->is_json || !operation) {
		return status;
	}
	if (status == CTL_TIMED_OUT) {
		printf("%s is paused, and not drained yet; the drain goes on. What it waits for:\n",
			consumer);
		operate_show_waiting(operation);
	} else if (status == CTL_OK && is_waiting) {
		printf("%s is drained in %.1f s: nothing is in hand, everything settled is "
		       "committed.%s\n",
			consumer, json_number_value(json_object_get(operation, "seconds")),
			is_release ? " Its workers have left the group." : "");
	} else if (status == CTL_OK) {
		printf("%s drains and stays paused; --wait waits for that.\n", consumer);
	}
	return status;
}

/* Exit status of the worst. */
static int drain_all(const struct ctl *ctl)
{
	_cleanup_(buffer_fini) struct buffer body = BUFFER_INIT;
	_cleanup_(json_cleanup) json_t *root = NULL;
	struct err err = ERR_INIT;
	int r = client_get(ctl->socket_path, "/v1/status", &body, &err), worst = CTL_OK;
	const json_t *consumers;

	if (r != 0) {
		fprintf(stderr, "oncectl: %s\n", err.text);
		return r > 0 ? CTL_NOT_REACHABLE : CTL_FAILED;
	}
	root = json_loadb(buffer_str(&body), body.len, 0, NULL);
	consumers = json_object_get(root, "consumers");
	if (json_array_size(consumers) == 0) {
		fprintf(stderr, "oncectl: %s: the answer is no status of onced\n",
			ctl->socket_path);
		return CTL_FAILED;
	}
	for (size_t i = 0; i < json_array_size(consumers); i++) {
		const char *name =
			json_string_value(json_object_get(json_array_get(consumers, i), "name"));
		int status = name ? drain_one(ctl, name) : CTL_FAILED;

		worst = worst == CTL_OK ? status : worst;
	}
	return worst;
}

int verb_drain(const struct ctl *ctl)
{
	bool is_all = ctl_option(ctl, "--all");

	if (is_all == (ctl->argument_count == 1)) {
		fputs("oncectl drain: needs CONSUMER or --all, one of them\n", stderr);
		return CTL_USAGE;
	}
	return is_all ? drain_all(ctl) : drain_one(ctl, ctl->arguments[0]);
}

/* ---- restart ---- */

int verb_restart(const struct ctl *ctl)
{
	_cleanup_(json_cleanup) json_t *operation = NULL;
	const char *slash = strchr(ctl->arguments[0], '/');
	bool is_waiting = ctl_option(ctl, "--wait");
	struct scope scope = { .partition = -1 };
	json_t *body;
	char *end;
	int status;

	snprintf(scope.consumer, sizeof(scope.consumer), "%.*s",
		(int)(slash ? slash - ctl->arguments[0] : (long)strlen(ctl->arguments[0])),
		ctl->arguments[0]);
	body = operate_body(ctl, &scope);
	if (slash) {
		set(body, "worker", json_integer(strtol(slash + 1, &end, 10)));
		if (end == slash + 1 || *end) {
			fprintf(stderr, "oncectl: %s is no CONSUMER[/WORKER]\n", ctl->arguments[0]);
			json_decref(body);
			return CTL_USAGE;
		}
	}
	status = operate(ctl, &scope, "restart", body, is_waiting ? OPERATE_END : OPERATE_START,
		ctl_option(ctl, "--timeout"), &operation);
	if (ctl->is_json || !operation) {
		return status;
	}
	if (status == CTL_TIMED_OUT) {
		printf("Not all workers are replaced yet; it goes on. What it waits for:\n");
		operate_show_waiting(operation);
	} else if (status == CTL_OK) {
		printf("%s: %s.\n", ctl->arguments[0],
			is_waiting ? "every worker is replaced"
				   : "workers are replaced one at a time; --wait waits for that");
	}
	return status;
}

/* ---- partitions and records ---- */

int verb_retry_now(const struct ctl *ctl)
{
	_cleanup_(json_cleanup) json_t *operation = NULL;
	struct scope scope;
	int status;

	if (!scope_parse(ctl->arguments[0], &scope)) {
		return CTL_USAGE;
	}
	status = operate(ctl, &scope, "retry-now", operate_body(ctl, &scope), OPERATE_ANSWER, NULL,
		&operation);
	if (status == CTL_OK && !ctl->is_json) {
		printf("%" PRId64 " waiting strands and dead letters are tried now.\n",
			number_of(operation));
	}
	return status;
}

int verb_skip(const struct ctl *ctl)
{
	_cleanup_(json_cleanup) json_t *operation = NULL;
	struct scope scope;
	int64_t offset;
	json_t *body;
	int status;

	if (!scope_parse(ctl->arguments[0], &scope) || scope.topic[0] ||
		!scope_parse_position(ctl->arguments[1], &scope, &offset)) {
		return CTL_USAGE;
	}
	if (!ctl_option(ctl, "--reason") || !ctl_option(ctl, "--reason")[0]) {
		fputs("oncectl skip: needs --reason: the record will never take effect\n", stderr);
		return CTL_USAGE;
	}
	body = operate_body(ctl, &scope);
	set(body, "offset", json_integer(offset));
	set_reason(ctl, body);
	status = operate(ctl, &scope, "skip", body, OPERATE_ANSWER, ctl_option(ctl, "--timeout"),
		&operation);
	if (ctl->is_json || !operation) {
		return status;
	}
	if (status == CTL_OK) {
		printf("%s is settled as skipped.\n", ctl->arguments[1]);
	} else if (status == CTL_TIMED_OUT) {
		printf("%s is marked, and not settled yet: it waits for a resume, the store, or "
		       "what is in hand.\n",
			ctl->arguments[1]);
	}
	return status;
}
