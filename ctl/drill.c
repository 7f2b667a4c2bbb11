/*
 * drill - `oncectl drill`: a drain on the live service, to know how it goes before it has to
 *
 * Runs in: oncectl. Drains, lets lag build, resumes, and watches until the lag is gone. Whatever
 * happens between, the consumer is resumed: an interrupt, and a terminal that goes away, go on with
 * that, and a pause with an end of its own stands behind a drill that is killed.
 */
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "client.h"
#include "config/value.h"
#include "look.h"
#include "operate.h"
#include "verbs.h"

enum { LOOK_MS = 200 };
/* What a stop may need behind its drain: with ease, and at least (as the doctor has it). */
enum { EASE_SECONDS = 10, CLOSE_SECONDS = 5 };
#define SECOND_US INT64_C(1000000)
#define LAG_DEFAULT_US (30 * SECOND_US)
#define LIMIT_DEFAULT_US (600 * SECOND_US)
/* Longer than the drill leaves it paused, for the case that nobody is left to resume it. */
#define SPARE_US (60 * SECOND_US)
/* So long without an end, and the lag is asked for anew several times meanwhile. */
#define IDLE_US (5 * SECOND_US)

struct drill {
	const struct ctl *ctl;
	struct scope scope;
	int64_t lag_us, limit_us; /* how long it stands, how long each step may take */

	double drain_seconds, paused_seconds, catch_up_seconds;
	int64_t lag_before, lag_after, backlog; /* offsets */
	int64_t worked, worked_then; /* records; when it was last seen to grow */
	int64_t idle_since_us; /* since then, with no more lag than before the drill */
};

static volatile sig_atomic_t was_interrupted;

static void interrupt(int number)
{
	was_interrupted = 1;
}

static void json_cleanup(json_t **object)
{
	json_decref(*object);
}

static void nap(void)
{
	struct timespec time = { 0, LOOK_MS * 1000000L };

	nanosleep(&time, NULL);
}

static void say(const struct drill *drill, const char *what)
{
	if (!drill->ctl->is_json) {
		printf("%s\n", what);
		fflush(stdout);
	}
}

/* ---- what the daemon says ---- */

struct figures {
	int64_t lag; /* -1 while it is not known */
	int64_t settled; /* records that ended so far */
	bool is_free; /* no record waits for anything, and no partition */
};

static void add_partition(const json_t *partition, struct figures *ret)
{
	static const char *const waiting[] = { "in_flight", "parked", "held" };
	const char *state = json_string_value(json_object_get(partition, "state")), *result;
	json_t *settled = json_object_get(partition, "settled"), *count;

	json_object_foreach(settled, result, count)
	{
		ret->settled += json_integer_value(count);
	}
	ret->is_free &= state && strcmp(state, "running") == 0;
	for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
		ret->is_free &= json_integer_value(json_object_get(partition, waiting[i])) == 0;
	}
}

static int look(const struct drill *drill, struct figures *ret)
{
	_cleanup_(json_cleanup) json_t *found = NULL;
	int status = look_at_consumers(drill->ctl, drill->scope.consumer, &found);
	const json_t *consumer = json_array_get(found, 0);
	const json_t *lag = json_object_get(consumer, "lag");
	const json_t *partitions = json_object_get(consumer, "partitions");

	*ret = (struct figures){ .lag = json_is_integer(lag) ? json_integer_value(lag) : -1,
		.is_free = true };
	for (size_t i = 0; i < json_array_size(partitions); i++) {
		add_partition(json_array_get(partitions, i), ret);
	}
	return status;
}

static int refuse_paused(const struct drill *drill)
{
	_cleanup_(json_cleanup) json_t *found = NULL;
	int status = look_at_consumers(drill->ctl, drill->scope.consumer, &found);
	const json_t *consumer = json_array_get(found, 0);

	if (status == CTL_OK && json_array_size(json_object_get(consumer, "pauses")) > 0) {
		fprintf(stderr,
			"oncectl drill: %s is paused already; a drill would end with resuming it\n",
			drill->scope.consumer);
		return CTL_FAILED;
	}
	return status;
}

static int order(const struct drill *drill, const char *verb, int64_t seconds,
	enum operate_wait wait, json_t **ret)
{
	struct ctl quiet = *drill->ctl;
	json_t *body = operate_body(&quiet, &drill->scope);

	quiet.is_json = false; /* one answer for all of it */
	(void)json_object_set_new(body, "reason", json_string("drill"));
	if (seconds) {
		(void)json_object_set_new(body, "seconds", json_integer(seconds));
	}
	return operate(&quiet, &drill->scope, verb, body, wait, NULL, ret);
}

/* ---- the steps ---- */

static int64_t seconds_of(int64_t us)
{
	return us / SECOND_US + 1;
}

