/*
 * clerk_keeping - say at start when ids are forgotten before their records are, or records too soon
 *
 * Runs in: worker, the clerk's thread; in one worker of a consumer. One question at a time, the
 * topics first, then the offsets of groups, the dead-letter topic and the retry topics; what nobody
 * answers is asked again later. Whatever the answers, nothing changes but the log.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/value.h"
#include "core/keeping.h"
#include "worker/clerk_private.h"

/* Short: the end of the worker waits for it. */
enum { KEEPING_TIMEOUT_MS = 1500 };

#define KEEPING_AGAIN_US ((int64_t)30 * 1000 * 1000)

enum kept { KEPT_NOTHING, KEPT_TOPIC, KEPT_OFFSETS, KEPT_DLQ, KEPT_TIER };

struct question {
	enum kept of; /* nothing: all was asked */
	const char *topic;
	int64_t delay_us; /* of a tier */
};

/* First what is there for sure: what is missing is asked about until it is there. */
static struct question question_at(const struct config_consumer *consumer, size_t index)
{
	if (index < consumer->topics.count) {
		return (struct question){ KEPT_TOPIC, consumer->topics.items[index], 0 };
	}
	index -= consumer->topics.count;
	if (index == 0) {
		return (struct question){ KEPT_OFFSETS, NULL, 0 };
	}
	index--;
	if (consumer->dlq_topic && index == 0) {
		return (struct question){ KEPT_DLQ, consumer->dlq_topic, 0 };
	}
	index -= consumer->dlq_topic != NULL;
	if (index < consumer->tiers.count) {
		const struct config_tier *tier = &consumer->tiers.items[index];

		return (struct question){ KEPT_TIER, tier->topic, tier->delay_us };
	}
	return (struct question){ KEPT_NOTHING, NULL, 0 };
}

/* 0: whatever the broker keeps, ids are kept as long, or are not needed. */
static int64_t ids_us(const struct worker *worker)
{
	return worker->is_deduplicated ? worker->consumer->dedup_retention_us : 0;
}

static enum keeping_verdict judge(const struct clerk *clerk, const struct question *question,
	const struct sink_keeping *keeping)
{
	switch (question->of) {
	case KEPT_TOPIC:
	case KEPT_OFFSETS:
		return keeping_judge(ids_us(clerk->worker), keeping);
	case KEPT_DLQ:
		return keeping_judge_dlq(clerk->topics_kept_us, keeping);
	case KEPT_TIER:
		return keeping_judge_tier(question->delay_us, keeping);
	case KEPT_NOTHING:
		break;
	}
	return KEEPING_LONG_ENOUGH;
}

/* The longest that a topic keeps its records. */
static void note_topic(struct clerk *clerk, const struct sink_keeping *keeping)
{
	bool is_for_ever = keeping->us == 0 || keeping->is_compacted;

	if (keeping->result < 0) {
		return;
	}
	if (is_for_ever || (clerk->topics_kept_us != 0 && keeping->us > clerk->topics_kept_us)) {
		clerk->topics_kept_us = is_for_ever ? 0 : keeping->us;
	}
}

static void write_time(struct buffer *ret, int64_t us)
{
	if (us == 0) {
		buffer_append_str(ret, "for ever");
		return;
	}
	value_write_duration(ret, us);
}

static void warn(const struct worker *worker, const struct question *question,
	const struct sink_keeping *keeping, const char *sentence)
{
	_cleanup_(buffer_fini) struct buffer ours = BUFFER_INIT, kept = BUFFER_INIT;

	write_time(&ours,
		question->of == KEPT_TIER ? question->delay_us
					  : worker->consumer->dedup_retention_us);
	write_time(&kept, keeping->us);
	switch (question->of) {
	case KEPT_OFFSETS:
		log_warning(sentence, LOG_ID(RETENTION_SHORT),
			LOG_STR("group", worker->consumer->group_id),
			LOG_STR("dedup_retention", buffer_str(&ours)),
			LOG_STR("offsets_retention", buffer_str(&kept)));
		break;
	case KEPT_DLQ:
		log_warning(sentence, LOG_ID(LETTERS_DELETED), LOG_STR("topic", question->topic),
			LOG_STR("topic_retention", buffer_str(&kept)));
		break;
	case KEPT_TIER:
		log_warning(sentence, LOG_ID(RETRIES_DELETED), LOG_STR("topic", question->topic),
			LOG_STR("delay", buffer_str(&ours)),
			LOG_STR("topic_retention", buffer_str(&kept)));
		break;
	default:
		log_warning(sentence, LOG_ID(RETENTION_SHORT), LOG_STR("topic", question->topic),
			LOG_STR("dedup_retention", buffer_str(&ours)),
			LOG_STR("topic_retention", buffer_str(&kept)));
	}
}

static void tell(struct clerk *clerk, const struct question *question,
	const struct sink_keeping *keeping, enum keeping_verdict verdict)
{
	const char *sentence = keeping_sentence(verdict);

	if (!sentence) {
		return;
	}
	if (verdict != KEEPING_UNKNOWN) {
		warn(clerk->worker, question, keeping, sentence);
	} else if (!clerk->is_unknown_told) {
		clerk->is_unknown_told = true;
		log_info(sentence, LOG_STR("error", keeping->err.text));
	}
}

void clerk_ask_keeping(struct clerk *clerk, int64_t now_us)
{
	const struct worker *worker = clerk->worker;
	const struct question question = question_at(worker->consumer, clerk->keeping_index);
	struct sink_keeping keeping = { .topic = question.topic };
	enum keeping_verdict verdict;

	if (worker->start.slot != 0 || question.of == KEPT_NOTHING ||
		now_us < clerk->keeping_due_us) {
		return;
	}
	worker->wiring->sink->ask_keeping(worker->sink, &keeping, KEEPING_TIMEOUT_MS);
	verdict = judge(clerk, &question, &keeping);
	if (verdict == KEEPING_ASK_AGAIN || keeping.result == -EAGAIN) {
		clerk->keeping_due_us = clock_mono_us() + KEEPING_AGAIN_US;
		return;
	}
	if (question.of == KEPT_TOPIC) {
		note_topic(clerk, &keeping);
	}
	tell(clerk, &question, &keeping, verdict);
	clerk->keeping_index++;
}
