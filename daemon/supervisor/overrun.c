/*
 * overrun - handlers inside the worker that do not return
 *
 * Runs in: supervisor. Foreign code cannot be stopped but with its process. Time counts only as far
 * as we saw it pass: a machine or a group that stood still is nobody's delay, and a stopped worker
 * has no time.
 */
#include <string.h>

#include "os/page.h"
#include "os/procfs.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

/* What a look may be late, and what a handler may take to see that its time is over. */
enum { SEEN_MAX_US = 2000000, GRACE_US = 1000000 };

static const struct config_handler *find_by_name(
	const struct config_consumer *consumer, const char *name)
{
	if (consumer->handler && strcmp(consumer->handler->name, name) == 0) {
		return consumer->handler;
	}
	for (size_t i = 0; i < consumer->route_count; i++) {
		if (strcmp(consumer->routes[i].handler->name, name) == 0) {
			return consumer->routes[i].handler;
		}
	}
	return NULL;
}

/* Of the handler in the lane; 0: it has none, or bounds itself. */
static int64_t timeout_us(const struct slot *slot, const struct page_lane *lane)
{
	uint32_t index = atomic_load(&lane->handler);
	const struct config_handler *handler;
	char name[sizeof(slot->page->handlers[0].name) + 1];

	if (index >= page_handlers_used(slot->page)) {
		return 0;
	}
	memcpy(name, slot->page->handlers[index].name, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	handler = find_by_name(slot->given, name);
	return config_handler_is_in_process(handler) ? handler->timeout_us : 0;
}

/* How long we have seen the same call of the lane's handler. */
static int64_t watch_lane(
	struct lane_watch *watch, const struct page_lane *lane, int64_t now_us, int64_t since_us)
{
	int64_t started_us = page_get(&lane->started_us);
	int64_t step_us = since_us < SEEN_MAX_US ? since_us : SEEN_MAX_US;

	if (!page_lane_is_in_handler(lane)) {
		*watch = (struct lane_watch){ 0 };
	} else if (started_us != watch->started_us) {
		int64_t us = now_us - page_get_within(&lane->started_us, 0, now_us);
		*watch = (struct lane_watch){ started_us, us < step_us ? us : step_us };
	} else {
		watch->seen_us += step_us;
	}
	return watch->seen_us;
}

void overrun_check(struct slot *slot, int64_t now_us, int64_t since_us)
{
	unsigned lanes = page_lanes_used(slot->page);

	if (!config_consumer_is_in_process(slot->given)) {
		return;
	}
	for (unsigned i = 0; i < lanes; i++) {
		const struct page_lane *lane = &slot->page->lanes[i];
		int64_t seen_us = watch_lane(&slot->lanes[i], lane, now_us, since_us);
		int64_t limit_us = seen_us >= GRACE_US ? timeout_us(slot, lane) : 0;

		if (limit_us == 0 || seen_us < limit_us + GRACE_US) {
			continue;
		}
		if (procfs_is_stopped(slot->pid)) {
			slot->lanes[i].seen_us = 0;
			continue;
		}
		slot->overrun_lane = i;
		slot_kill(slot, EXIT_OVERRAN);
		return;
	}
}
