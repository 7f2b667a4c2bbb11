/*
 * coroner - what a worker's death says about the records it had in hand
 */
#include "supervisor/coroner.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "os/page.h"
#include "os/statedir.h"
#include "supervisor/quarantine_file.h"

#include "supervisor/poison.h"

/* A suspect of which nobody died for so long is none any more: its topic may be gone. */
#define EXPIRES_MS ((int64_t)7 * 24 * 3600 * 1000)

/* ---- does it count? ---- */

/* Signals that code brings upon itself. */
static bool is_own_doing(int signo)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (signals[i] == signo) {
			return true;
		}
	}
	return false;
}

/* Of the signal that ended it, as far as it could say. */
static uint32_t origin_of(const struct slot *slot, const struct loop_exit *end)
{
	const struct page *page = slot->page;

	return atomic_load(&page->crash_signal) == (uint32_t)end->status
		? atomic_load(&page->crash_origin)
		: PAGE_CRASH_OWN;
}

/*
 * Where the Kafka client lacks a thread or memory the worker ends itself: which record is in hand
 * then says nothing. Should it be one that uses up both, it has other deaths.
 */
static bool is_counted(const struct slot *slot, const struct loop_exit *end, bool is_oom)
{
	if (!config_consumer_is_in_process(slot->given)) {
		return false;
	}
	if (slot->cause == EXIT_OVERRAN) {
		return true;
	}
	if (slot->cause != EXIT_CRASHED) {
		return false;
	}
	if (end->is_exited) {
		return true; /* without a word: none of ours */
	}
	return end->status == SIGKILL
		? is_oom
		: is_own_doing(end->status) && origin_of(slot, end) == PAGE_CRASH_OWN;
}

/* ---- whose record? ---- */

/* And one record is in hand. */
static bool has_record(const struct page_lane *lane)
{
	return atomic_load(&lane->stage) == PAGE_STAGE_HANDLER;
}

/* The worker had nothing else in work, and the handler has seen the record. */
static bool is_alone(const struct page_lane *lane)
{
	uint32_t stage = atomic_load(&lane->stage), alone = atomic_load(&lane->is_alone);

	return alone == PAGE_ALONE_AFTER ||
		(alone == PAGE_ALONE &&
			(stage == PAGE_STAGE_HANDLER || stage == PAGE_STAGE_EFFECTS ||
				stage == PAGE_STAGE_COMMIT));
}

/* -1 none, and `ret_is_only` when there is no other. */
static int find_lane(
	const struct page *page, bool (*is_it)(const struct page_lane *lane), bool *ret_is_only)
{
	unsigned lanes = page_lanes_used(page), found = 0;
	int first = -1;

	for (unsigned i = 0; i < lanes; i++) {
		if (is_it(&page->lanes[i])) {
			first = first < 0 ? (int)i : first;
			found++;
		}
	}
	*ret_is_only = found == 1;
	return first;
}

/* Until SIGKILL came, it may have gone on to another record, which did nothing. */
static bool is_overrun_there(const struct slot *slot)
{
	const struct page_lane *lane = &slot->page->lanes[slot->overrun_lane];

	return has_record(lane) &&
		page_get(&lane->started_us) == slot->lanes[slot->overrun_lane].started_us;
}

/* The lane whose record stands for the death, -1 nobody knows. */
static int find_culprit(const struct slot *slot, bool *ret_was_alone)
{
	const struct page *page = slot->page;
	uint32_t crashed = atomic_load(&page->crash_lane);
	bool is_only;
	int lane = find_lane(page, is_alone, ret_was_alone);

	if (slot->cause == EXIT_OVERRAN && !is_overrun_there(slot)) {
		*ret_was_alone = false;
		return -1;
	}
	if (*ret_was_alone) {
		return lane;
	}
	if (slot->cause == EXIT_OVERRAN) {
		return (int)slot->overrun_lane;
	}
	if (crashed > 0 && crashed <= page_lanes_used(page) &&
		page_lane_is_in_handler(&page->lanes[crashed - 1])) {
		return has_record(&page->lanes[crashed - 1]) ? (int)crashed - 1 : -1;
	}
	lane = find_lane(page, page_lane_is_in_handler, &is_only);
	return is_only && has_record(&page->lanes[lane]) ? lane : -1;
}