/* Until it is done with, its time is over, or nobody wants it any more. */
static int follow_drain(const struct drill *drill, json_t **drained)
{
	int64_t until_us = clock_mono_us() + drill->limit_us;
	int status;

	do {
		status = operate_follow(drill->ctl, SECOND_US / 2, drained);
	} while (status == CTL_TIMED_OUT && !was_interrupted && clock_mono_us() < until_us);
	if (status == CTL_TIMED_OUT && was_interrupted) {
		fprintf(stderr, "oncectl drill: interrupted before %s was drained\n",
			drill->scope.consumer);
		return CTL_FAILED;
	}
	if (status == CTL_TIMED_OUT) {
		fprintf(stderr, "oncectl drill: not drained in %" PRId64 "s; what it waits for:\n",
			drill->limit_us / SECOND_US);
		operate_show_waiting(*drained);
	}
	return status;
}

/* The newest word holds: with a pause behind it the drain ends by itself, too. */
static int drain(struct drill *drill)
{
	_cleanup_(json_cleanup) json_t *drained = NULL, *behind = NULL, *paused = NULL;
	int64_t stands_us = drill->lag_us + SPARE_US;
	int status = order(drill, "drain", 0, OPERATE_START, &drained);

	if (status == CTL_OK) {
		status = order(drill, "pause", seconds_of(drill->limit_us + stands_us),
			OPERATE_START, &behind);
	}
	if (status == CTL_OK) {
		status = follow_drain(drill, &drained);
	}
	if (status != CTL_OK) {
		return status;
	}
	drill->drain_seconds = json_number_value(json_object_get(drained, "seconds"));
	status = order(drill, "pause", seconds_of(stands_us), OPERATE_ANSWER, &paused);
	return status == CTL_TIMED_OUT ? CTL_OK : status; /* they are drained, and stay so */
}

static void let_lag_build(struct drill *drill)
{
	int64_t since_us = clock_mono_us(), until_us = since_us + drill->lag_us;

	while (clock_mono_us() < until_us && !was_interrupted) {
		nap();
	}
	drill->paused_seconds = (double)(clock_mono_us() - since_us) / 1e6;
}

/*
 * The lag is asked for once a second or so: one that is from before the resume does not count. It
 * counts offsets, and not all of them are records: behind the marker of a transaction it stays as
 * it was before the drill, and nothing ends any more.
 */
static bool has_caught_up(struct drill *drill, const struct figures *now, int64_t now_us)
{
	int64_t lag = now->lag;
	bool is_as_before =
		now->is_free && lag >= 0 && lag <= (drill->lag_before > 0 ? drill->lag_before : 0);

	if (!is_as_before || drill->worked != drill->worked_then) {
		drill->worked_then = drill->worked;
		drill->idle_since_us = now_us;
	}
	drill->lag_after = lag;
	return (lag == 0 && drill->worked >= drill->backlog) ||
		(is_as_before && now_us - drill->idle_since_us >= IDLE_US);
}

static int catch_up(struct drill *drill, int64_t settled_before)
{
	int64_t since_us = clock_mono_us();
	struct figures now;

	drill->idle_since_us = since_us;
	for (;;) {
		int status = look(drill, &now);
		int64_t now_us = clock_mono_us();

		if (status != CTL_OK) {
			return status;
		}
		drill->worked = now.settled - settled_before;
		if (has_caught_up(drill, &now, now_us)) {
			bool is_idle = now.lag > 0 || drill->worked < drill->backlog;
			int64_t end_us = is_idle ? drill->idle_since_us : now_us;

			drill->catch_up_seconds = (double)(end_us - since_us) / 1e6;
			return CTL_OK;
		}
		if (was_interrupted || now_us - since_us > drill->limit_us) {
			fprintf(stderr,
				"oncectl drill: %s is resumed; its lag is still %" PRId64 "\n",
				drill->scope.consumer, now.lag);
			return CTL_TIMED_OUT;
		}
		nap();
	}
}

static int run(struct drill *drill)
{
	_cleanup_(json_cleanup) json_t *resumed = NULL;
	struct figures seen;
	int status = look(drill, &seen), undone;

	drill->lag_before = seen.lag;
	if (status != CTL_OK) {
		return status;
	}
	say(drill, "Draining ...");
	status = drain(drill);
	if (status == CTL_OK) {
		say(drill, "Drained; lag builds up ...");
		let_lag_build(drill);
		status = look(drill, &seen);
		drill->backlog = seen.lag;
	}
	/* also when the drain failed or ran out of time: it is paused then */
	undone = order(drill, "resume", 0, OPERATE_ANSWER, &resumed);
	if (undone != CTL_OK && undone != CTL_TIMED_OUT) {
		fprintf(stderr, "oncectl drill: %s may still be paused: oncectl resume %s\n",
			drill->scope.consumer, drill->scope.consumer);
		return undone;
	}
	if (status == CTL_OK) {
		say(drill, "Resumed; catching up ...");
		status = catch_up(drill, seen.settled);
	}
	return status;
}

/* ---- the report ---- */

