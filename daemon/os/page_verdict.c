/*
 * page_verdict - the last verdicts about a partition's records, readable after a crash
 *
 * Runs in: worker (write), supervisor (read).
 */
#include "os/page_verdict.h"

#include <stdbool.h>
#include <string.h>

#include "os/page.h"

const char *const page_verdict_names[PAGE_VERDICT_OUTCOMES] = {
	[PAGE_VERDICT_DONE] = "done",
	[PAGE_VERDICT_DUPLICATE] = "duplicate",
	[PAGE_VERDICT_SKIPPED] = "skipped",
	[PAGE_VERDICT_DEAD_LETTER] = "dead_letter",
	[PAGE_VERDICT_DEFERRED] = "deferred",
	[PAGE_VERDICT_RETRY] = "retry",
	[PAGE_VERDICT_HELD] = "held",
};

struct page_verdict *page_verdict_begin(struct page_verdicts *verdicts)
{
	uint64_t written = atomic_load_explicit(&verdicts->written, memory_order_relaxed);
	struct page_verdict *entry = &verdicts->entries[written % PAGE_VERDICTS];

	atomic_store_explicit(&entry->number, 2 * written + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	return entry;
}

void page_verdict_end(struct page_verdicts *verdicts, struct page_verdict *entry)
{
	uint64_t written = atomic_load_explicit(&verdicts->written, memory_order_relaxed) + 1;

	atomic_store_explicit(&entry->number, 2 * written, memory_order_release);
	/* Who dies before this writes the same entry once more. */
	atomic_store_explicit(&verdicts->written, written, memory_order_release);
}

void page_verdict_set_id(struct page_verdict *entry, struct slice event_id)
{
	size_t kept = event_id.len < PAGE_VERDICT_ID_MAX ? event_id.len : PAGE_VERDICT_ID_MAX;

	entry->id_length = (uint16_t)(event_id.len < UINT16_MAX ? event_id.len : UINT16_MAX);
	if (kept) {
		memcpy(entry->event_id, event_id.data, kept);
	}
}

static bool read_entry(const struct page_verdict *entry, struct page_verdict *ret)
{
	enum { TRIES = 100 };

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = atomic_load_explicit(&entry->number, memory_order_acquire);

		memcpy(ret, entry, sizeof(*ret));
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 &&
			before == atomic_load_explicit(&entry->number, memory_order_relaxed)) {
			atomic_store_explicit(&ret->number, before, memory_order_relaxed);
			return before > 0;
		}
	}
	return false;
}

static bool is_plausible(const struct page_verdict *entry, unsigned index)
{
	uint64_t number = atomic_load_explicit(&entry->number, memory_order_relaxed);

	return (number / 2 - 1) % PAGE_VERDICTS == index &&
		entry->outcome < PAGE_VERDICT_OUTCOMES && entry->reason < PAGE_REASONS &&
		entry->offset >= 0 && entry->at_ms >= 0 && entry->took_us >= 0;
}

static bool is_newer(const struct page_verdict *a, const struct page_verdict *b)
{
	return atomic_load_explicit(&a->number, memory_order_relaxed) >
		atomic_load_explicit(&b->number, memory_order_relaxed);
}

unsigned page_verdicts_read(
	const struct page_verdicts *verdicts, struct page_verdict ret[PAGE_VERDICTS])
{
	unsigned count = 0;

	for (unsigned i = 0; i < PAGE_VERDICTS; i++) {
		struct page_verdict entry;
		unsigned at = count;

		if (!read_entry(&verdicts->entries[i], &entry) || !is_plausible(&entry, i)) {
			continue;
		}
		entry.code[PAGE_VERDICT_CODE_MAX - 1] = '\0';
		for (; at > 0 && is_newer(&entry, &ret[at - 1]); at--) {
			ret[at] = ret[at - 1];
		}
		ret[at] = entry;
		count++;
	}
	return count;
}
