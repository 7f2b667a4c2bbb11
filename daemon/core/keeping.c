/*
 * keeping - does the broker keep what is needed, and no longer than we remember it?
 */
#include "core/keeping.h"

#include <errno.h>
#include <stddef.h>

static enum keeping_verdict judge_topic(int64_t retention_us, const struct sink_keeping *keeping)
{
	if (keeping->is_compacted) {
		return KEEPING_TOPIC_COMPACTED;
	}
	if (keeping->us == 0) {
		return KEEPING_TOPIC_FOR_EVER;
	}
	return keeping->us > retention_us ? KEEPING_TOPIC_LONGER : KEEPING_LONG_ENOUGH;
}

static enum keeping_verdict judge_offsets(int64_t retention_us, const struct sink_keeping *keeping)
{
	if (keeping->us == 0) {
		return KEEPING_OFFSETS_FOR_EVER;
	}
	return keeping->us > retention_us ? KEEPING_OFFSETS_LONGER : KEEPING_LONG_ENOUGH;
}

static enum keeping_verdict without_answer(const struct sink_keeping *keeping)
{
	return keeping->result == -EAGAIN ? KEEPING_ASK_AGAIN : KEEPING_UNKNOWN;
}

enum keeping_verdict keeping_judge(int64_t retention_us, const struct sink_keeping *keeping)
{
	if (retention_us == 0) {
		return KEEPING_LONG_ENOUGH;
	}
	if (keeping->result < 0) {
		return without_answer(keeping);
	}
	return keeping->topic ? judge_topic(retention_us, keeping)
			      : judge_offsets(retention_us, keeping);
}

/* A letter has its record's timestamp, a record that waits has that of its writing. */
enum keeping_verdict keeping_judge_dlq(int64_t source_us, const struct sink_keeping *keeping)
{
	if (keeping->result < 0) {
		return without_answer(keeping);
	}
	if (keeping->is_compacted) {
		return KEEPING_DLQ_COMPACTED;
	}
	if (keeping->us == 0 || keeping->counts_from_append || source_us < 0) {
		return KEEPING_LONG_ENOUGH;
	}
	return source_us == 0 || source_us > keeping->us ? KEEPING_DLQ_SHORTER
							 : KEEPING_LONG_ENOUGH;
}

enum keeping_verdict keeping_judge_tier(int64_t delay_us, const struct sink_keeping *keeping)
{
	if (keeping->result < 0) {
		return without_answer(keeping);
	}
	if (keeping->is_compacted) {
		return KEEPING_TIER_COMPACTED;
	}
	return keeping->us != 0 && keeping->us <= delay_us ? KEEPING_TIER_SHORTER
							   : KEEPING_LONG_ENOUGH;
}

const char *keeping_sentence(enum keeping_verdict verdict)
{
	static const char *const sentences[] = {
		[KEEPING_TOPIC_LONGER] =
			"dedup.retention is shorter than the topic's retention.ms: whoever reads "
			"the topic again from farther back applies its events again; raise "
			"dedup.retention, or lower retention.ms",
		[KEEPING_TOPIC_FOR_EVER] =
			"dedup.retention is limited, but the topic keeps its records for ever: "
			"whoever reads it again from farther back applies its events again; set "
			"dedup.retention = off, or a retention.ms",
		[KEEPING_TOPIC_COMPACTED] =
			"dedup.retention is limited, but the topic is compacted "
			"(cleanup.policy): the last record of a key stays for ever, and whoever "
			"reads it again applies it again; set dedup.retention = off, or "
			"cleanup.policy = delete",
		[KEEPING_OFFSETS_LONGER] =
			"dedup.retention is shorter than offsets.retention.minutes of the broker: "
			"the group may come back when its ids are forgotten, and what is delivered "
			"again then takes effect again; raise dedup.retention",
		[KEEPING_OFFSETS_FOR_EVER] =
			"dedup.retention is limited, but the broker keeps the offsets of groups "
			"for ever: the group may come back when its ids are forgotten, and what is "
			"delivered again then takes effect again; set dedup.retention = off",
		[KEEPING_DLQ_SHORTER] =
			"the dead-letter topic keeps records for a shorter time than the topics "
			"that they come from, by the record's own timestamp: a letter may be "
			"deleted as soon as it is written; raise its retention.ms, or set "
			"message.timestamp.type = LogAppendTime",
		[KEEPING_DLQ_COMPACTED] =
			"the dead-letter topic is compacted (cleanup.policy): of letters with one "
			"key only the last stays; set cleanup.policy = delete",
		[KEEPING_TIER_SHORTER] =
			"the retry topic keeps its records no longer than they wait in it: what is "
			"deleted before it is due is lost; raise its retention.ms well above the "
			"delay, and above how long the consumer may stand still",
		[KEEPING_TIER_COMPACTED] =
			"the retry topic is compacted (cleanup.policy): of records with one key "
			"only the last stays, the others are lost; set cleanup.policy = delete",
		[KEEPING_UNKNOWN] =
			"the broker does not tell how long it keeps records and offsets: see for "
			"yourself that dedup.retention is not shorter, and that the topics of dead "
			"letters and retries keep theirs, or allow this user DescribeConfigs",
	};
	size_t count = sizeof(sentences) / sizeof(sentences[0]);

	return (size_t)verdict < count ? sentences[verdict] : NULL;
}
