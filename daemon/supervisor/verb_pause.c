/*
 * verb_pause - pause, resume, drain
 *
 * Runs in: supervisor. A word is in state.dir before it is answered: whoever dies next, it holds.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "supervisor/halt.h"
#include "supervisor/operation.h"
#include "supervisor/state.h"
#include "supervisor/status.h"
#include "supervisor/verbs.h"

#include "supervisor/poison.h"

struct consumer *verb_consumer(struct call *call)
{
	struct supervisor *supervisor = call->context;
	const char *name = call_text(call, "consumer");

	for (size_t i = 0; i < supervisor->tree.consumer_count; i++) {
		if (strcmp(supervisor->tree.consumers[i]->config->name, name) == 0) {
			return supervisor->tree.consumers[i];
		}
	}
	call_refuse(call, 404, "see `oncectl show consumers`", "there is no consumer %s", name);
	return NULL;
}

bool verb_scope(struct call *call, const struct consumer *consumer, struct pause *ret,
	struct buffer *ret_target)
{
	const char *topic = call_text(call, "topic");

	*ret = (struct pause){ .partition = (int32_t)call_integer(call, "partition", -1) };
	if (!topic && ret->partition >= 0) {
		call_refuse(call, 400, NULL, "a partition needs its topic");
		return false;
	}
	if (topic && !config_consumer_reads(consumer->config, topic)) {
		call_refuse(call, 404, "see `oncectl show partitions`",
			"consumer %s does not read a topic %s", consumer->config->name, topic);
		return false;
	}
	snprintf(ret->topic, sizeof(ret->topic), "%s", topic ? topic : "");
	pause_scope_write(ret, consumer->config->name, ret_target);
	return true;
}

void verb_who(const struct call *call, char ret[PAUSE_WHO_MAX])
{
	const char *owner = call_text(call, "owner");

	snprintf(ret, PAUSE_WHO_MAX, "%.40s%suid %u%s", owner ? owner : "", owner ? " (" : "",
		(unsigned)call->peer.uid, owner ? ")" : "");
	pause_clean(ret);
}

static void set_words(struct call *call, const struct consumer *consumer, struct pause *pause)
{
	int64_t now_ms = clock_wall_ms(), seconds = call_integer(call, "seconds", 0);
	const char *reason = call_text(call, "reason");

	pause->since_ms = pauses_stamp(&consumer->pauses, now_ms);
	pause->until_ms = seconds > 0 ? now_ms + seconds * 1000 : 0;
	snprintf(pause->reason, sizeof(pause->reason), "%s", reason ? reason : "");
	pause_clean(pause->reason);
	verb_who(call, pause->who);
}

static void answer(struct call *call, const struct operation *operation, const struct pause *pause)
{
	json_t *object = operation_json(operation);

	if (pause) {
		(void)json_object_set_new(object, "until_ms",
			pause->until_ms ? json_integer(pause->until_ms) : json_null());
		(void)json_object_set_new(object, "who", status_text(pause->who));
	}
	call_answer(call, 202, object);
}

/* Keep the word, tell it, and begin the operation that hears what came of it. */
static struct operation *say(struct call *call, struct consumer *consumer, enum operation_kind kind,
	const char *verb, const char *target, const struct pause *pause)
{
	struct supervisor *supervisor = call->context;
	struct operation *operation;
	struct err err = ERR_INIT;

	if (halt_say(consumer, supervisor->config, pause, &err) < 0) {
		call_refuse(call, 500, "nothing has changed; look at state.dir", "%s", err.text);
		return NULL;
	}
	operation = operation_begin(supervisor, kind, verb, consumer, target);
	if (!operation) {
		call_refuse(call, 503, "it holds; ask for the status",
			"too many operations are under way to follow this one");
	}
	return operation;
}

void verb_pause(struct call *call)
{
	struct consumer *consumer = verb_consumer(call);
	_cleanup_(buffer_fini) struct buffer target = BUFFER_INIT;
	struct proto_order order = { .kind = PROTO_ORDER_REPORT, .partition = -1 };
	struct operation *operation;
	struct pause pause;

	if (!consumer || !verb_scope(call, consumer, &pause, &target)) {
		return;
	}
	pause.is_paused = 1;
	/* A released consumer stays that: this is one more word about it. */
	pause.is_released = pause.topic[0] == '\0' && halt_is_released(consumer);
	set_words(call, consumer, &pause);
	if (pause.is_released) {
		pause.until_ms = 0;
	}
	operation = say(call, consumer, OPERATION_REPORT, "pause", buffer_str(&target), &pause);
	if (operation) {
		operation_order(operation, &order);
		operation_check(call->context, operation);
		answer(call, operation, &pause);
	}
}

void verb_resume(struct call *call)
{
	struct supervisor *supervisor = call->context;
	struct consumer *consumer = verb_consumer(call);
	_cleanup_(buffer_fini) struct buffer target = BUFFER_INIT;
	struct proto_order order = { .kind = PROTO_ORDER_REPORT, .partition = -1 };
	char sentence[PAUSE_SENTENCE_MAX];
	const struct pause *wider;
	struct operation *operation;
	struct pause pause;

	if (!consumer || !verb_scope(call, consumer, &pause, &target)) {
		return;
	}
	wider = pauses_find(&consumer->pauses, pause.topic, pause.partition, clock_wall_ms());
	if (wider && !pause_is_same_scope(wider, &pause)) {
		_cleanup_(buffer_fini) struct buffer scope = BUFFER_INIT;

		pause_sentence(wider, sentence);
		pause_scope_write(wider, consumer->config->name, &scope);
		call_refuse(call, 409, "resume that", "all of %s is paused %s", buffer_str(&scope),
			sentence);
		return;
	}
	set_words(call, consumer, &pause);
	operation = say(call, consumer, OPERATION_REPORT, "resume", buffer_str(&target), &pause);
	if (operation) {
		operation_order(operation, &order); /* those that run: the others start resumed */
	}
	supervisor_unrelease(supervisor, consumer);
	if (operation) {
		operation_check(supervisor, operation);
		answer(call, operation, NULL);
	}
}

void verb_drain(struct call *call)
{
	struct supervisor *supervisor = call->context;
	struct consumer *consumer = verb_consumer(call);
	struct proto_order order = { .kind = PROTO_ORDER_DRAIN, .partition = -1 };
	struct pause pause = { .partition = -1, .is_paused = 1 };
	struct operation *operation;

	if (!consumer) {
		return;
	}
	pause.is_released = call_flag(call, "release") || halt_is_released(consumer);
	set_words(call, consumer, &pause);
	if (pause.reason[0] == '\0') {
		snprintf(pause.reason, sizeof(pause.reason), "drained%s",
			pause.is_released ? " and released" : "");
	}
	operation = say(call, consumer, pause.is_released ? OPERATION_RELEASE : OPERATION_DRAIN,
		"drain", consumer->config->name, &pause);
	if (operation) {
		operation_order(operation, &order);
		operation_check(supervisor, operation);
		answer(call, operation, &pause);
	}
}