/* What a line of the file can hold. */
static bool is_word(const char *s)
{
	while (*s && isascii((unsigned char)*s) && isgraph((unsigned char)*s)) {
		s++;
	}
	return *s == '\0';
}

static bool get_position(const struct page *page, int lane, struct quarantine_position *ret)
{
	const struct page_lane *from = &page->lanes[lane];
	uint32_t index = atomic_load(&from->partition_index);

	if (index >= page_partitions_used(page)) {
		return false;
	}
	*ret = (struct quarantine_position){ .partition = page->partitions[index].partition,
		.offset = page_get(&from->offset),
		.timestamp_ms = page_get(&from->timestamp_ms) };
	snprintf(ret->cluster_id, sizeof(ret->cluster_id), "%.*s",
		(int)strnlen(page->cluster_id, sizeof(page->cluster_id)), page->cluster_id);
	snprintf(ret->topic, sizeof(ret->topic), "%.*s",
		(int)strnlen(page->partitions[index].topic, PAGE_TOPIC_MAX),
		page->partitions[index].topic);
	return ret->offset >= 0 && ret->partition >= 0 && ret->topic[0] && is_word(ret->topic) &&
		is_word(ret->cluster_id);
}

/* ---- in words ---- */

static void name_build(const struct page *page, int lane, char *text, size_t size)
{
	uint32_t handler = lane < 0 ? UINT32_MAX : atomic_load(&page->lanes[lane].handler);
	size_t used = strlen(text);
	const char *id;

	if (handler >= page_handlers_used(page)) {
		return;
	}
	id = page->handlers[handler].build_id;
	if (id[0] && strnlen(id, PAGE_BUILD_ID_MAX) < PAGE_BUILD_ID_MAX &&
		strspn(id, "0123456789abcdef") == strlen(id)) {
		snprintf(text + used, size - used, "; build id of the library %s", id);
	}
}

static void describe(const struct slot *slot, const struct loop_exit *end, bool is_oom,
	char code[QUARANTINE_CODE_MAX], char text[QUARANTINE_TEXT_MAX])
{
	const char *name = end->is_exited ? NULL : sigabbrev_np(end->status);

	if (slot->cause == EXIT_OVERRAN) {
		snprintf(code, QUARANTINE_CODE_MAX, "timeout");
		snprintf(text, QUARANTINE_TEXT_MAX,
			"the handler did not return within its timeout, and its worker was killed");
	} else if (end->is_exited) {
		snprintf(code, QUARANTINE_CODE_MAX, "exit-%d", end->status);
		snprintf(text, QUARANTINE_TEXT_MAX, "the worker exited with status %d, by itself",
			end->status);
	} else {
		snprintf(code, QUARANTINE_CODE_MAX, "SIG%s", name ? name : "?");
		snprintf(text, QUARANTINE_TEXT_MAX, "the worker was killed by signal %d (%s%s)%s",
			end->status, strsignal(end->status), end->has_core ? ", core dumped" : "",
			is_oom ? ", out of memory" : "");
	}
}

