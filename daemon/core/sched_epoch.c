/*
 * sched_epoch - epochs of partition slots
 *
 * An epoch that ends while lanes hold items of it stays on a list until the last of them came back.
 */
#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "core/sched_private.h"

struct sched_slot *sched_slot(const struct sched *sched, uint32_t slot)
{
	return slot < sched->slot_count ? &sched->slots[slot] : NULL;
}

bool sched_slot_has_live(const struct sched_slot *slot, uint32_t epoch)
{
	return slot && slot->is_live && slot->epoch == epoch;
}

static struct dead_epoch *sched_find_dead(const struct sched_slot *slot, uint32_t epoch)
{
	for (size_t i = 0; i < slot->dead_count; i++) {
		if (slot->dead[i].epoch == epoch) {
			return &slot->dead[i];
		}
	}
	return NULL;
}

void sched_epoch_begin(struct sched *sched, uint32_t slot_index, uint32_t epoch)
{
	if (slot_index >= sched->slot_count) {
		size_t count = (size_t)slot_index + 1;
		sched->slots = xrealloc(sched->slots, count * sizeof(*sched->slots));
		memset(sched->slots + sched->slot_count, 0,
			(count - sched->slot_count) * sizeof(*sched->slots));
		sched->slot_count = count;
	}
	struct sched_slot *slot = &sched->slots[slot_index];
	assert(!slot->is_live && (!slot->was_used || epoch > slot->epoch));
	slot->is_live = slot->was_used = true;
	slot->epoch = epoch;
	slot->given_out = 0;
	slot->last_offset = -1;
}

struct epoch_end {
	struct sched *sched;
	uint32_t slot;
	struct sched_item *list;
};

/* Take the queued items out of a strand, and its reasons to wait, which were the epoch's. */
static void sched_strand_empty(struct sched_strand *strand, void *context)
{
	struct epoch_end *end = context;
	if (strand->slot != end->slot) {
		return;
	}
	sched_strand_leave_state(end->sched, strand);
	for (struct sched_item *item = strand->head; item; item = item->next) {
		end->sched->bytes -= item->bytes;
		item->strand = NULL;
	}
	if (strand->head) {
		strand->tail->next = end->list;
		end->list = strand->head;
	}
	end->sched->queued -= strand->count;
	strand->head = strand->tail = NULL;
	strand->count = strand->holds = 0;
	strand->is_held = false;
	sched_strand_settle_state(end->sched, strand, false);
}

struct sched_item *sched_epoch_end(struct sched *sched, uint32_t slot_index, uint32_t epoch)
{
	struct sched_slot *slot = sched_slot(sched, slot_index);
	if (!sched_slot_has_live(slot, epoch)) {
		return NULL;
	}
	slot->is_live = false;
	if (slot->given_out > 0) {
		ARRAY_GROW(slot->dead, slot->dead_count, slot->dead_capacity);
		slot->dead[slot->dead_count++] = (struct dead_epoch){ epoch, slot->given_out };
	}
	/*
	 * All strands are looked at: epochs end rarely, and lists by slot would cost every record.
	 */
	struct epoch_end end = { sched, slot_index, NULL };
	strand_table_each(&sched->table, sched_strand_empty, &end);
	return end.list;
}

bool sched_may_begin(const struct sched *sched, uint32_t slot_index, uint32_t epoch)
{
	const struct sched_slot *slot = sched_slot(sched, slot_index);

	return !sched->is_paused && sched_slot_has_live(slot, epoch) && !slot->is_paused;
}

unsigned sched_epoch_given_out(const struct sched *sched, uint32_t slot_index, uint32_t epoch)
{
	const struct sched_slot *slot = sched_slot(sched, slot_index);
	if (!slot) {
		return 0;
	}
	if (sched_slot_has_live(slot, epoch)) {
		return slot->given_out;
	}
	const struct dead_epoch *dead = sched_find_dead(slot, epoch);
	return dead ? dead->given_out : 0;
}

/* `count` items of an epoch came back. */
void sched_slot_returned(struct sched_slot *slot, uint32_t epoch, unsigned count)
{
	if (sched_slot_has_live(slot, epoch)) {
		slot->given_out -= count;
		return;
	}
	struct dead_epoch *dead = sched_find_dead(slot, epoch);
	assert(dead && dead->given_out >= count);
	dead->given_out -= count;
	if (dead->given_out == 0) {
		*dead = slot->dead[--slot->dead_count];
	}
}
