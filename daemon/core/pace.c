#include "core/pace.h"

#include <stdlib.h>

#include "base/memory.h"

enum { BURST_PART = 10, KEYS_MIN = 256 };

struct pace_key {
	uint64_t key;
	pace_mark_ns mark;
	bool is_used;
};

struct pace pace_of(unsigned count, int64_t window_us)
{
	unsigned burst = count / BURST_PART > 1 ? count / BURST_PART : 1;
	struct pace pace = { 0, 0 };

	if (count) {
		pace.step_ns = window_us * 1000 / count;
		pace.step_ns += pace.step_ns == 0;
		pace.slack_ns = (burst - 1) * pace.step_ns;
	}
	return pace;
}

unsigned pace_allows(const struct pace *pace, pace_mark_ns mark, int64_t now_us)
{
	int64_t now_ns = now_us * 1000, room_ns;

	if (!pace_is_limited(pace)) {
		return UINT32_MAX;
	}
	room_ns = now_ns + pace->slack_ns - (mark > now_ns ? mark : now_ns);
	return room_ns < 0 ? 0 : (unsigned)(room_ns / pace->step_ns) + 1;
}

pace_mark_ns pace_spend(const struct pace *pace, pace_mark_ns mark, int64_t now_us, unsigned count)
{
	int64_t now_ns = now_us * 1000;

	return (mark > now_ns ? mark : now_ns) + count * pace->step_ns;
}

int64_t pace_due_us(const struct pace *pace, pace_mark_ns mark)
{
	return (mark - pace->slack_ns + 999) / 1000;
}

/* ---- keys ---- */

void pace_keys_fini(struct pace_keys *keys)
{
	free(keys->slots);
	*keys = (struct pace_keys){ 0 };
}

static struct pace_key *find(const struct pace_keys *keys, uint64_t key)
{
	size_t i = (size_t)((key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15)) >> 7;

	while (keys->slots[i & (keys->capacity - 1)].is_used &&
		keys->slots[i & (keys->capacity - 1)].key != key) {
		i++;
	}
	return &keys->slots[i & (keys->capacity - 1)];
}

static void put(struct pace_keys *keys, const struct pace_key *key)
{
	*find(keys, key->key) = *key;
	keys->used++;
}

/* Half of it shall be free: without the forgotten, or twice as large. */
static void make_room(struct pace_keys *keys, int64_t now_us)
{
	struct pace_keys old = *keys;
	size_t living = 0;

	for (size_t i = 0; i < old.capacity; i++) {
		living += old.slots[i].is_used && old.slots[i].mark > now_us * 1000;
	}
	keys->capacity = KEYS_MIN;
	while (keys->capacity < 4 * (living + 1)) {
		keys->capacity *= 2;
	}
	keys->slots = xcalloc(keys->capacity, sizeof(*keys->slots));
	keys->used = 0;
	for (size_t i = 0; i < old.capacity; i++) {
		if (old.slots[i].is_used && old.slots[i].mark > now_us * 1000) {
			put(keys, &old.slots[i]);
		}
	}
	free(old.slots);
}

pace_mark_ns *pace_keys_get(struct pace_keys *keys, uint64_t key, int64_t now_us)
{
	struct pace_key *slot;

	if (2 * (keys->used + 1) > keys->capacity) {
		make_room(keys, now_us);
	}
	slot = find(keys, key);
	if (!slot->is_used) {
		*slot = (struct pace_key){ .key = key, .is_used = true };
		keys->used++;
	}
	return &slot->mark;
}