/* A time of [onced] in the running configuration; 0 when it is not to be found, or off. */
static double configured_seconds(const struct ctl *ctl, const char *key)
{
	_cleanup_(buffer_fini) struct buffer body = BUFFER_INIT, line = BUFFER_INIT;
	struct err err = ERR_INIT;
	char value[32] = "";
	const char *found;
	int64_t us;

	if (client_get(ctl->socket_path, "/v1/config", &body, &err) != 0) {
		return 0;
	}
	buffer_printf(&line, "\n%s = ", key);
	found = strstr(buffer_str(&body), buffer_str(&line));
	if (!found || sscanf(found + line.len, "%31[^ \n]", value) != 1 ||
		value_parse_duration(value, &us) < 0) {
		return 0;
	}
	return (double)us / 1e6;
}

static void advise(const struct drill *drill, struct buffer *out)
{
	double limit = configured_seconds(drill->ctl, "drain.timeout");
	double stop = configured_seconds(drill->ctl, "stop.timeout");

	if (limit <= 0) {
		return;
	}
	if (2 * drill->drain_seconds > limit) {
		buffer_printf(out,
			"The drain took %.1f s of the %.0f s of drain.timeout: one in an incident "
			"may not end in time, and what is in hand then comes again. Raise "
			"drain.timeout, or lower batch.max or the handlers' timeout.\n",
			drill->drain_seconds, limit);
	}
	if (stop > 0 && stop < limit + CLOSE_SECONDS) {
		buffer_printf(out,
			"stop.timeout is %.0f s: whoever stops onced may kill it before it is "
			"drained and closed. Raise it, and what it was taken from.\n",
			stop);
	}
	buffer_printf(out,
		"A stop may take drain.timeout and some seconds: TimeoutStopSec of the unit, or "
		"terminationGracePeriodSeconds of the pod, must be at least %.0f s.\n",
		limit + EASE_SECONDS);
}

static void report(const struct drill *drill)
{
	_cleanup_(buffer_fini) struct buffer advice = BUFFER_INIT;
	double rate =
		drill->catch_up_seconds > 0 ? (double)drill->worked / drill->catch_up_seconds : 0;

	advise(drill, &advice);
	if (drill->lag_after > 0) {
		buffer_printf(&advice,
			"A lag of %" PRId64 " is left, no more than before: offsets that are no "
			"records, as markers of transactions.\n",
			drill->lag_after);
	}
	if (drill->ctl->is_json) {
		json_t *object = json_pack("{s:s, s:f, s:f, s:I, s:I, s:I, s:I, s:f, s:f, s:s}",
			"consumer", drill->scope.consumer, "drain_seconds", drill->drain_seconds,
			"paused_seconds", drill->paused_seconds, "lag_before",
			(json_int_t)drill->lag_before, "lag_after", (json_int_t)drill->lag_after,
			"backlog", (json_int_t)drill->backlog, "settled", (json_int_t)drill->worked,
			"zero_lag_seconds", drill->catch_up_seconds, "records_per_second", rate,
			"advice", buffer_str(&advice));

		json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(object);
		return;
	}
	printf("\n%s\n  drained in        %.1f s\n  stood still for   %.1f s\n"
	       "  backlog           %" PRId64 " records (%" PRId64 " before)\n"
	       "  zero lag after    %.1f s, at %.0f records/s\n\n%s",
		drill->scope.consumer, drill->drain_seconds, drill->paused_seconds, drill->backlog,
		drill->lag_before, drill->catch_up_seconds, rate, buffer_str(&advice));
}

static bool read_span(const struct ctl *ctl, const char *option, int64_t *span_us)
{
	const char *text = ctl_option(ctl, option);

	if (text && (value_parse_duration(text, span_us) < 0 || *span_us < SECOND_US)) {
		fprintf(stderr, "oncectl drill: %s is no time span of a second or more (30s)\n",
			text);
		return false;
	}
	return true;
}

int verb_drill(const struct ctl *ctl)
{
	struct sigaction action = { .sa_handler = interrupt }, ignore = { .sa_handler = SIG_IGN };
	struct drill drill = { .ctl = ctl, .lag_us = LAG_DEFAULT_US, .limit_us = LIMIT_DEFAULT_US };
	int status;

	if (!scope_parse(ctl->arguments[0], &drill.scope)) {
		return CTL_USAGE;
	}
	if (drill.scope.topic[0]) {
		fputs("oncectl drill: drains a whole consumer, not a topic of it\n", stderr);
		return CTL_USAGE;
	}
	if (!read_span(ctl, "--lag", &drill.lag_us) ||
		!read_span(ctl, "--timeout", &drill.limit_us)) {
		return CTL_USAGE;
	}
	status = refuse_paused(&drill);
	if (status != CTL_OK) {
		return status;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL); /* the terminal went away */
	sigaction(SIGPIPE, &ignore, NULL); /* or who read what is told */
	status = run(&drill);
	if (status == CTL_OK) {
		report(&drill);
	}
	return status;
}
