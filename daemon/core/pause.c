/*
 * pause - what is paused on purpose: who said so, why, and until when
 */
#include "core/pause.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"

void pauses_fini(struct pauses *pauses)
{
	free(pauses->items);
	*pauses = (struct pauses){ 0 };
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool is_topic(const char *text)
{
	return text[strspn(text,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] ==
		'\0';
}

bool pause_is_valid(const struct pause *pause)
{
	return ends(pause->topic, sizeof(pause->topic)) && ends(pause->who, sizeof(pause->who)) &&
		ends(pause->reason, sizeof(pause->reason)) && is_topic(pause->topic) &&
		pause->partition >= -1 && (pause->topic[0] || pause->partition == -1) &&
		pause->since_ms > 0 && pause->until_ms >= 0;
}

bool pause_is_same_scope(const struct pause *left, const struct pause *right)
{
	return left->partition == right->partition && strcmp(left->topic, right->topic) == 0;
}

/* Is `inner` inside of `outer`, or the same? */
static bool is_inside(const struct pause *inner, const struct pause *outer)
{
	return outer->topic[0] == '\0' ||
		(strcmp(inner->topic, outer->topic) == 0 &&
			(outer->partition == -1 || outer->partition == inner->partition));
}

/* A word about it, or about all of what it is part of. */
bool pauses_is_known(const struct pauses *pauses, const struct pause *pause)
{
	for (size_t i = 0; i < pauses->count; i++) {
		const struct pause *known = &pauses->items[i];
		bool is_about_it = pause_is_same_scope(known, pause) ||
			(!known->is_paused && is_inside(pause, known));

		if (is_about_it && known->since_ms >= pause->since_ms) {
			return true;
		}
	}
	return false;
}

/* What the new word replaces: its own scope's, and with a resume all that is inside of it. */
static void forget_replaced(struct pauses *pauses, const struct pause *pause)
{
	size_t kept = 0;

	for (size_t i = 0; i < pauses->count; i++) {
		const struct pause *old = &pauses->items[i];
		bool is_replaced = pause_is_same_scope(old, pause) ||
			(!pause->is_paused && is_inside(old, pause) &&
				old->since_ms < pause->since_ms);

		if (!is_replaced) {
			pauses->items[kept++] = *old;
		}
	}
	pauses->count = kept;
}

/* Over for so long that no clock says otherwise; wider words also end what is inside of them. */
static bool is_spent(const struct pause *old, const struct pause *pause)
{
	bool is_over = old->until_ms > 0 && old->until_ms <= pause->since_ms - PAUSE_AHEAD_MS;

	return old->partition >= 0 && (!old->is_paused || is_over);
}

/*
 * The oldest of those goes. Not for a partition that is not paused: stores know such words for
 * ever, and they would take each other's place at each look.
 */
static bool make_room(struct pauses *pauses, const struct pause *pause)
{
	struct pause *oldest = NULL;

	for (size_t i = 0; (pause->is_paused || pause->partition < 0) && i < pauses->count; i++) {
		struct pause *old = &pauses->items[i];

		if (is_spent(old, pause) && (!oldest || old->since_ms < oldest->since_ms)) {
			oldest = old;
		}
	}
	if (oldest) {
		*oldest = pauses->items[--pauses->count];
	}
	return oldest != NULL;
}

bool pauses_put(struct pauses *pauses, const struct pause *pause)
{
	struct pause copy = *pause; /* may be one of ours */

	if (pauses_is_known(pauses, &copy)) {
		return false;
	}
	forget_replaced(pauses, &copy);
	if (pauses->count >= PAUSES_MAX && !make_room(pauses, &copy) && copy.topic[0]) {
		return false;
	}
	ARRAY_GROW(pauses->items, pauses->count, pauses->capacity);
	pauses->items[pauses->count++] = copy;
	return true;
}

int64_t pauses_stamp(const struct pauses *pauses, int64_t now_ms)
{
	int64_t stamp_ms = now_ms;

	for (size_t i = 0; i < pauses->count; i++) {
		if (pauses->items[i].since_ms >= stamp_ms) {
			stamp_ms = pauses->items[i].since_ms + 1;
		}
	}
	return stamp_ms;
}

static bool is_in_force(const struct pause *pause, int64_t now_ms)
{
	return pause->is_paused && (pause->until_ms == 0 || pause->until_ms > now_ms);
}

const struct pause *pauses_find(
	const struct pauses *pauses, const char *topic, int32_t partition, int64_t now_ms)
{
	struct pause asked = { .partition = partition };
	const struct pause *found = NULL;

	snprintf(asked.topic, sizeof(asked.topic), "%s", topic);
	for (size_t i = 0; i < pauses->count; i++) {
		const struct pause *pause = &pauses->items[i];

		if (is_in_force(pause, now_ms) && is_inside(&asked, pause) &&
			(!found || is_inside(found, pause))) {
			found = pause;
		}
	}
	return found;
}

bool pauses_has_parts(const struct pauses *pauses, int64_t now_ms)
{
	for (size_t i = 0; i < pauses->count; i++) {
		if (pauses->items[i].topic[0] && is_in_force(&pauses->items[i], now_ms)) {
			return true;
		}
	}
	return false;
}

void pause_sentence(const struct pause *pause, char ret[PAUSE_SENTENCE_MAX])
{
	time_t until = (time_t)(pause->until_ms / 1000);
	char when[40] = "";
	struct tm parts;

	if (pause->until_ms > 0 && gmtime_r(&until, &parts)) {
		strftime(when, sizeof(when), " until %Y-%m-%dT%H:%M:%SZ", &parts);
	}
	snprintf(ret, PAUSE_SENTENCE_MAX, "by %s%s: %s", pause->who, when, pause->reason);
}

void pause_clean(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f) {
			*text = ' ';
		}
	}
}

