/*
 * clerk_open - find out where partitions start
 *
 * Runs in: worker, the clerk's thread. Asks group, log and store, topic by topic: what is wrong
 * with one partition or one topic is told of that one, and the others start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "worker/clerk_private.h"

/* One topic's partitions that want to be opened, and the answers. */
struct opening {
	const struct clerk_entry **entries;
	size_t count;
	struct clerk_finding **findings;
	struct source_offset *begin, *end; /* of `entries` */
	struct source_offset *committed; /* of all partitions of the topic */
	int32_t topic_count; /* how many it has */
	int32_t known_count; /* how many it had when the group began, -1 unknown */
};

void clerk_finding_free(struct clerk_finding *finding)
{
	free(finding->opened.attempts);
	free(finding);
}

size_t clerk_take_wanted(struct clerk *clerk, struct clerk_entry **ret)
{
	size_t count = 0;

	*ret = xcalloc(clerk->entry_count + 1, sizeof(**ret));
	for (uint32_t i = 0; i < clerk->entry_count; i++) {
		if (clerk->entries[i].wants_open) {
			clerk->entries[i].wants_open = false;
			(*ret)[count++] = clerk->entries[i];
		}
	}
	return count;
}

/* ---- the topic ---- */

/* `which`: begin or end; of the entries that exist, which stand first. */
static int ask_log(struct clerk *clerk, const struct opening *o, int64_t which,
	struct source_offset *ret, struct err *err)
{
	size_t count = 0;

	while (count < o->count && o->entries[count]->partition < o->topic_count) {
		ret[count] = (struct source_offset){ .topic = o->entries[count]->topic,
			.partition = o->entries[count]->partition,
			.offset = which };
		count++;
	}
	return count == 0 ? 0
			  : clerk->worker->wiring->sink->log_offsets(
				    clerk->worker->sink, ret, count, ASK_TIMEOUT_MS, err);
}

/* Where the group stands, and the partition count that its commits carry. */
static int ask_group(struct clerk *clerk, struct opening *o, const char *topic, struct err *err)
{
	struct worker *worker = clerk->worker;
	int r;

	o->committed = xcalloc((size_t)o->topic_count + 1, sizeof(*o->committed));
	for (int32_t i = 0; i < o->topic_count; i++) {
		o->committed[i] = (struct source_offset){ .topic = topic, .partition = i };
	}
	r = worker->wiring->source->committed(
		worker->source, o->committed, (size_t)o->topic_count, ASK_TIMEOUT_MS, err);
	for (int32_t i = 0; i < o->topic_count && r == 0; i++) {
		int32_t known = start_parse_count(o->committed[i].metadata);
		if (known >= 0 && (o->known_count < 0 || known < o->known_count)) {
			o->known_count = known;
		}
	}
	return r;
}

static int ask_topic(struct clerk *clerk, struct opening *o, struct err *err)
{
	struct worker *worker = clerk->worker;
	const char *topic = o->entries[0]->topic;
	int r = worker->wiring->sink->partition_count(worker->sink, topic, ASK_TIMEOUT_MS, err);

	if (r < 0) {
		return r;
	}
	o->topic_count = r;
	r = ask_group(clerk, o, topic, err);
	r = r < 0 ? r : ask_log(clerk, o, SOURCE_OFFSET_EARLIEST, o->begin, err);
	return r < 0 ? r : ask_log(clerk, o, SOURCE_OFFSET_LATEST, o->end, err);
}

/* ---- one partition ---- */

static int ask_store(struct clerk *clerk, const struct clerk_entry *entry,
	struct start_facts *facts, struct err *err)
{
	const struct store_ops *store = clerk->worker->wiring->store;
	struct store_partition_seen seen = { 0 };
	int failure;

	if (!clerk_store_is_ready(clerk, err)) {
		return -EAGAIN;
	}
	failure = store->get_seen(
		clerk->session, slice_from_str(entry->topic), entry->partition, &seen, err);
	clerk_hear_answer(clerk, failure, err);
	if (failure) {
		return -EAGAIN;
	}
	facts->is_seen = seen.is_seen;
	facts->seen_committed = seen.committed;
	return 0;
}

static int by_offset(const void *left, const void *right)
{
	const struct store_attempts *a = left, *b = right;

	return a->position.offset < b->position.offset ? -1
						       : a->position.offset > b->position.offset;
}

static int ask_attempts(struct clerk *clerk, const struct clerk_entry *entry,
	struct partition_finding *finding, struct err *err)
{
	const struct store_ops *store = clerk->worker->wiring->store;
	int failure;

	if (finding->decision.offset < 0) {
		return 0;
	}
	failure =
		store->load_attempts(clerk->session, slice_from_str(entry->topic), entry->partition,
			finding->decision.offset, &finding->attempts, &finding->attempt_count, err);
	if (failure) {
		clerk_hear_answer(clerk, failure, err);
		return -EAGAIN;
	}
	if (finding->attempt_count) {
		qsort(finding->attempts, finding->attempt_count, sizeof(*finding->attempts),
			by_offset);
	}
	return 0;
}

