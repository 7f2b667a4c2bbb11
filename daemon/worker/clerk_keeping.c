/*
 * clerk_keeping - say at start when ids are forgotten before their records are
 *
 * Runs in: worker, the clerk's thread; in one worker of a consumer. One question at a time, the
 * topics first, then the offsets of groups; what nobody answers is asked again later. Whatever the
 * answers, nothing changes but the log.
 */
#include "base/clock.h"
#include "base/log.h"
#include "config/value.h"
#include "core/keeping.h"
#include "worker/clerk_private.h"

/* Short: the end of the worker waits for it. */
enum { KEEPING_TIMEOUT_MS = 1500 };

#define KEEPING_AGAIN_US ((int64_t)30 * 1000 * 1000)

static bool is_wanted(const struct worker *worker)
{
	return worker->start.slot == 0 && worker->is_deduplicated &&
		worker->consumer->dedup_retention_us > 0;
}

static void write_time(struct buffer *ret, int64_t us)
{
	if (us == 0) {
		buffer_append_str(ret, "for ever");
		return;
	}
	value_write_duration(ret, us);
}

static void warn(
	const struct worker *worker, const struct sink_keeping *keeping, const char *sentence)
{
	_cleanup_(buffer_fini) struct buffer ids = BUFFER_INIT, kept = BUFFER_INIT;

	write_time(&ids, worker->consumer->dedup_retention_us);
	write_time(&kept, keeping->us);
	if (keeping->topic) {
		log_warning(sentence, LOG_STR("topic", keeping->topic),
			LOG_STR("dedup_retention", buffer_str(&ids)),
			LOG_STR("topic_retention", buffer_str(&kept)));
	} else {
		log_warning(sentence, LOG_STR("group", worker->consumer->group_id),
			LOG_STR("dedup_retention", buffer_str(&ids)),
			LOG_STR("offsets_retention", buffer_str(&kept)));
	}
}

static void tell(
	struct clerk *clerk, const struct sink_keeping *keeping, enum keeping_verdict verdict)
{
	const char *sentence = keeping_sentence(verdict);

	if (!sentence) {
		return;
	}
	if (verdict != KEEPING_UNKNOWN) {
		warn(clerk->worker, keeping, sentence);
	} else if (!clerk->is_unknown_told) {
		clerk->is_unknown_told = true;
		log_info(sentence, LOG_STR("error", keeping->err.text));
	}
}

void clerk_ask_keeping(struct clerk *clerk, int64_t now_us)
{
	const struct worker *worker = clerk->worker;
	const struct config_strings *topics = &worker->consumer->topics;
	size_t index = clerk->keeping_index;
	struct sink_keeping keeping = { .topic = index < topics->count ? topics->items[index]
								       : NULL };
	enum keeping_verdict verdict;

	if (!is_wanted(worker) || index > topics->count || now_us < clerk->keeping_due_us) {
		return;
	}
	worker->wiring->sink->ask_keeping(worker->sink, &keeping, KEEPING_TIMEOUT_MS);
	verdict = keeping_judge(worker->consumer->dedup_retention_us, &keeping);
	if (verdict == KEEPING_ASK_AGAIN) {
		clerk->keeping_due_us = clock_mono_us() + KEEPING_AGAIN_US;
		return;
	}
	tell(clerk, &keeping, verdict);
	clerk->keeping_index++;
}
