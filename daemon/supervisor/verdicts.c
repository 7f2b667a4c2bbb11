/*
 * verdicts - the last verdicts about a partition's records, out of the pages of all slots
 *
 * Runs in: supervisor.
 */
#include "supervisor/verdicts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "supervisor/status.h"

#include "supervisor/poison.h"

/* The slots of one partition that are looked at: more have it in turn only after as many deaths. */
enum { PLACES_MAX = 16 };

struct verdict_place {
	const struct page *page;
	unsigned index; /* of the partition in its page */
};

/* One verdict, and the page whose handlers it names. */
struct said {
	struct page_verdict verdict;
	const struct page *page;
};

static int compare_names(const char *topic, int32_t partition, const struct verdict_place *place)
{
	const struct page_partition *other = &place->page->partitions[place->index];
	int by_topic = strncmp(topic, other->topic, PAGE_TOPIC_MAX - 1);

	return by_topic != 0 ? by_topic
			     : (partition > other->partition) - (partition < other->partition);
}

static int compare_places(const void *left, const void *right)
{
	const struct verdict_place *place = left;
	const struct page_partition *partition = &place->page->partitions[place->index];

	return compare_names(partition->topic, partition->partition, right);
}

void verdict_book_init(struct verdict_book *book, const struct consumer *consumer)
{
	size_t total = 0;

	for (size_t i = 0; i < consumer->slot_total; i++) {
		const struct page *page = consumer->slots[i]->page;
		total += page ? page_partitions_used(page) : 0;
	}
	*book = (struct verdict_book){ .places = xcalloc(total + 1, sizeof(*book->places)) };
	for (size_t i = 0; i < consumer->slot_total; i++) {
		const struct page *page = consumer->slots[i]->page;
		/* read again it may have grown: `total` is the bound */
		unsigned used = page ? page_partitions_used(page) : 0;

		for (unsigned j = 0; j < used && book->count < total; j++) {
			if (atomic_load(&page->verdicts[j].written)) {
				book->places[book->count++] = (struct verdict_place){ page, j };
			}
		}
	}
	qsort(book->places, book->count, sizeof(*book->places), compare_places);
}

void verdict_book_fini(struct verdict_book *book)
{
	free(book->places);
	*book = (struct verdict_book){ 0 };
}

/* The first place that is not before it. */
static size_t find(const struct verdict_book *book, const char *topic, int32_t partition)
{
	size_t low = 0, high = book->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_names(topic, partition, &book->places[middle]) > 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static int newest_first(const void *left, const void *right)
{
	const struct said *a = left, *b = right;

	if (a->verdict.at_ms != b->verdict.at_ms) {
		return a->verdict.at_ms < b->verdict.at_ms ? 1 : -1;
	}
	return a->verdict.number < b->verdict.number ? 1 : -1;
}

static json_t *cut_text(const char *bytes, size_t size, bool is_cut)
{
	char copy[PAGE_VERDICT_ID_MAX + sizeof("...")];
	size_t len = strnlen(bytes, size);

	memcpy(copy, bytes, len);
	memcpy(copy + len, is_cut ? "..." : "", is_cut ? sizeof("...") : 1);
	return status_text(copy);
}

static json_t *id_json(const struct page_verdict *verdict)
{
	bool is_cut = verdict->id_length > PAGE_VERDICT_ID_MAX;

	if (verdict->id_length == 0) {
		return json_null();
	}
	return cut_text(
		verdict->event_id, is_cut ? PAGE_VERDICT_ID_MAX : verdict->id_length, is_cut);
}

static json_t *handler_json(const struct said *said)
{
	const struct page_handler *handlers = said->page->handlers;
	uint32_t index = said->verdict.handler;

	if (index >= page_handlers_used(said->page)) {
		return json_null();
	}
	return cut_text(handlers[index].name, PAGE_VERDICT_ID_MAX, false);
}

static json_t *verdict_json(const struct said *said)
{
	const struct page_verdict *verdict = &said->verdict;
	bool is_dead = verdict->outcome == PAGE_VERDICT_DEAD_LETTER;

	return json_pack("{s:I, s:o, s:s, s:o, s:o, s:I, s:o, s:f, s:I}", "offset",
		(json_int_t)verdict->offset, "event_id", id_json(verdict), "outcome",
		page_verdict_names[verdict->outcome], "reason",
		is_dead ? json_string(page_reason_names[verdict->reason]) : json_null(), "code",
		status_text(verdict->code), "attempt", (json_int_t)verdict->attempt, "handler",
		handler_json(said), "seconds", (double)verdict->took_us / 1e6, "at_ms",
		(json_int_t)verdict->at_ms);
}

json_t *verdicts_json(const struct verdict_book *book, const char *topic, int32_t partition)
{
	struct said said[PLACES_MAX * PAGE_VERDICTS];
	json_t *array = json_array();
	size_t at = find(book, topic, partition), end = at + PLACES_MAX, count = 0;

	for (; at < book->count && at < end; at++) {
		const struct verdict_place *place = &book->places[at];
		struct page_verdict read[PAGE_VERDICTS];
		unsigned found;

		if (compare_names(topic, partition, place) != 0) {
			break;
		}
		found = page_verdicts_read(&place->page->verdicts[place->index], read);
		for (unsigned i = 0; i < found; i++) {
			said[count++] = (struct said){ read[i], place->page };
		}
	}
	qsort(said, count, sizeof(*said), newest_first);
	for (size_t i = 0; i < count && i < PAGE_VERDICTS; i++) {
		(void)json_array_append_new(array, verdict_json(&said[i]));
	}
	return array;
}
