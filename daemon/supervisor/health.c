/*
 * health - what /livez and /readyz answer
 */
#include "supervisor/health.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "supervisor/merge.h"

#include "supervisor/poison.h"

/*
 * Ten looks: a machine that stood still for a moment is on time again before anybody asks twice.
 */
#define LATE_US ((int64_t)10 * 1000 * 1000)

/* Partitions named in a sentence; of more, how many. */
enum { NAMED_MAX = 3 };

static bool say(char ret[HEALTH_SENTENCE_MAX], bool answer, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool say(char ret[HEALTH_SENTENCE_MAX], bool answer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret, HEALTH_SENTENCE_MAX, format, args);
	va_end(args);
	return answer;
}

/* ---- alive ---- */

static bool is_live_consumer(const struct consumer *consumer, char ret[HEALTH_SENTENCE_MAX])
{
	for (size_t i = 0; i < consumer->slot_total; i++) {
		const struct slot *slot = consumer->slots[i];

		if (slot->is_silent) {
			return say(ret, false,
				"worker %s/%u, pid %d, gave no sign of life for %" PRId64 " s",
				consumer->config->name, slot->number, (int)slot->pid,
				slot->silent_us / 1000000);
		}
	}
	return true;
}

bool health_is_live(const struct tree *tree, int64_t late_us, char ret[HEALTH_SENTENCE_MAX])
{
	if (late_us >= LATE_US) {
		return say(ret, false, "the supervisor's loop is %" PRId64 " s late",
			late_us / 1000000);
	}
	for (size_t i = 0; i < tree->consumer_total; i++) {
		if (!is_live_consumer(tree->consumers[i], ret)) {
			return false;
		}
	}
	return say(ret, true, "the supervisor's loop and all workers move");
}

/* ---- ready ---- */

/* In words that follow "worker orders/0 ". */
static const char *const absences[SLOT_STATES] = {
	[SLOT_STOPPED] = "is not started",
	[SLOT_STARTING] = "has not joined its group yet",
	[SLOT_DRAINING] = "is being replaced",
	[SLOT_WAITING] = "died and waits for its restart",
	[SLOT_FENCED] = "waits because another process held its instance id",
};

static bool has_joined(const struct consumer *consumer, char ret[HEALTH_SENTENCE_MAX])
{
	for (size_t i = 0; i < consumer->slot_count; i++) {
		const struct slot *slot = consumer->slots[i];
		char broker[PAGE_TEXT_MAX] = "";

		if (slot->state == SLOT_READY) {
			continue;
		}
		if (slot->page && atomic_load(&slot->page->broker_is_down)) {
			page_text_get(&slot->page->broker_text, broker);
		}
		return say(ret, false, "worker %s/%u %s%s%s", consumer->config->name, slot->number,
			absences[slot->state], broker[0] ? ": " : "", broker);
	}
	return true;
}

bool health_has_joined(const struct tree *tree, int64_t wall_ms, char ret[HEALTH_SENTENCE_MAX])
{
	size_t paused = 0;

	for (size_t i = 0; i < tree->consumer_count; i++) {
		const struct consumer *consumer = tree->consumers[i];

		if (pauses_find(&consumer->pauses, "", -1, wall_ms)) {
			paused++;
		} else if (!has_joined(consumer, ret)) {
			return false;
		}
	}
	if (paused > 0) {
		return say(ret, true,
			"%zu of %zu consumers are paused on purpose, all others have "
			"joined their groups",
			paused, tree->consumer_count);
	}
	return say(ret, true, "all consumers have joined their groups");
}

/* Partitions that exist and are in no worker's list; a worker found them out. */
static bool are_all_listed(
	const struct consumer *consumer, int64_t wall_ms, char ret[HEALTH_SENTENCE_MAX])
{
	_cleanup_free_ struct merged *rows = NULL;
	char names[NAMED_MAX * (PAGE_TOPIC_MAX + 16)] = "";
	size_t count, len = 0, unlisted = 0;

	if (!consumer->config->groups) {
		return true;
	}
	count = merge_partitions(consumer, wall_ms, &rows);
	for (size_t i = 0; i < count; i++) {
		const struct merged *row = &rows[i];

		if (row->worker < 0 || config_consumer_has(consumer->config, row->partition)) {
			continue;
		}
		if (unlisted++ < NAMED_MAX) {
			len += (size_t)snprintf(names + len, sizeof(names) - len,
				"%s%s[%" PRId32 "]", len > 0 ? ", " : "", row->topic,
				row->partition);
		}
	}
	return unlisted == 0 ||
		say(ret, false, "consumer %.100s: no worker lists %.240s%s; add %s to `partitions`",
			consumer->config->name, names, unlisted > NAMED_MAX ? " and more" : "",
			unlisted > 1 ? "them" : "it");
}

static bool is_served(const struct consumer *consumer, char ret[HEALTH_SENTENCE_MAX])
{
	for (size_t i = 0; i < consumer->slot_count; i++) {
		const struct page *page = consumer->slots[i]->page;
		char words[PAGE_TEXT_MAX];

		if (page && atomic_load(&page->store_is_down)) {
			page_text_get(&page->store_text, words);
			return say(ret, false, "consumer %.100s: its store is down: %s",
				consumer->config->name, words);
		}
		if (page && atomic_load(&page->dlq_is_down)) {
			page_text_get(&page->dlq_text, words);
			return say(ret, false, "consumer %.100s: its dead-letter topic is down: %s",
				consumer->config->name, words);
		}
	}
	return true;
}

bool health_is_ready(
	const struct tree *tree, bool is_strict, int64_t wall_ms, char ret[HEALTH_SENTENCE_MAX])
{
	if (tree->is_draining) {
		return say(ret, false, "onced is draining, to stop");
	}
	for (size_t i = 0; i < tree->consumer_count; i++) {
		const struct consumer *consumer = tree->consumers[i];

		if (!are_all_listed(consumer, wall_ms, ret) ||
			(is_strict && !is_served(consumer, ret))) {
			return false;
		}
	}
	return health_has_joined(tree, wall_ms, ret);
}
