/*
 * operation - something an operator asked for that takes its time
 */
#include "supervisor/operation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "supervisor/halt.h"
#include "supervisor/slot.h"
#include "supervisor/state.h"
#include "supervisor/status.h"

#include "supervisor/poison.h"

static const char *const state_names[] = {
	[OPERATION_RUNNING] = "running",
	[OPERATION_DONE] = "done",
	[OPERATION_FAILED] = "failed",
};

static const char *const part_names[] = {
	[PART_WAITING] = "waiting",
	[PART_DONE] = "done",
	[PART_NOT_MINE] = "elsewhere",
	[PART_FAILED] = "failed",
};

void operations_fini(struct operations *operations)
{
	for (size_t i = 0; i < OPERATIONS_MAX; i++) {
		free(operations->items[i].parts);
	}
	*operations = (struct operations){ 0 };
}

struct operation *operation_find(struct supervisor *supervisor, uint64_t id)
{
	for (size_t i = 0; id > 0 && i < OPERATIONS_MAX; i++) {
		if (supervisor->operations.items[i].id == id) {
			return &supervisor->operations.items[i];
		}
	}
	return NULL;
}

/* Which of two places is given up first: what ended before what only reports. */
static bool is_better_place(const struct operation *operation, const struct operation *than)
{
	bool is_over = operation->state != OPERATION_RUNNING;
	bool is_than_over = than->state != OPERATION_RUNNING;

	if (is_over != is_than_over) {
		return is_over;
	}
	return is_over ? operation->ended_us < than->ended_us
		       : operation->started_us < than->started_us;
}

/*
 * A free place, else that of the one that ended first, else of the oldest that only reports: a
 * pause is always possible. NULL: all are under way.
 */
static struct operation *find_place(struct operations *operations)
{
	struct operation *place = NULL;

	for (size_t i = 0; i < OPERATIONS_MAX; i++) {
		struct operation *operation = &operations->items[i];

		if (operation->id == 0) {
			return operation;
		}
		if ((operation->state != OPERATION_RUNNING ||
			    operation->kind == OPERATION_REPORT) &&
			(!place || is_better_place(operation, place))) {
			place = operation;
		}
	}
	return place;
}

struct operation *operation_begin(struct supervisor *supervisor, enum operation_kind kind,
	const char *verb, struct consumer *consumer, const char *target)
{
	struct operation *operation = find_place(&supervisor->operations);

	if (!operation) {
		return NULL;
	}
	free(operation->parts);
	*operation = (struct operation){ .id = ++supervisor->operations.last_id,
		.kind = kind,
		.verb = verb,
		.consumer = consumer,
		.started_us = clock_mono_us(),
		.started_ms = clock_wall_ms(),
		.part_max = consumer->slot_count,
		.parts = xcalloc(consumer->slot_count + 1, sizeof(*operation->parts)) };
	snprintf(operation->target, sizeof(operation->target), "%s", target);
	return operation;
}

struct operation_part *operation_add_part(struct operation *operation, const struct slot *slot)
{
	struct operation_part *part;

	if (operation->part_count >= operation->part_max) {
		return NULL;
	}
	part = &operation->parts[operation->part_count++];
	*part = (struct operation_part){ .slot = slot->number, .pid = slot->pid };
	return part;
}

void operation_order(struct operation *operation, const struct proto_order *order)
{
	struct proto_frame frame = { .type = PROTO_ORDER, .order = *order };

	frame.order.id = operation->id;
	operation->order = frame.order;
	for (size_t i = 0; i < operation->consumer->slot_count; i++) {
		struct slot *slot = operation->consumer->slots[i];
		struct operation_part *part;

		if (!slot_is_running(slot)) {
			continue;
		}
		part = operation_add_part(operation, slot);
		if (part && proto_send(slot->child.channel_fd, &frame) < 0) {
			part->state = PART_FAILED;
			snprintf(part->text, sizeof(part->text),
				"worker %u does not listen now; what is paused or resumed is kept, "
				"and told when it does",
				slot->number);
		}
	}
}

/* ---- the end ---- */