void coroner_explain(const struct slot *slot, const struct loop_exit *end,
	const struct inquest *inquest, struct buffer *out)
{
	const struct quarantine_entry *entry = inquest->entry;

	if (!inquest->is_counted) {
		if (slot->cause == EXIT_CRASHED && !end->is_exited &&
			config_consumer_is_in_process(slot->given)) {
			buffer_append_str(out,
				origin_of(slot, end) == PAGE_CRASH_SHORTAGE
					? "; it lacked a thread or memory for its Kafka client: "
					  "no record is suspected"
					: "; the signal came from outside: no record is "
					  "suspected");
		}
		return;
	}
	if (inquest->step == QUARANTINE_ISOLATE_ALL || !entry) {
		buffer_append_str(
			out, "; what was in hand is worked one record at a time to find the one");
		return;
	}
	buffer_printf(out, "; %s[%d]@%lld ", entry->at.topic, entry->at.partition,
		(long long)entry->at.offset);
	if (inquest->step == QUARANTINE_CONDEMN) {
		buffer_printf(out,
			"was alone in %u of %u deaths: it becomes a dead letter, no handler sees "
			"it again",
			entry->alone, entry->deaths);
	} else {
		buffer_printf(out, "is worked alone from now on (deaths alone %u of %u)",
			entry->alone, slot->consumer->quarantine.after);
	}
}

/* ---- what follows ---- */

static void widen(struct page_partition *partition, int64_t from, int64_t below)
{
	int64_t old_below = page_get(&partition->alone_below);

	if (old_below > 0) {
		int64_t old_from = page_get(&partition->alone_from);
		from = old_from < from ? old_from : from;
		below = old_below > below ? old_below : below;
	}
	page_set(&partition->alone_from, from);
	page_set(&partition->alone_below, below);
}

static void isolate(struct slot *slot, const struct quarantine_position *at)
{
	int index = page_partition_index(slot->page, at->topic, at->partition);

	if (index >= 0) {
		widen(&slot->page->partitions[index], at->offset, at->offset + 1);
	}
}

static void isolate_all(struct slot *slot)
{
	unsigned used = page_partitions_used(slot->page);

	for (unsigned i = 0; i < used; i++) {
		struct page_partition *partition = &slot->page->partitions[i];
		int64_t below = page_get(&partition->taken_below);

		if (below > 0) {
			widen(partition, 0, below);
		}
	}
}

void coroner_isolate_known(struct slot *slot)
{
	const struct quarantine *quarantine = &slot->consumer->quarantine;

	for (size_t i = 0; i < quarantine->count; i++) {
		isolate(slot, &quarantine->entries[i].at);
	}
}

static int tell_one(const struct slot *slot, const struct quarantine_entry *entry)
{
	struct proto_frame frame = { .type = PROTO_CONDEMN };
	struct proto_condemn *told = &frame.condemn;

	told->partition = entry->at.partition;
	told->offset = entry->at.offset;
	told->timestamp_ms = entry->at.timestamp_ms;
	told->is_timeout = entry->is_timeout;
	told->deaths = entry->deaths;
	told->first_failure_ms = entry->first_ms;
	told->last_failure_ms = entry->last_ms;
	snprintf(told->cluster_id, sizeof(told->cluster_id), "%s", entry->at.cluster_id);
	snprintf(told->topic, sizeof(told->topic), "%s", entry->at.topic);
	snprintf(told->code, sizeof(told->code), "%s", entry->code);
	snprintf(told->text, sizeof(told->text), "%s (%u times alone, %u in all)", entry->text,
		entry->alone, entry->deaths);
	return proto_send(slot->child.channel_fd, &frame);
}

int coroner_tell(const struct slot *slot)
{
	const struct quarantine *quarantine = &slot->consumer->quarantine;
	int r = 0;

	for (size_t i = 0; i < quarantine->count && r == 0; i++) {
		if (quarantine->entries[i].is_condemned) {
			r = tell_one(slot, &quarantine->entries[i]);
		}
	}
	return r;
}

/* A partition may move to another worker before its own is back. */
static void tell_others(const struct slot *slot, const struct quarantine_entry *entry)
{
	const struct consumer *consumer = slot->consumer;

	for (size_t i = 0; i < consumer->slot_count; i++) {
		if (consumer->slots[i] != slot && slot_is_running(consumer->slots[i])) {
			(void)tell_one(consumer->slots[i], entry);
		}
	}
}

/* ---- the file ---- */

static char *file_path(const struct consumer *consumer, const struct config *config)
{
	if (!config->state_dir || config->state_dir[0] == '\0') {
		return NULL;
	}
	return statedir_quarantine(config->state_dir, consumer->config->name);
}

