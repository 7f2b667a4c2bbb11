/*
 * obituary - one sentence that says who died of what, holding which records
 *
 * Runs in: supervisor.
 */
#include "supervisor/obituary.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "os/page.h"

#include "supervisor/poison.h"

/* Records named in the sentence; a worker with more lanes busy gets a number for the rest. */
enum { NAMED_MAX = 4 };

static const struct cause_text {
	enum log_level level;
	const char *text; /* NULL: told by the wait status */
	const char *advice; /* NULL: none */
} cause_texts[EXIT_CAUSES] = {
	[EXIT_DRAINED] = { LOG_LEVEL_INFO, "drained and ended" },
	[EXIT_STUCK] = { LOG_LEVEL_WARNING,
		"drained and ended without waiting for a library call that did not return" },
	[EXIT_FAILED] = { LOG_LEVEL_ERROR },
	[EXIT_CRASHED] = { LOG_LEVEL_ERROR },
	[EXIT_FENCED] = { LOG_LEVEL_ERROR,
		"ended because another process is in the group under its instance id",
		"find the other holder; it is tried again meanwhile" },
	[EXIT_STALE] = { LOG_LEVEL_WARNING,
		"ended because a rebuild began while it held records, which are not applied" },
	[EXIT_CONFIG] = { LOG_LEVEL_ERROR, "refused its configuration" },
	[EXIT_HUNG] = { LOG_LEVEL_ERROR, "was killed because its main loop gave no heartbeat" },
	[EXIT_KILLED] = { LOG_LEVEL_ERROR, "was killed because it did not drain in time",
		"what it held is delivered again; see drain.timeout" },
	[EXIT_PROTOCOL] = { LOG_LEVEL_ERROR,
		"was killed because it sent what is no frame of ours" },
	[EXIT_OVERRAN] = { LOG_LEVEL_ERROR,
		"was killed because a handler did not return within its timeout" },
	[EXIT_RECYCLED] = { LOG_LEVEL_INFO, "drained and ended to be replaced" },
};

enum log_level obituary_level(enum exit_cause cause)
{
	return cause_texts[cause].level;
}

static void write_death(const struct obituary *obituary, struct buffer *out)
{
	const struct loop_exit *end = &obituary->end;
	const char *text = cause_texts[obituary->cause].text;

	if (text) {
		buffer_append_str(out, text);
	} else if (end->is_exited) {
		buffer_printf(out, "exited with status %d", end->status);
	} else {
		buffer_printf(out, "was killed by signal %d (%s%s)", end->status,
			strsignal(end->status), end->has_core ? ", core dumped" : "");
	}
	buffer_printf(
		out, " after %.1f s", (double)(obituary->now_us - obituary->spawned_us) / 1e6);
	if (obituary->last_words && obituary->last_words[0] != '\0') {
		buffer_printf(out, ": %s", obituary->last_words);
	}
}

static void write_handler(const struct page *page, const struct page_lane *lane, struct buffer *out)
{
	uint32_t handler = atomic_load(&lane->handler);
	const char *name;

	if (handler >= page_handlers_used(page)) {
		return;
	}
	name = page->handlers[handler].name;
	buffer_printf(out, " of %.*s", (int)strnlen(name, sizeof(page->handlers[0].name)), name);
}

static void write_record(const struct obituary *obituary, const struct page_lane *lane,
	uint32_t stage, struct buffer *out)
{
	const struct page *page = obituary->page;
	uint32_t index = atomic_load(&lane->partition_index);
	int64_t since_us =
		obituary->now_us - page_get_within(&lane->started_us, 0, obituary->now_us);

	if (index < page_partitions_used(page)) {
		const struct page_partition *partition = &page->partitions[index];

		buffer_printf(out, "%.*s[%" PRId32 "]@%" PRId64,
			(int)strnlen(partition->topic, PAGE_TOPIC_MAX), partition->topic,
			partition->partition, page_get(&lane->offset));
	} else {
		buffer_append_str(out, "an unknown record");
	}
	buffer_printf(out, " (attempt %" PRIu32 ", stage %s", atomic_load(&lane->attempt),
		stage < PAGE_STAGES ? page_stage_names[stage] : "unknown");
	write_handler(page, lane, out);
	if (since_us <= obituary->now_us - obituary->spawned_us) {
		buffer_printf(out, ", for %.3f s", (double)since_us / 1e6);
	}
	if (atomic_load(&lane->batch) > 1) {
		buffer_printf(out, ", in a batch of %" PRIu32, atomic_load(&lane->batch));
	}
	buffer_append_char(out, ')');
}

static void write_scoreboard(const struct obituary *obituary, struct buffer *out)
{
	unsigned lanes = page_lanes_used(obituary->page), busy = 0;

	for (unsigned i = 0; i < lanes; i++) {
		const struct page_lane *lane = &obituary->page->lanes[i];
		uint32_t stage = atomic_load(&lane->stage);

		if (stage == PAGE_STAGE_IDLE) {
			continue;
		}
		if (++busy <= NAMED_MAX) {
			buffer_append_str(out, busy == 1 ? ", holding " : "; ");
			write_record(obituary, lane, stage, out);
		}
	}
	if (busy > NAMED_MAX) {
		buffer_printf(out, "; and %u more", busy - NAMED_MAX);
	}
	if (busy == 0 && obituary->cause != EXIT_DRAINED && obituary->cause != EXIT_RECYCLED) {
		buffer_append_str(out, ", holding no record");
	}
}

void obituary_write(const struct obituary *obituary, struct buffer *out)
{
	const char *advice = cause_texts[obituary->cause].advice;

	buffer_printf(out, "worker %s/%u (pid %d) ", obituary->consumer, obituary->slot,
		(int)obituary->pid);
	write_death(obituary, out);
	write_scoreboard(obituary, out);
	if (advice) {
		buffer_printf(out, "; %s", advice);
	}
	if (obituary->follows) {
		buffer_append_str(out, obituary->follows);
	}
}
