/*
 * unassigned - the lag of partitions that no worker of the group has, and how they get an owner
 *
 * Runs in: worker. Every worker asks, for any of them may be away. Of a group with lists of
 * partitions only the lists say who has one: all but our own are told, and the supervisor leaves
 * out those that another worker has.
 *
 * A group gives out new partitions when a member sees that the topic has more than it knew.
 * Static members that are started anew know no older number, and do not rebalance the group
 * either: when all of them were since, nobody ever sees it. So a worker that finds a partition
 * without an owner in a group at rest, again and again, leaves and comes back.
 */
#include "worker/unassigned.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/clerk_private.h"

#define ASK_INTERVAL_US ((int64_t)5 * 1000 * 1000)
/*
 * Longer than members need to see by themselves that there are more
 * (topic.metadata.refresh.interval.ms). Each waits a little longer by chance, so that one does it
 * for all; where it did not help, it is done more and more rarely.
 */
#define HEAL_FIRST_US ((int64_t)15 * 1000 * 1000)
#define HEAL_MAX_US ((int64_t)600 * 1000 * 1000)
/* Short: the end of the worker waits for it. */
enum { UNASSIGNED_TIMEOUT_MS = 1500 };

void unassigned_list_fini(struct unassigned_list *list)
{
	free(list->items);
	*list = (struct unassigned_list){ 0 };
}