static int check_answers(const struct opening *o, size_t i, struct err *err)
{
	int32_t partition = o->entries[i]->partition;

	if (partition >= o->topic_count) {
		return err_set(err, -ENOENT, "topic %s has no partition %d, only %d partitions",
			o->entries[i]->topic, partition, o->topic_count);
	}
	if (o->committed[partition].result < 0) {
		return err_set(err, -EAGAIN, "the group's offset is not known now");
	}
	if (o->begin[i].result < 0 || o->end[i].result < 0) {
		return err_set(err, -EAGAIN, "where its log begins and ends is not known now");
	}
	return 0;
}

static struct start_facts facts_of(const struct clerk *clerk, const struct opening *o, size_t i)
{
	const struct config_consumer *consumer = clerk->worker->consumer;
	int32_t partition = o->entries[i]->partition;
	int64_t committed = o->committed[partition].offset;
	/* what is in a retry topic was put there for us, before anybody read it */
	bool is_all = consumer->offset_initial == OFFSET_INITIAL_EARLIEST ||
		config_consumer_tier(consumer, o->entries[i]->topic) >= 0;

	return (struct start_facts){ .partition = partition,
		.committed = committed >= 0 ? committed : -1,
		.log_begin = o->begin[i].offset,
		.log_end = o->end[i].offset,
		.seen_committed = -1,
		.known_count = o->known_count,
		.initial = is_all ? START_EARLIEST : START_LATEST,
		.lost = consumer->offset_lost == OFFSET_LOST_HOLD     ? START_HOLD
			: consumer->offset_lost == OFFSET_LOST_LATEST ? START_LATEST
								      : START_EARLIEST };
}

static int open_one(struct clerk *clerk, const struct opening *o, size_t i, struct err *err)
{
	struct partition_finding *finding = &o->findings[i]->opened;
	int r = check_answers(o, i, err);

	if (r < 0) {
		return r;
	}
	finding->topic_count = o->topic_count;
	finding->facts = facts_of(clerk, o, i);
	r = ask_store(clerk, o->entries[i], &finding->facts, err);
	if (r < 0) {
		return r;
	}
	finding->decision = start_decide(&finding->facts);
	if (finding->facts.known_count < 0) {
		finding->facts.known_count = o->topic_count; /* ours begins the group */
	}
	return ask_attempts(clerk, o->entries[i], finding, err);
}

/* ---- all ---- */

/* All of one topic together: what starts together costs one assignment. */
static void report(struct clerk *clerk, const struct opening *o)
{
	pthread_mutex_lock(&clerk->lock);
	for (size_t i = 0; i < o->count; i++) {
		struct clerk_entry *entry = &clerk->entries[o->entries[i]->slot];
		if (!o->findings[i]->err.text[0] && entry->epoch == o->entries[i]->epoch) {
			entry->is_followed = true;
			clerk_note_later(entry, o->findings[i]->opened.facts.committed);
		}
		o->findings[i]->next = clerk->findings;
		clerk->findings = o->findings[i];
	}
	pthread_mutex_unlock(&clerk->lock);
	clerk->worker->wiring->source->wake(clerk->worker->source);
}

static void open_topic(struct clerk *clerk, struct opening *o)
{
	struct err topic = ERR_INIT;
	int r = ask_topic(clerk, o, &topic);

	for (size_t i = 0; i < o->count; i++) {
		struct clerk_finding *finding = NEW(struct clerk_finding);
		o->findings[i] = finding;
		finding->opened.slot = o->entries[i]->slot;
		finding->opened.epoch = o->entries[i]->epoch;
		finding->err = topic;
		if (r == 0 && open_one(clerk, o, i, &finding->err) == 0) {
			finding->err = ERR_INIT;
		}
	}
	report(clerk, o);
}

static int by_partition(const void *left, const void *right)
{
	const struct clerk_entry *const *a = left, *const *b = right;

	return (*a)->partition < (*b)->partition ? -1 : (*a)->partition > (*b)->partition;
}

/* Take the partitions of the topic of entry `first`, in order, and mark them as taken. */
static void opening_init(struct opening *o, const struct clerk_entry *entries, bool *is_taken,
	size_t first, size_t count)
{
	*o = (struct opening){ .known_count = -1 };
	o->entries = xcalloc(count, sizeof(*o->entries));
	for (size_t i = first; i < count; i++) {
		if (!is_taken[i] && strcmp(entries[i].topic, entries[first].topic) == 0) {
			is_taken[i] = true;
			o->entries[o->count++] = &entries[i];
		}
	}
	qsort(o->entries, o->count, sizeof(*o->entries), by_partition);
	o->findings = xcalloc(o->count, sizeof(*o->findings));
	o->begin = xcalloc(o->count, sizeof(*o->begin));
	o->end = xcalloc(o->count, sizeof(*o->end));
}

static void opening_fini(struct opening *o)
{
	for (int32_t i = 0; o->committed && i < o->topic_count; i++) {
		free((char *)o->committed[i].metadata);
	}
	free(o->entries);
	free(o->findings);
	free(o->begin);
	free(o->end);
	free(o->committed);
}

void clerk_open(struct clerk *clerk, const struct clerk_entry *entries, size_t count)
{
	bool *is_taken = xcalloc(count, sizeof(*is_taken));

	for (size_t i = 0; i < count; i++) {
		struct opening opening;
		if (is_taken[i]) {
			continue;
		}
		opening_init(&opening, entries, is_taken, i, count);
		open_topic(clerk, &opening);
		opening_fini(&opening);
	}
	free(is_taken);
}
