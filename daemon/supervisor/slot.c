/*
 * slot - the life of one worker: start, frames, end
 *
 * Runs in: supervisor.
 */
#include "supervisor/slot.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "os/page.h"
#include "os/statedir.h"
#include "supervisor/coroner.h"
#include "supervisor/halt.h"
#include "supervisor/obituary.h"

#include "supervisor/poison.h"

/* NULL without a state directory. The caller frees. */
static char *page_path(const struct slot *slot, const struct config *config)
{
	if (!config->state_dir || config->state_dir[0] == '\0') {
		return NULL;
	}
	return statedir_page(config->state_dir, slot->consumer->config->name, slot->number);
}

int slot_open_page(struct slot *slot, const struct config *config, struct err *err)
{
	_cleanup_free_ char *path = page_path(slot, config);
	uint64_t booked;
	int r = page_create(path, &slot->page_fd, &slot->page, err);

	if (r < 0) {
		return r;
	}
	booked = page_bury(slot->page);
	if (booked > 0) {
		log_notice("records in flight when the last supervisor ended were booked as "
			   "abandoned",
			LOG_STR("consumer", slot->consumer->config->name),
			LOG_INT("slot", slot->number), LOG_INT("records", (int64_t)booked));
	}
	return 0;
}

void slot_remove_page(const struct slot *slot, const struct config *config)
{
	_cleanup_free_ char *path = page_path(slot, config);

	if (path) {
		(void)unlink(path);
	}
}

static void on_ready_frame(struct slot *slot, const struct proto_frame *frame)
{
	if (slot->state != SLOT_STARTING) {
		return;
	}
	slot->state = SLOT_READY;
	slot->ready_us = clock_mono_us();
	slot->context->on_ready(slot->context->owner, slot);
}

static void on_failed_frame(struct slot *slot, const struct proto_frame *frame)
{
	slot->has_spoken = true;
	snprintf(slot->last_words, sizeof(slot->last_words), "%s", frame->failed.text);
}

static void on_drained_frame(struct slot *slot, const struct proto_frame *frame)
{
	slot->has_spoken = true;
	slot->state = SLOT_DRAINING; /* also one that drained because somebody sent it SIGTERM */
}

static void on_pause_frame(struct slot *slot, const struct proto_frame *frame)
{
	halt_hear(slot, slot->context->config, &frame->pause);
}

static void on_answer_frame(struct slot *slot, const struct proto_frame *frame)
{
	slot->context->on_answer(slot->context->owner, slot, &frame->answer);
}

static void (*const frame_handlers[PROTO_TYPES])(struct slot *, const struct proto_frame *) = {
	[PROTO_READY] = on_ready_frame,
	[PROTO_FAILED] = on_failed_frame,
	[PROTO_DRAINED] = on_drained_frame,
	[PROTO_PAUSE] = on_pause_frame,
	[PROTO_ANSWER] = on_answer_frame,
};

static void on_broken(void *context)
{
	slot_kill(context, EXIT_PROTOCOL);
}

static void on_frame(void *context, const struct proto_frame *frame)
{
	struct slot *slot = context;

	if (frame->type >= PROTO_TYPES || !frame_handlers[frame->type]) {
		on_broken(slot); /* a frame that is ours to send */
		return;
	}
	frame_handlers[frame->type](slot, frame);
}

static bool is_in_handler(const struct page *page)
{
	unsigned lanes = page_lanes_used(page);

	for (unsigned i = 0; i < lanes; i++) {
		if (page_lane_is_in_handler(&page->lanes[i])) {
			return true;
		}
	}
	return false;
}

static enum exit_cause classify(const struct slot *slot, const struct loop_exit *end)
{
	static const struct {
		int status;
		enum exit_cause cause;
	} by_status[] = {
		{ WORKER_EXIT_OK, EXIT_DRAINED },
		{ WORKER_EXIT_STUCK, EXIT_STUCK },
		{ WORKER_EXIT_FENCED, EXIT_FENCED },
		{ WORKER_EXIT_STALE, EXIT_STALE },
		{ WORKER_EXIT_CONFIG, EXIT_CONFIG },
	};

	if (!end->is_exited) {
		return slot->is_ours_to_end && end->status == SIGKILL ? slot->kill_cause
								      : EXIT_CRASHED;
	}
	if (!slot->has_spoken && is_in_handler(slot->page)) {
		return EXIT_CRASHED; /* it was the handler that left */
	}
	for (size_t i = 0; i < sizeof(by_status) / sizeof(by_status[0]); i++) {
		if (by_status[i].status == end->status) {
			return by_status[i].cause;
		}
	}
	return EXIT_FAILED;
}

static void write_obituary(
	struct slot *slot, const struct loop_exit *end, const struct inquest *inquest)
{
	_cleanup_(buffer_fini) struct buffer sentence = BUFFER_INIT, follows = BUFFER_INIT;
	struct obituary obituary = {
		.consumer = slot->consumer->config->name,
		.slot = slot->number,
		.pid = slot->pid,
		.cause = slot->cause,
		.end = *end,
		.last_words = slot->last_words,
		.now_us = clock_mono_us(),
		.spawned_us = slot->spawned_us,
		.page = slot->page,
	};
	uint64_t booked;

