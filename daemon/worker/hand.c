#include "worker/hand.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/memory.h"
#include "core/store.h"

enum { SLOTS_FIRST = 2048 };

_Static_assert((int)PAGE_OWNER_SIZE == (int)STORE_OWNER_SIZE, "one size of owner");

struct slot {
	uint8_t key[STORE_KEY_SIZE];
	bool is_used;
};

/* Open addressing: a key stands at its place or behind it, with no gap between. */
struct hand {
	pthread_mutex_t lock;
	struct slot *slots;
	size_t slot_count; /* a power of two, at most half used */
	size_t used;
};

struct hand *hand_new(void)
{
	struct hand *hand = NEW(struct hand);

	pthread_mutex_init(&hand->lock, NULL);
	hand->slot_count = SLOTS_FIRST;
	hand->slots = xcalloc(hand->slot_count, sizeof(*hand->slots));
	return hand;
}

void hand_free(struct hand *hand)
{
	if (hand) {
		pthread_mutex_destroy(&hand->lock);
		free(hand->slots);
		free(hand);
	}
}

/* Keys are digests: their bytes are spread as they are. */
static size_t place_of(const struct hand *hand, const uint8_t *key)
{
	uint64_t first;

	memcpy(&first, key, sizeof(first));
	return (size_t)first & (hand->slot_count - 1);
}

static size_t next_to(const struct hand *hand, size_t i)
{
	return (i + 1) & (hand->slot_count - 1);
}

/* Where the key is, or would be. */
static size_t find(const struct hand *hand, const uint8_t *key)
{
	size_t i = place_of(hand, key);

	while (hand->slots[i].is_used && memcmp(hand->slots[i].key, key, STORE_KEY_SIZE) != 0) {
		i = next_to(hand, i);
	}
	return i;
}

static void grow(struct hand *hand)
{
	struct slot *old = hand->slots;
	size_t old_count = hand->slot_count;

	hand->slot_count *= 2;
	hand->slots = xcalloc(hand->slot_count, sizeof(*hand->slots));
	for (size_t i = 0; i < old_count; i++) {
		if (old[i].is_used) {
			hand->slots[find(hand, old[i].key)] = old[i];
		}
	}
	free(old);
}

bool hand_take(struct hand *hand, const uint8_t *key)
{
	bool is_free;
	size_t i;

	pthread_mutex_lock(&hand->lock);
	i = find(hand, key);
	is_free = !hand->slots[i].is_used;
	if (is_free) {
		memcpy(hand->slots[i].key, key, STORE_KEY_SIZE);
		hand->slots[i].is_used = true;
		if (2 * ++hand->used > hand->slot_count) {
			grow(hand);
		}
	}
	pthread_mutex_unlock(&hand->lock);
	return is_free;
}

/* What stands behind the gap and belongs before it moves up. */
static void close_gap(struct hand *hand, size_t gap)
{
	for (size_t i = next_to(hand, gap); hand->slots[i].is_used; i = next_to(hand, i)) {
		size_t mask = hand->slot_count - 1;
		size_t from_place = (i - place_of(hand, hand->slots[i].key)) & mask;

		if (from_place >= ((i - gap) & mask)) {
			hand->slots[gap] = hand->slots[i];
			gap = i;
		}
	}
	hand->slots[gap].is_used = false;
}

void hand_put(struct hand *hand, const uint8_t *key)
{
	size_t i;

	pthread_mutex_lock(&hand->lock);
	i = find(hand, key);
	if (hand->slots[i].is_used) {
		hand->used--;
		close_gap(hand, i);
	}
	pthread_mutex_unlock(&hand->lock);
}

void hand_make_owner(struct page *page)
{
	static const uint8_t nobody[PAGE_OWNER_SIZE];

	while (memcmp(page->lease_owner, nobody, sizeof(nobody)) == 0) {
		if (getrandom(page->lease_owner, sizeof(page->lease_owner), 0) < 0 &&
			errno != EINTR) {
			abort();
		}
	}
}
