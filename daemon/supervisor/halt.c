/*
 * halt - what is paused, as the supervisor keeps it
 */
#include "supervisor/halt.h"

#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "os/statedir.h"
#include "os/statefile.h"
#include "supervisor/slot.h"

#include "supervisor/poison.h"

enum { FILE_MAX = 2 * PAUSES_MAX * 1024 };

/* NULL without a state directory. The caller frees. */
static char *file_path(const struct consumer *consumer, const struct config *config)
{
	if (!config->state_dir || config->state_dir[0] == '\0') {
		return NULL;
	}
	return statedir_pauses(config->state_dir, consumer->config->name);
}

void halt_load(struct consumer *consumer, const struct config *config)
{
	_cleanup_free_ char *path = file_path(consumer, config);
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	char sentence[PAUSE_SENTENCE_MAX];
	unsigned strangers = 0;
	int r = path ? statefile_read(path, FILE_MAX, &text) : 0;

	if (r == 0) {
		pauses_read(&consumer->pauses, buffer_str(&text), &strangers);
	}
	if (r < 0 || strangers > 0) {
		log_error("what is paused could not be read; look at it, and pause again",
			LOG_ID(PAUSES_UNREADABLE), LOG_STR("consumer", consumer->config->name),
			LOG_STR("path", path),
			LOG_STR("error", r < 0 ? strerror(-r) : "lines that are none"),
			LOG_INT("lines", strangers));
	}
	for (size_t i = 0; i < consumer->pauses.count; i++) {
		_cleanup_(buffer_fini) struct buffer scope = BUFFER_INIT;
		const struct pause *pause = &consumer->pauses.items[i];

		if (pause->is_paused) {
			pause_sentence(pause, sentence);
			pause_scope_write(pause, consumer->config->name, &scope);
			log_notice("paused since before this start",
				LOG_STR("scope", buffer_str(&scope)), LOG_STR("paused", sentence));
		}
	}
}

static void copy_pauses(struct pauses *copy, const struct pauses *from)
{
	*copy = (struct pauses){ .count = from->count, .capacity = from->count + 1 };
	copy->items = xcalloc(copy->capacity, sizeof(*copy->items));
	for (size_t i = 0; i < from->count; i++) {
		copy->items[i] = from->items[i];
	}
}

static void replace(struct pauses *pauses, struct pauses *by)
{
	pauses_fini(pauses);
	*pauses = *by;
	*by = (struct pauses){ 0 };
}

static int tell_one(struct slot *slot, const struct pause *pause)
{
	struct proto_frame frame = { .type = PROTO_PAUSE, .pause = *pause };

	return proto_send(slot->child.channel_fd, &frame);
}

void halt_tell(struct slot *slot)
{
	const struct pauses *pauses = &slot->consumer->pauses;
	int r = 0;

	for (size_t i = 0; i < pauses->count && r == 0; i++) {
		r = tell_one(slot, &pauses->items[i]);
	}
	slot->owes_pauses = r == -EAGAIN;
}

static void tell_all(struct consumer *consumer, const struct pause *pause)
{
	for (size_t i = 0; i < consumer->slot_count; i++) {
		struct slot *slot = consumer->slots[i];

		if (slot_is_running(slot) && tell_one(slot, pause) == -EAGAIN) {
			slot->owes_pauses = true;
		}
	}
}

void halt_tick(struct consumer *consumer)
{
	for (size_t i = 0; i < consumer->slot_count; i++) {
		struct slot *slot = consumer->slots[i];

		if (slot->owes_pauses && slot_is_running(slot)) {
			halt_tell(slot);
		}
	}
}

int halt_say(struct consumer *consumer, const struct config *config, const struct pause *pause,
	struct err *err)
{
	_cleanup_free_ char *path = file_path(consumer, config);
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	_cleanup_(pauses_fini) struct pauses next = { 0 };
	int r;

	copy_pauses(&next, &consumer->pauses);
	if (!pauses_put(&next, pause)) {
		return err_set(err, -EOVERFLOW,
			"words about %zu topics and partitions are kept, and no more; pause or "
			"resume the topic or the consumer",
			next.count);
	}
	pauses_write(&next, &text);
	r = path ? statefile_write(path, &text) : 0;
	if (r < 0) {
		return err_set(err, r, "cannot write %s: %s", path, strerror(-r));
	}
	replace(&consumer->pauses, &next);
	tell_all(consumer, pause);
	return 0;
}

void halt_hear(struct slot *slot, const struct config *config, const struct pause *pause)
{
	struct consumer *consumer = slot->consumer;
	struct pause word = *pause;
	struct err err = ERR_INIT;
	char sentence[PAUSE_SENTENCE_MAX];

	pause_clean(word.who);
	pause_clean(word.reason);
	word.is_paused = word.is_paused != 0;
	word.is_released = 0;
	if (!pause_is_valid(&word) || word.since_ms > clock_wall_ms() + PAUSE_AHEAD_MS) {
		log_warning("a worker said what can be no pause",
			LOG_STR("consumer", consumer->config->name), LOG_INT("slot", slot->number));
		return;
	}
	if (pauses_is_known(&consumer->pauses, &word)) {
		return;
	}
	pause_sentence(&word, sentence);
	log_notice(word.is_paused ? "a worker was told to pause" : "a worker was told to resume",
		LOG_STR("consumer", consumer->config->name),
		LOG_STR("topic", word.topic[0] ? word.topic : NULL), LOG_STR("paused", sentence));
	if (halt_say(consumer, config, &word, &err) < 0) {
		log_error("a pause could not be kept: after a restart only the store knows it",
			LOG_ID(PAUSE_UNKEPT), LOG_STR("consumer", consumer->config->name),
			LOG_STR("error", err.text));
	}
}

bool halt_is_released(const struct consumer *consumer)
{
	const struct pause *pause = pauses_find(&consumer->pauses, "", -1, clock_wall_ms());

	return pause && pause->is_released;
}