static bool is_held(const struct sink_holdings *holdings, const char *topic, int32_t partition)
{
	for (size_t i = 0; i < holdings->count; i++) {
		if (holdings->items[i].partition == partition &&
			strcmp(holdings->items[i].topic, topic) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_ours(struct clerk *clerk, const char *topic, int32_t partition)
{
	bool is_found = false;

	pthread_mutex_lock(&clerk->lock);
	for (uint32_t i = 0; i < clerk->entry_count && !is_found; i++) {
		const struct clerk_entry *entry = &clerk->entries[i];
		is_found = entry->is_followed && entry->partition == partition &&
			strcmp(entry->topic, topic) == 0;
	}
	pthread_mutex_unlock(&clerk->lock);
	return is_found;
}

/* Where the group and the logs stand, of partitions of one topic. */
static void ask_offsets(struct clerk *clerk, struct unassigned_partition *items, size_t count)
{
	const struct worker *worker = clerk->worker;
	struct source_offset *offsets = xcalloc(count, sizeof(*offsets));
	struct err err = ERR_INIT;

	for (size_t i = 0; i < count; i++) {
		offsets[i] = (struct source_offset){ items[i].topic, items[i].partition };
	}
	if (worker->wiring->source->committed(
		    worker->source, offsets, count, UNASSIGNED_TIMEOUT_MS, &err) == 0) {
		for (size_t i = 0; i < count; i++) {
			free((char *)(uintptr_t)offsets[i].metadata);
			items[i].committed = offsets[i].offset >= 0 ? offsets[i].offset : -1;
		}
	}
	for (size_t i = 0; i < count; i++) {
		offsets[i] = (struct source_offset){ items[i].topic, items[i].partition,
			SOURCE_OFFSET_LATEST };
	}
	if (worker->wiring->sink->log_offsets(
		    worker->sink, offsets, count, UNASSIGNED_TIMEOUT_MS, &err) == 0) {
		for (size_t i = 0; i < count; i++) {
			items[i].end_offset = offsets[i].result == 0 ? offsets[i].offset : -1;
		}
	}
	free(offsets);
}

/* False: its partitions are not known now. */
static bool ask_topic(struct clerk *clerk, const struct sink_holdings *holdings, const char *topic,
	struct unassigned_list *found)
{
	const struct worker *worker = clerk->worker;
	int partitions = worker->wiring->sink->partition_count(
		worker->sink, topic, UNASSIGNED_TIMEOUT_MS, NULL);
	size_t before = found->count;

	for (int32_t i = 0; i < partitions; i++) {
		if (is_held(holdings, topic, i) || is_ours(clerk, topic, i)) {
			continue;
		}
		found->items = xrealloc(found->items, (found->count + 1) * sizeof(*found->items));
		found->items[found->count++] = (struct unassigned_partition){ topic, i, -1, -1 };
	}
	if (found->count > before) {
		ask_offsets(clerk, &found->items[before], found->count - before);
	}
	found->total += partitions > 0 ? (size_t)partitions : 0;
	return partitions >= 0 || partitions == -ENOENT;
}

/* Members and lists in one group say nothing reliable: what nobody can say is left out. */
static bool ask_holdings(struct clerk *clerk, struct sink_holdings *ret)
{
	const struct worker *worker = clerk->worker;
	struct err err = ERR_INIT;

	*ret = (struct sink_holdings){ 0 };
	return worker->consumer->groups ||
		worker->wiring->sink->group_holdings(worker->sink, worker->consumer->group_id,
			UNASSIGNED_TIMEOUT_MS, ret, &err) == 0;
}

void unassigned_ask(struct clerk *clerk, int64_t now_us)
{
	const struct config_consumer *consumer = clerk->worker->consumer;
	struct unassigned_list found = { 0 };
	struct sink_holdings holdings;
	bool is_group_known, is_known;

	if (now_us < clerk->unassigned_due_us) {
		return;
	}
	is_known = is_group_known = ask_holdings(clerk, &holdings);
	for (size_t i = 0; is_group_known && i < consumer->topics.count; i++) {
		is_known &= ask_topic(clerk, &holdings, consumer->topics.items[i], &found);
	}
	for (size_t i = 0; is_group_known && i < consumer->tiers.count; i++) {
		is_known &= ask_topic(clerk, &holdings, consumer->tiers.items[i].topic, &found);
	}
	sink_holdings_fini(&holdings);
	pthread_mutex_lock(&clerk->lock);
	unassigned_list_fini(&clerk->unassigned);
	clerk->unassigned = found;
	clerk->is_unassigned_new = true;
	clerk->is_unassigned_known = is_known;
	pthread_mutex_unlock(&clerk->lock);
	clerk->unassigned_due_us = clock_mono_us() + ASK_INTERVAL_US;
}

/* ---- the page ---- */

/*
 * How much of the page may be in use where one is added that is only told of. Where there is no
 * room for all, half of it is left to those that this worker may have yet: without a slot it cannot
 * have them.
 */
static unsigned room_for_telling(const struct worker *worker, size_t total)
{
	const struct page *page = worker->page;
	unsigned used = page_partitions_used(page);
	size_t strangers = 0; /* of topics that were read once */

	for (unsigned i = 0; i < used; i++) {
		strangers += !config_consumer_reads(worker->consumer, page->partitions[i].topic);
	}
	return total + strangers <= PAGE_PARTITIONS_MAX ? PAGE_PARTITIONS_MAX
							: PAGE_PARTITIONS_MAX / 2;
}

/* Another partition of the topic did it already. */
static bool has_named_unlisted(const struct worker *worker, const struct partition *p)
{
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		const struct partition *other = worker->partitions[i];

		if (other != p && other->topic_count == p->topic_count &&
			strcmp(other->id.topic, p->id.topic) == 0) {
			return true;
		}
	}
	return false;
}

static void name_one(struct worker *worker, const char *topic, int32_t partition, int index)
{
	struct page_partition *shown = &worker->page->partitions[index];

	if (atomic_load(&shown->state) == PAGE_PARTITION_HELD) {
		return;
	}
	page_text_set(&shown->text, "held: no worker lists this partition; add it to `partitions`");
	page_set(&shown->held, 1);
	atomic_store(&shown->state, PAGE_PARTITION_HELD);
	log_error("partition is listed by no worker: it is not consumed",
		LOG_ID(PARTITION_UNLISTED), LOG_STR("topic", topic),
		LOG_INT("partition", partition), LOG_STR("remedy", "add it to `partitions`"));
}

/* With partitions written down, one that nobody wrote down would be read by nobody: name it. */
void unassigned_name_unlisted(struct worker *worker, const struct partition *p)
{
	const struct config_consumer *consumer = worker->consumer;
	size_t topics = consumer->topics.count + consumer->tiers.count, unnamed = 0;
	unsigned room;

	if (!consumer->groups || worker->start.slot != 0 || has_named_unlisted(worker, p)) {
		return;
	}
	room = room_for_telling(worker, topics * (size_t)p->topic_count);
	for (int32_t n = 0; n < p->topic_count; n++) {
		int index;

		if (config_consumer_has(consumer, n)) {
			continue;
		}
		index = page_partition_told(worker->page, p->id.topic, n, room);
		if (index >= 0) {
			name_one(worker, p->id.topic, n, index);
		} else {
			unnamed++;
		}
	}
	if (unnamed > 0) {
		log_error("more partitions are listed by no worker than can be named: they are not "
			  "consumed",
			LOG_STR("topic", p->id.topic), LOG_INT("partitions", (int64_t)unnamed),
			LOG_STR("remedy", "add them to `partitions`"));
	}
}

static void hide_all(struct page *page)
{
	unsigned used = page_partitions_used(page);

	for (unsigned i = 0; i < used; i++) {
		if (atomic_load(&page->partitions[i].state) == PAGE_PARTITION_UNASSIGNED) {
			atomic_store(&page->partitions[i].state, PAGE_PARTITION_REVOKED);
		}
	}
}

static bool is_assigned(const struct worker *worker, const struct page_partition *shown)
{
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		if (worker->partitions[i]->page == shown) {
			return worker->partitions[i]->state != PARTITION_NONE;
		}
	}
	return false;
}

/*
 * What nobody could say counts as an end of it, too: a group that moves gives them out itself. But
 * it helped only when they have owners then: having left the group is what moved it.
 */
static void note_unowned(struct clerk *clerk)
{
	int64_t now_us = clock_mono_us();

	if (clerk->unassigned.count == 0) {
		clerk->unowned_since_us = 0;
		clerk->unowned_wait_us = clerk->is_unassigned_known ? 0 : clerk->unowned_wait_us;
	} else if (clerk->unowned_since_us == 0) {
		clerk->unowned_since_us = now_us;
	}
	if (clerk->unowned_since_us > 0 && clerk->unowned_wait_us == 0) {
		clerk->unowned_wait_us = HEAL_FIRST_US + (now_us ^ getpid()) % HEAL_FIRST_US;
	}
}

void unassigned_heal(struct worker *worker, int64_t now_us)
{
	struct clerk *clerk = worker->clerk;

	if (clerk->unowned_since_us == 0 || worker->consumer->groups || worker->is_draining ||
		!worker->is_joined || now_us - clerk->unowned_since_us < clerk->unowned_wait_us) {
		return;
	}
	log_notice("the group does not give out all partitions: leaving it and joining it again",
		LOG_STR("group", worker->consumer->group_id));
	worker->wiring->source->rejoin(worker->source);
	clerk->unowned_since_us = now_us;
	clerk->unowned_wait_us =
		4 * clerk->unowned_wait_us < HEAL_MAX_US ? 4 * clerk->unowned_wait_us : HEAL_MAX_US;
}

static int64_t lag_of(const struct unassigned_partition *item)
{
	return item->committed >= 0 && item->end_offset > item->committed
		? item->end_offset - item->committed
		: 0;
}

/* With lists most of those may be another worker's: a figure would count them as nobody's. */
static void tell_untold(struct worker *worker, size_t untold, int64_t lag)
{
	bool is_figure = worker->consumer->groups == NULL;

	page_set(&worker->page->untold, is_figure ? (int64_t)untold : 0);
	page_set(&worker->page->untold_lag, is_figure ? lag : 0);
	if (untold > 0 && !worker->clerk->is_untold) {
		log_warning(
			"there is no room to show all partitions that this worker does not have "
			"and maybe nobody has",
			LOG_STR("consumer", worker->consumer->name),
			LOG_INT("left_out", (int64_t)untold));
	}
	worker->clerk->is_untold = untold > 0;
}

void unassigned_show(struct worker *worker)
{
	const struct unassigned_list *found = &worker->clerk->unassigned;
	unsigned room = 0;
	size_t untold = 0;
	int64_t untold_lag = 0;

	if (!worker->clerk->is_unassigned_new) {
		return;
	}
	worker->clerk->is_unassigned_new = false;
	note_unowned(worker->clerk);
	hide_all(worker->page);
	room = found->count > 0 ? room_for_telling(worker, found->total) : 0;
	for (size_t i = 0; i < found->count; i++) {
		const struct unassigned_partition *item = &found->items[i];
		int index = page_partition_told(worker->page, item->topic, item->partition, room);
		struct page_partition *shown;

		if (index < 0) {
			untold++;
			untold_lag += lag_of(item);
			continue;
		}
		if (is_assigned(worker, &worker->page->partitions[index])) {
			continue;
		}
		shown = &worker->page->partitions[index];
		page_set(&shown->committed, item->committed);
		page_set(&shown->end_offset, item->end_offset);
		/* one that is in no list has a word of its own */
		if (atomic_load(&shown->state) != PAGE_PARTITION_HELD) {
			atomic_store(&shown->state, PAGE_PARTITION_UNASSIGNED);
		}
	}
	tell_untold(worker, untold, untold_lag);
}
