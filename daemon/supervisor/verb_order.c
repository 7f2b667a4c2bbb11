/*
 * verb_order - restart, retry-now, skip, offsets, and how far an operation got
 *
 * Runs in: supervisor. Where no worker is left to commit, oncectl does it and has it put on record
 * here before: an offset that moved without a line about it would be worse than a line too many.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "supervisor/halt.h"
#include "supervisor/operation.h"
#include "supervisor/slot.h"
#include "supervisor/state.h"
#include "supervisor/verbs.h"

#include "supervisor/poison.h"

static struct operation *begin(struct call *call, struct consumer *consumer,
	enum operation_kind kind, const char *verb, const char *target)
{
	struct operation *operation = operation_begin(call->context, kind, verb, consumer, target);

	if (!operation) {
		call_refuse(
			call, 503, "try again in a moment", "too many operations are under way");
	}
	return operation;
}

void verb_operation(struct call *call)
{
	struct operation *operation = NULL;
	const char *text = call_text(call, "id");
	uint64_t id;

	if (sscanf(text, "%" SCNu64, &id) == 1) {
		operation = operation_find(call->context, id);
	}
	if (!operation) {
		call_refuse(call, 404, NULL,
			"no operation %s is known; those of an earlier start are forgotten", text);
		return;
	}
	call_answer(call, 200, operation_json(operation));
}

void verb_restart(struct call *call)
{
	struct supervisor *supervisor = call->context;
	struct consumer *consumer = verb_consumer(call);
	int64_t wanted = call_integer(call, "worker", -1);
	_cleanup_(buffer_fini) struct buffer target = BUFFER_INIT;
	struct operation *operation;

	if (!consumer) {
		return;
	}
	if (wanted >= (int64_t)consumer->slot_count) {
		call_refuse(call, 404, "see `oncectl show workers`",
			"consumer %s has %zu workers, counted from 0", consumer->config->name,
			consumer->slot_count);
		return;
	}
	if (halt_is_released(consumer)) {
		call_refuse(call, 409, "resume it: that starts them",
			"the workers of %s were released and do not run", consumer->config->name);
		return;
	}
	buffer_append_str(&target, consumer->config->name);
	if (wanted >= 0) {
		buffer_printf(&target, "/%" PRId64, wanted);
	}
	operation = begin(call, consumer, OPERATION_RESTART, "restart", buffer_str(&target));
	if (!operation) {
		return;
	}
	for (size_t i = 0; i < consumer->slot_count; i++) {
		if (wanted < 0 || wanted == (int64_t)i) {
			consumer->slots[i]->wants_restart = true;
			(void)operation_add_part(operation, consumer->slots[i]);
		}
	}
	recycle_check(supervisor, clock_mono_us());
	call_answer(call, 202, operation_json(operation));
}

/* An order about a scope, for the workers that have it. */
static void order(struct call *call, struct consumer *consumer, const char *verb,
	struct proto_order *order, const char *target)
{
	const char *reason = call_text(call, "reason");
	struct operation *operation = begin(call, consumer, OPERATION_PARTITION, verb, target);

	if (!operation) {
		return;
	}
	snprintf(order->reason, sizeof(order->reason), "%s", reason ? reason : "");
	pause_clean(order->reason);
	verb_who(call, order->who);
	operation_order(operation, order);
	operation_check(call->context, operation);
	call_answer(call, 202, operation_json(operation));
}

static void set_scope(struct proto_order *order, const struct pause *scope)
{
	memcpy(order->topic, scope->topic, sizeof(order->topic));
	order->partition = scope->partition;
}

void verb_retry(struct call *call)
{
	struct consumer *consumer = verb_consumer(call);
	_cleanup_(buffer_fini) struct buffer target = BUFFER_INIT;
	struct proto_order asked = { .kind = PROTO_ORDER_RETRY };
	struct pause scope;

	if (consumer && verb_scope(call, consumer, &scope, &target)) {
		set_scope(&asked, &scope);
		order(call, consumer, "retry-now", &asked, buffer_str(&target));
	}
}

void verb_skip(struct call *call)
{
	struct consumer *consumer = verb_consumer(call);
	_cleanup_(buffer_fini) struct buffer target = BUFFER_INIT;
	struct proto_order asked = { .kind = PROTO_ORDER_SKIP,
		.offset = call_integer(call, "offset", 0) };
	struct pause scope;

	if (consumer && verb_scope(call, consumer, &scope, &target)) {
		set_scope(&asked, &scope);
		buffer_printf(&target, ":%" PRId64, asked.offset);
		order(call, consumer, "skip", &asked, buffer_str(&target));
	}
}

/* Exactly one of them. */
static bool read_to(const struct call *call, struct proto_order *asked)
{
	const char *to = call_text(call, "to");
	int64_t offset = call_integer(call, "offset", -1);
	int64_t time_ms = call_integer(call, "time_ms", -1);

	if ((to != NULL) + (offset >= 0) + (time_ms >= 0) != 1) {
		return false;
	}
	asked->is_time = time_ms >= 0;
	asked->offset = time_ms >= 0          ? time_ms
		: offset >= 0                 ? offset
		: strcmp(to, "earliest") == 0 ? PROTO_SEEK_EARLIEST
		: strcmp(to, "latest") == 0   ? PROTO_SEEK_LATEST
					      : 0;
	return !to || asked->offset < 0;
}

void verb_seek(struct call *call)
{
	struct consumer *consumer = verb_consumer(call);
	_cleanup_(buffer_fini) struct buffer target = BUFFER_INIT;
	struct proto_order asked = { .kind = PROTO_ORDER_SEEK };
	struct pause scope;

	if (!consumer || !verb_scope(call, consumer, &scope, &target)) {
		return;
	}
	if (!read_to(call, &asked)) {
		call_refuse(call, 400, NULL,
			"say where to: offset, time_ms, or to (earliest or latest)");
		return;
	}
	if (!pauses_find(&consumer->pauses, scope.topic, scope.partition, clock_wall_ms())) {
		call_refuse(call, 409, "pause or drain it first", "%s is not paused",
			buffer_str(&target));
		return;
	}
	if (halt_is_released(consumer)) {
		call_refuse(call, 409, "`oncectl offsets set` does it without them",
			"the workers of %s were released and do not run", consumer->config->name);
		return;
	}
	set_scope(&asked, &scope);
	order(call, consumer, "offsets set", &asked, buffer_str(&target));
}

void verb_seek_note(struct call *call)
{
	struct consumer *consumer = verb_consumer(call);
	_cleanup_(buffer_fini) struct buffer target = BUFFER_INIT;
	const char *reason = call_text(call, "reason");
	char who[PAUSE_WHO_MAX];
	struct pause scope;

	if (!consumer || !verb_scope(call, consumer, &scope, &target)) {
		return;
	}
	if (!halt_is_released(consumer)) {
		call_refuse(call, 409, "`oncectl offsets set` has it done by them",
			"the workers of %s run, and commit themselves", consumer->config->name);
		return;
	}
	verb_who(call, who);
	log_notice("an offset is set without a worker, on an operator's word", LOG_ID(OFFSET_SET),
		LOG_STR("consumer", consumer->config->name), LOG_STR("topic", scope.topic),
		LOG_INT("partition", scope.partition),
		LOG_INT("from", call_integer(call, "from", -1)),
		LOG_INT("offset", call_integer(call, "offset", -1)), LOG_STR("who", who),
		LOG_STR("reason", reason ? reason : ""));
	call_answer(call, 200, json_pack("{s:s}", "state", "noted"));
}