static void end(struct operation *operation, enum operation_state state, const char *text)
{
	operation->state = state;
	operation->ended_us = clock_mono_us();
	snprintf(operation->text, sizeof(operation->text), "%s", text);
	log_notice("operation ended", LOG_INT("operation", (int64_t)operation->id),
		LOG_STR("verb", operation->verb), LOG_STR("target", operation->target),
		LOG_STR("state", state_names[state]), LOG_STR("error", text[0] ? text : NULL),
		LOG_SECONDS(
			"seconds", (double)(operation->ended_us - operation->started_us) / 1e6));
}

static const struct operation_part *find_part(
	const struct operation *operation, enum part_state state)
{
	for (size_t i = 0; i < operation->part_count; i++) {
		if (operation->parts[i].state == state) {
			return &operation->parts[i];
		}
	}
	return NULL;
}

/* Drained: now the workers leave. */
static void begin_leaving(struct supervisor *supervisor, struct operation *operation)
{
	operation->is_leaving = true;
	operation->part_count = 0;
	for (size_t i = 0; i < operation->consumer->slot_count; i++) {
		struct slot *slot = operation->consumer->slots[i];

		if (slot_is_running(slot)) {
			operation_add_part(operation, slot);
		}
	}
	supervisor_release(supervisor, operation->consumer);
}

void operation_check(struct supervisor *supervisor, struct operation *operation)
{
	const struct operation_part *failed = find_part(operation, PART_FAILED);

	if (operation->state != OPERATION_RUNNING || find_part(operation, PART_WAITING)) {
		return;
	}
	if (failed) {
		end(operation, OPERATION_FAILED, failed->text);
		return;
	}
	if (operation->kind == OPERATION_PARTITION && !find_part(operation, PART_DONE)) {
		end(operation, OPERATION_FAILED, "no worker of this daemon has it now");
		return;
	}
	if (operation->kind == OPERATION_RELEASE && !operation->is_leaving &&
		!halt_is_released(operation->consumer)) {
		end(operation, OPERATION_FAILED, "it was resumed before its workers left");
		return;
	}
	if (operation->kind == OPERATION_RELEASE && !operation->is_leaving) {
		begin_leaving(supervisor, operation);
		operation_check(supervisor, operation);
		return;
	}
	end(operation, OPERATION_DONE, "");
}

/* ---- what workers do ---- */

static struct operation_part *part_of(struct operation *operation, const struct slot *slot)
{
	if (operation->id == 0 || operation->state != OPERATION_RUNNING ||
		operation->consumer != slot->consumer) {
		return NULL;
	}
	for (size_t i = 0; i < operation->part_count; i++) {
		if (operation->parts[i].slot == slot->number &&
			operation->parts[i].state == PART_WAITING) {
			return &operation->parts[i];
		}
	}
	return NULL;
}

void operations_answered(
	struct supervisor *supervisor, struct slot *slot, const struct proto_answer *answer)
{
	struct operation *operation = operation_find(supervisor, answer->id);
	struct operation_part *part = operation ? part_of(operation, slot) : NULL;

	/* Nobody else answers an order, and nobody answers what was no order. */
	if (!part || part->pid != slot->pid || operation->is_leaving ||
		operation->kind == OPERATION_RESTART) {
		return;
	}
	part->state = answer->result == 0          ? PART_DONE
		: answer->result == PROTO_NOT_MINE ? PART_NOT_MINE
						   : PART_FAILED;
	part->number = answer->number;
	snprintf(part->text, sizeof(part->text), "%s", answer->text);
	operation_check(supervisor, operation);
}

void operations_slot_ready(struct supervisor *supervisor, const struct slot *slot)
{
	for (size_t i = 0; i < OPERATIONS_MAX; i++) {
		struct operation *operation = &supervisor->operations.items[i];
		struct operation_part *part = part_of(operation, slot);

		if (part && operation->kind == OPERATION_RESTART && part->pid != slot->pid) {
			part->state = PART_DONE;
			operation_check(supervisor, operation);
		}
	}
}