/* ---- scopes as text ---- */

void pause_scope_write(const struct pause *pause, const char *consumer, struct buffer *out)
{
	buffer_append_str(out, consumer);
	if (pause->topic[0]) {
		buffer_printf(out, ":%s", pause->topic);
	}
	if (pause->partition >= 0) {
		buffer_printf(out, ":%" PRId32, pause->partition);
	}
}

static bool read_partition(const char *text, int32_t *ret)
{
	char *end;
	long value;

	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	errno = 0;
	value = strtol(text, &end, 10);
	*ret = (int32_t)value;
	return *end == '\0' && errno == 0 && value <= INT32_MAX;
}

bool pause_scope_read(struct pause *pause, const char *consumer, const char *text)
{
	size_t length = strlen(consumer), topic_length;

	pause->topic[0] = '\0';
	pause->partition = -1;
	if (strncmp(text, consumer, length) != 0 || (text[length] && text[length] != ':')) {
		return false;
	}
	if (text[length] == '\0') {
		return true;
	}
	text += length + 1;
	topic_length = strcspn(text, ":");
	if (topic_length == 0 || topic_length >= sizeof(pause->topic)) {
		return false;
	}
	memcpy(pause->topic, text, topic_length);
	pause->topic[topic_length] = '\0';
	return is_topic(pause->topic) &&
		(text[topic_length] == '\0' ||
			read_partition(text + topic_length + 1, &pause->partition));
}

/* ---- the file ---- */

void pauses_write(const struct pauses *pauses, struct buffer *out)
{
	for (size_t i = 0; i < pauses->count; i++) {
		const struct pause *pause = &pauses->items[i];

		buffer_printf(out, "%s\t%" PRId64 "\t%" PRId64 "\t%" PRId32 "\t%s\t%s\t%s\n",
			!pause->is_paused            ? "resumed"
				: pause->is_released ? "released"
						     : "paused",
			pause->since_ms, pause->until_ms, pause->partition, pause->topic,
			pause->who, pause->reason);
	}
}

/* The text up to the next tab, or the end of the line; moves past it. */
static bool take_field(const char **at, const char *end, char *ret, size_t size)
{
	const char *tab = memchr(*at, '\t', (size_t)(end - *at));
	size_t length = (size_t)((tab ? tab : end) - *at);

	if (length >= size) {
		return false;
	}
	memcpy(ret, *at, length);
	ret[length] = '\0';
	*at = tab ? tab + 1 : end;
	return true;
}

static bool take_number(const char **at, const char *end, int64_t *ret)
{
	char text[24], *rest;

	if (!take_field(at, end, text, sizeof(text)) || text[0] == '\0') {
		return false;
	}
	errno = 0;
	*ret = strtoll(text, &rest, 10);
	return *rest == '\0' && errno == 0;
}

static bool read_line(const char *at, const char *end, struct pause *ret)
{
	int64_t partition;
	char word[16];

	*ret = (struct pause){ 0 };
	if (!take_field(&at, end, word, sizeof(word)) || !take_number(&at, end, &ret->since_ms) ||
		!take_number(&at, end, &ret->until_ms) || !take_number(&at, end, &partition) ||
		!take_field(&at, end, ret->topic, sizeof(ret->topic)) ||
		!take_field(&at, end, ret->who, sizeof(ret->who)) ||
		!take_field(&at, end, ret->reason, sizeof(ret->reason)) || partition < -1 ||
		partition > INT32_MAX) {
		return false;
	}
	ret->partition = (int32_t)partition;
	ret->is_released = strcmp(word, "released") == 0;
	ret->is_paused = ret->is_released || strcmp(word, "paused") == 0;
	return (ret->is_paused || strcmp(word, "resumed") == 0) && pause_is_valid(ret);
}

void pauses_read(struct pauses *pauses, const char *text, unsigned *ret_strangers)
{
	struct pause pause;

	*ret_strangers = 0;
	while (*text) {
		const char *end = strchr(text, '\n');

		if (end && read_line(text, end, &pause)) {
			(void)pauses_put(pauses, &pause);
		} else {
			(*ret_strangers)++; /* also a last line that was not finished */
		}
		text = end ? end + 1 : text + strlen(text);
	}
}