	coroner_explain(slot, end, inquest, &follows);
	obituary.follows = buffer_str(&follows);
	obituary_write(&obituary, &sentence);
	booked = page_bury(slot->page);
	snprintf(slot->end_text, sizeof(slot->end_text), "%s", buffer_str(&sentence));
	slot->ended_ms = clock_wall_ms();
	log_at(obituary_level(slot->cause), buffer_str(&sentence), LOG_ID(WORKER_ENDED),
		LOG_STR("consumer", obituary.consumer), LOG_INT("slot", slot->number),
		LOG_STR("cause", exit_cause_names[slot->cause]),
		LOG_INT("abandoned", (int64_t)booked));
}

static void on_end(void *context, const struct loop_exit *end)
{
	struct slot *slot = context;
	struct inquest inquest;

	slot->cause = classify(slot, end);
	if (slot->is_recycling && (slot->cause == EXIT_DRAINED || slot->cause == EXIT_STUCK)) {
		slot->cause = EXIT_RECYCLED;
	}
	slot->consumer->exits[slot->cause]++;
	slot->state = SLOT_STOPPED;
	coroner_examine(slot, end,
		!end->is_exited && end->status == SIGKILL && !slot->is_ours_to_end &&
			slot->context->is_oom && slot->context->is_oom(slot->context->owner),
		clock_wall_ms(), &inquest);
	slot->is_explained = inquest.is_counted && inquest.is_named;
	write_obituary(slot, end, &inquest);
	child_fini(&slot->child);
	slot->given = NULL;
	slot->given_of = NULL;
	slot->context->on_end(slot->context->owner, slot);
}

static int send_start(struct slot *slot, struct err *err)
{
	struct proto_frame frame = { .type = PROTO_START };
	int r;

	frame.start.version = PROTO_VERSION;
	frame.start.slot = slot->number;
	snprintf(frame.start.instance_id, sizeof(frame.start.instance_id), "%s", slot->instance_id);
	snprintf(frame.start.client_id, sizeof(frame.start.client_id), "onced-%.100s-%u",
		slot->consumer->config->name, slot->number);
	snprintf(frame.start.host, sizeof(frame.start.host), "%s", slot->context->host);
	r = coroner_tell(slot);
	halt_tell(slot);
	r = r < 0 ? r : proto_send(slot->child.channel_fd, &frame);
	/* Already gone: its end will be told as one. */
	return r == 0 || r == -EPIPE ? 0 : err_set(err, r, "cannot send: %s", strerror(-r));
}

int slot_start(struct slot *slot, struct err *err)
{
	_cleanup_free_ char *name = xasprintf("%s/%u", slot->consumer->config->name, slot->number);
	struct child_spec spec = {
		.loop = slot->context->loop,
		.exe = slot->context->exe,
		.role = "--worker",
		.name = name,
		.config = slot->context->config,
		.consumer = slot->consumer->config,
		.page_fd = slot->page_fd,
		.context = slot,
		.on_frame = on_frame,
		.on_broken = on_broken,
		.on_end = on_end,
	};
	int64_t now_us = clock_mono_us();
	int r;

	/*
	 * The worker repeats this for itself; done here, one that dies before it can is seen right.
	 */
	page_begin(slot->page, 0, now_us, clock_wall_ms());
	coroner_isolate_known(slot);
	slot->settled_at_start = page_settled(slot->page);
	r = child_start(&slot->child, &spec, err);
	if (r < 0) {
		return err_prefix(err, r, "worker %s", name);
	}
	slot->given = slot->consumer->config;
	slot->given_of = slot->consumer->config_of;
	slot->log_levels = log_levels_all(slot->context->config->log_level);
	slot->pid = slot->child.process.pid;
	atomic_store(&slot->page->pid, slot->pid);
	slot->state = SLOT_STARTING;
	slot->restarts += slot->spawned_us > 0;
	slot->spawned_us = now_us;
	slot->ready_us = 0;
	slot->heartbeat_us = now_us;
	slot->heartbeat_seen_us = now_us;
	slot->silent_us = 0;
	slot->is_silent = false;
	memset(slot->lanes, 0, sizeof(slot->lanes));
	slot->has_spoken = false;
	slot->wants_restart = false;
	slot->recycle_deadline_us = 0;
	slot->is_ours_to_end = false;
	slot->last_words[0] = '\0';
	r = send_start(slot, err);
	if (r < 0) {
		slot_kill(slot, EXIT_PROTOCOL);
	}
	return 0;
}

bool slot_is_running(const struct slot *slot)
{
	return child_is_running(&slot->child);
}

void slot_drain(struct slot *slot, int64_t deadline_us, bool is_leaving)
{
	struct proto_frame frame = { .type = PROTO_DRAIN,
		.drain = { .deadline_us = deadline_us, .is_leaving = is_leaving } };

	if (!slot_is_running(slot)) {
		return;
	}
	slot->state = SLOT_DRAINING;
	if (proto_send(slot->child.channel_fd, &frame) == -EAGAIN) {
		slot_terminate(slot); /* it does not read; a signal it must see */
	}
}

void slot_terminate(struct slot *slot)
{
	(void)process_signal(&slot->child.process, SIGTERM);
}

void slot_kill(struct slot *slot, enum exit_cause cause)
{
	if (!slot_is_running(slot) || slot->is_ours_to_end) {
		return;
	}
	slot->is_ours_to_end = true;
	slot->kill_cause = cause;
	(void)process_signal(&slot->child.process, SIGKILL);
}

void slot_log_status(struct slot *slot)
{
	struct proto_frame frame = { .type = PROTO_LOG_STATUS };

	if (slot_is_running(slot)) {
		(void)proto_send(slot->child.channel_fd, &frame);
	}
}