static void save(const struct consumer *consumer, const struct config *config)
{
	_cleanup_free_ char *path = file_path(consumer, config);
	int r = path ? quarantine_file_write(&consumer->quarantine, path) : 0;

	if (r < 0) {
		log_error("which records killed workers cannot be written down; a restart of the "
			  "service counts anew",
			LOG_ID(DEATHS_UNKEPT), LOG_STR("consumer", consumer->config->name),
			LOG_STR("path", path), LOG_STR("error", strerror(-r)));
	}
}

void coroner_load(struct consumer *consumer, const struct config *config)
{
	_cleanup_free_ char *path = file_path(consumer, config);
	unsigned strangers = 0;
	int r = path ? quarantine_file_read(&consumer->quarantine, path, &strangers) : 0;

	if (r < 0 || strangers) {
		log_warning("not all is known of records that killed workers before",
			LOG_STR("consumer", consumer->config->name), LOG_STR("path", path),
			LOG_STR("error", r < 0 ? strerror(-r) : "lines that are none of ours"));
	}
}

/* A partition that went to another worker keeps its last word here, maybe of an older topic. */
static int64_t committed_now(const struct page_partition *partition)
{
	uint32_t state = atomic_load(&partition->state);
	bool is_here = state == PAGE_PARTITION_RUNNING || state == PAGE_PARTITION_HELD ||
		state == PAGE_PARTITION_PAUSED;

	return is_here ? page_get(&partition->committed) : -1;
}

void coroner_sweep(struct consumer *consumer, const struct config *config, int64_t now_ms)
{
	bool has_changed = quarantine_expire(&consumer->quarantine, now_ms - EXPIRES_MS);

	for (size_t i = 0; i < consumer->slot_count; i++) {
		struct page *page = consumer->slots[i]->page;
		unsigned used = page ? page_partitions_used(page) : 0;

		for (unsigned j = 0; j < used; j++) {
			struct page_partition *p = &page->partitions[j];
			int64_t committed = committed_now(p);
			int64_t below = page_get(&p->alone_below);

			if (consumer->quarantine.count && committed > 0 &&
				strnlen(p->topic, PAGE_TOPIC_MAX) < PAGE_TOPIC_MAX) {
				has_changed |= quarantine_settled(
					&consumer->quarantine, p->topic, p->partition, committed);
			}
			if (below > 0 && committed >= below) {
				page_set(&p->alone_below, 0);
				page_set(&p->alone_from, 0);
			}
		}
	}
	if (has_changed) {
		save(consumer, config);
	}
}

void coroner_examine(struct slot *slot, const struct loop_exit *end, bool is_oom, int64_t now_ms,
	struct inquest *ret)
{
	char code[QUARANTINE_CODE_MAX], text[QUARANTINE_TEXT_MAX];
	struct quarantine_position position;
	struct quarantine_death death = { .is_timeout = slot->cause == EXIT_OVERRAN,
		.code = code,
		.text = text,
		.now_ms = now_ms };
	int lane;

	*ret = (struct inquest){ .is_counted = is_counted(slot, end, is_oom) };
	if (!ret->is_counted) {
		return;
	}
	lane = find_culprit(slot, &death.was_alone);
	if (lane >= 0 && get_position(slot->page, lane, &position)) {
		death.named = &position;
	}
	describe(slot, end, is_oom, code, text);
	name_build(slot->page, lane, text, sizeof(text));
	ret->is_named = death.named != NULL;
	ret->step = quarantine_death(&slot->consumer->quarantine, &death, &ret->entry);
	if (ret->step == QUARANTINE_ISOLATE_ALL) {
		isolate_all(slot);
	} else if (ret->step == QUARANTINE_CONDEMN) {
		tell_others(slot, ret->entry);
	}
	/* a named one is isolated at the start of whoever comes next */
	save(slot->consumer, slot->context->config);
}
