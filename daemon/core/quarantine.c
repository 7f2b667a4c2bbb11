/*
 * quarantine - which record kills workers, and when that is proved
 */
#include "core/quarantine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void quarantine_init(struct quarantine *quarantine, unsigned after)
{
	memset(quarantine, 0, sizeof(*quarantine));
	quarantine->after = after;
}

static bool is_same(const struct quarantine_position *a, const struct quarantine_position *b)
{
	return a->partition == b->partition && a->offset == b->offset &&
		a->timestamp_ms == b->timestamp_ms && strcmp(a->topic, b->topic) == 0 &&
		strcmp(a->cluster_id, b->cluster_id) == 0;
}

static struct quarantine_entry *find(
	struct quarantine *quarantine, const struct quarantine_position *at)
{
	for (size_t i = 0; i < quarantine->count; i++) {
		if (is_same(&quarantine->entries[i].at, at)) {
			return &quarantine->entries[i];
		}
	}
	return NULL;
}

/* A free place, or that of the suspect nobody died of for longest; NULL: all are condemned. */
static struct quarantine_entry *make_room(struct quarantine *quarantine)
{
	struct quarantine_entry *oldest = NULL;

	if (quarantine->count < QUARANTINE_ENTRIES_MAX) {
		return &quarantine->entries[quarantine->count++];
	}
	for (size_t i = 0; i < quarantine->count; i++) {
		struct quarantine_entry *entry = &quarantine->entries[i];
		if (!entry->is_condemned && (!oldest || entry->last_ms < oldest->last_ms)) {
			oldest = entry;
		}
	}
	return oldest;
}

static struct quarantine_entry *get(
	struct quarantine *quarantine, const struct quarantine_position *at)
{
	struct quarantine_entry *entry = find(quarantine, at);

	if (!entry) {
		entry = make_room(quarantine);
		if (entry) {
			*entry = (struct quarantine_entry){ .at = *at };
		}
	}
	return entry;
}

static void note(struct quarantine_entry *entry, const struct quarantine_death *death)
{
	entry->deaths++;
	entry->alone += death->was_alone;
	entry->first_ms = entry->first_ms ? entry->first_ms : death->now_ms;
	entry->last_ms = death->now_ms;
	entry->is_timeout = death->is_timeout;
	snprintf(entry->code, sizeof(entry->code), "%s", death->code);
	snprintf(entry->text, sizeof(entry->text), "%s", death->text);
}

enum quarantine_step quarantine_death(struct quarantine *quarantine,
	const struct quarantine_death *death, const struct quarantine_entry **ret)
{
	struct quarantine_entry *entry = death->named ? get(quarantine, death->named) : NULL;

	if (ret) {
		*ret = entry;
	}
	if (entry) {
		note(entry, death);
	}
	if (!entry || !death->was_alone) {
		/* One name may be wrong: broken memory shows where it is used, not who broke it. */
		return ++quarantine->strays > 1 || !entry ? QUARANTINE_ISOLATE_ALL
							  : QUARANTINE_ISOLATE;
	}
	quarantine->strays = 0;
	entry->is_condemned = entry->is_condemned || entry->alone >= quarantine->after;
	return entry->is_condemned ? QUARANTINE_CONDEMN : QUARANTINE_ISOLATE;
}

static void forget(struct quarantine *quarantine, size_t i)
{
	quarantine->entries[i] = quarantine->entries[--quarantine->count];
}

bool quarantine_settled(
	struct quarantine *quarantine, const char *topic, int32_t partition, int64_t committed)
{
	size_t before = quarantine->count;

	for (size_t i = quarantine->count; i > 0; i--) {
		const struct quarantine_position *at = &quarantine->entries[i - 1].at;
		if (at->offset < committed && at->partition == partition &&
			strcmp(at->topic, topic) == 0) {
			forget(quarantine, i - 1);
		}
	}
	return quarantine->count != before;
}

bool quarantine_expire(struct quarantine *quarantine, int64_t before_ms)
{
	size_t before = quarantine->count;

	for (size_t i = quarantine->count; i > 0; i--) {
		if (quarantine->entries[i - 1].last_ms < before_ms) {
			forget(quarantine, i - 1);
		}
	}
	return quarantine->count != before;
}

/* ---- the file ---- */

/* An empty word would be none. */
static const char *word(const char *s)
{
	return s[0] ? s : "-";
}

void quarantine_write(const struct quarantine *quarantine, struct buffer *out)
{
	for (size_t i = 0; i < quarantine->count; i++) {
		const struct quarantine_entry *entry = &quarantine->entries[i];

		buffer_printf(out,
			"%s %s %u %u %" PRId64 " %" PRId64 " %s %s %" PRId32 " %" PRId64 " %" PRId64
			" %s %s\n",
			entry->is_condemned ? "condemned" : "suspect",
			entry->is_timeout ? "timeout" : "crash", entry->deaths, entry->alone,
			entry->first_ms, entry->last_ms, word(entry->at.cluster_id),
			entry->at.topic, entry->at.partition, entry->at.offset,
			entry->at.timestamp_ms, word(entry->code), entry->text);
	}
}

static void unword(char *s)
{
	if (strcmp(s, "-") == 0) {
		s[0] = '\0';
	}
}

static bool read_line(const char *line, struct quarantine_entry *ret)
{
	char state[16], kind[16];
	int text_at = -1;

	memset(ret, 0, sizeof(*ret));
	if (sscanf(line,
		    "%15s %15s %u %u %" SCNd64 " %" SCNd64 " %63s %255s %" SCNd32 " %" SCNd64
		    " %" SCNd64 " %31s%n",
		    state, kind, &ret->deaths, &ret->alone, &ret->first_ms, &ret->last_ms,
		    ret->at.cluster_id, ret->at.topic, &ret->at.partition, &ret->at.offset,
		    &ret->at.timestamp_ms, ret->code, &text_at) != 12 ||
		text_at < 0) {
		return false;
	}
	ret->is_condemned = strcmp(state, "condemned") == 0;
	ret->is_timeout = strcmp(kind, "timeout") == 0;
	unword(ret->at.cluster_id);
	unword(ret->code);
	text_at += line[text_at] == ' ';
	snprintf(ret->text, sizeof(ret->text), "%s", line + text_at);
	return (ret->is_condemned || strcmp(state, "suspect") == 0) &&
		(ret->is_timeout || strcmp(kind, "crash") == 0) && ret->at.offset >= 0 &&
		ret->at.partition >= 0 && ret->alone <= ret->deaths;
}

unsigned quarantine_read(struct quarantine *quarantine, const char *text)
{
	unsigned strangers = 0;

	while (*text) {
		size_t length = strcspn(text, "\n");
		char line[1024];
		struct quarantine_entry entry, *place;

		snprintf(line, sizeof(line), "%.*s", (int)length, text);
		/* cut short in the middle of a write, the last line has no end */
		if (text[length] == '\n' && length < sizeof(line) && read_line(line, &entry)) {
			place = get(quarantine, &entry.at);
			if (place) {
				*place = entry;
			}
		} else {
			strangers += length > 0;
		}
		text += length + (text[length] == '\n');
	}
	return strangers;
}