/* With its process, what it had in hand is gone; what it did not get to do will not be done. */
static void part_ended(const struct operation *operation, struct operation_part *part)
{
	if (operation->kind == OPERATION_RESTART) {
		return; /* it is over when the next one is ready */
	}
	if (operation->kind == OPERATION_PARTITION) {
		part->state = PART_FAILED;
		snprintf(part->text, sizeof(part->text), "the worker ended before it answered");
		return;
	}
	part->state = PART_DONE;
	if (!operation->is_leaving) {
		snprintf(part->text, sizeof(part->text),
			"the worker ended meanwhile: what it had not committed comes again");
	}
}

void operations_slot_ended(struct supervisor *supervisor, const struct slot *slot)
{
	for (size_t i = 0; i < OPERATIONS_MAX; i++) {
		struct operation *operation = &supervisor->operations.items[i];
		struct operation_part *part = part_of(operation, slot);

		if (part && part->pid == slot->pid) {
			part_ended(operation, part);
			operation_check(supervisor, operation);
		}
	}
}

void operations_slot_retired(struct supervisor *supervisor, const struct slot *slot)
{
	for (size_t i = 0; i < OPERATIONS_MAX; i++) {
		struct operation *operation = &supervisor->operations.items[i];
		struct operation_part *part = part_of(operation, slot);

		if (part && operation->kind == OPERATION_RESTART) {
			part->state = PART_DONE;
			snprintf(part->text, sizeof(part->text),
				"a reload took this worker out of the configuration");
			operation_check(supervisor, operation);
		}
	}
}

/* ---- telling ---- */

/* What keeps dead letters or batches from ending; "" when nothing does. */
static void find_obstacle(const struct page *page, char ret[PAGE_TEXT_MAX])
{
	ret[0] = '\0';
	if (atomic_load(&page->dlq_is_down)) {
		page_text_get(&page->dlq_text, ret);
	} else if (atomic_load(&page->store_is_down)) {
		page_text_get(&page->store_text, ret);
	} else if (atomic_load(&page->broker_is_down)) {
		page_text_get(&page->broker_text, ret);
	}
}

static json_t *part_json(const struct operation *operation, const struct operation_part *part)
{
	const struct slot *slot = operation->consumer->slots[part->slot];
	json_t *object = json_object();
	char obstacle[PAGE_TEXT_MAX];

	(void)json_object_set_new(object, "worker", json_integer(part->slot));
	(void)json_object_set_new(object, "state", json_string(part_names[part->state]));
	(void)json_object_set_new(object, "number", json_integer(part->number));
	(void)json_object_set_new(object, "text", status_text(part->text));
	if (part->state == PART_WAITING && slot->page) {
		find_obstacle(slot->page, obstacle);
		(void)json_object_set_new(object, "in_hand", status_in_hand(slot->page));
		(void)json_object_set_new(object, "obstacle", status_text(obstacle));
		(void)json_object_set_new(
			object, "worker_state", json_string(slot_state_names[slot->state]));
	}
	return object;
}

json_t *operation_json(const struct operation *operation)
{
	int64_t until_us =
		operation->state == OPERATION_RUNNING ? clock_mono_us() : operation->ended_us;
	json_t *object = json_object(), *parts = json_array();
	int64_t number = 0;

	for (size_t i = 0; i < operation->part_count; i++) {
		/* Summed as unsigned: a worker may say anything. */
		number = (int64_t)((uint64_t)number + (uint64_t)operation->parts[i].number);
		(void)json_array_append_new(parts, part_json(operation, &operation->parts[i]));
	}
	(void)json_object_set_new(object, "operation", json_integer((json_int_t)operation->id));
	(void)json_object_set_new(object, "verb", json_string(operation->verb));
	(void)json_object_set_new(
		object, "consumer", json_string(operation->consumer->config->name));
	(void)json_object_set_new(object, "target", status_text(operation->target));
	(void)json_object_set_new(object, "state", json_string(state_names[operation->state]));
	(void)json_object_set_new(object, "error", status_text(operation->text));
	(void)json_object_set_new(object, "started_ms", json_integer(operation->started_ms));
	(void)json_object_set_new(
		object, "seconds", json_real((double)(until_us - operation->started_us) / 1e6));
	(void)json_object_set_new(object, "number", json_integer(number));
	(void)json_object_set_new(object, "workers", parts);
	return object;
}
