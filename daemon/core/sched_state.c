/*
 * sched_state - strands and their states
 *
 * A strand is in exactly one state, and only sched_strand_settle_state() decides which: given out
 * before parked before held before ready. What ends one reason to wait just asks again.
 */
#include "core/sched_private.h"

uint64_t sched_key(const struct sched *sched, uint64_t key_hash, int64_t offset)
{
	switch (sched->order) {
	case SCHED_ORDER_KEY:
		return key_hash;
	case SCHED_ORDER_NONE:
		return (uint64_t)offset;
	case SCHED_ORDER_PARTITION:
		break;
	}
	return 0;
}

struct sched_strand *sched_strand_get(struct sched *sched, uint32_t slot_index, uint64_t key)
{
	bool is_new;
	struct sched_strand *strand = strand_table_get(&sched->table, slot_index, key, &is_new);
	sched->strands_in[STRAND_IDLE] += is_new;
	return strand;
}

static void sched_strand_forget(struct sched *sched, struct sched_strand *strand)
{
	sched->strands_in[STRAND_IDLE]--;
	strand_table_remove(&sched->table, strand);
}

/* Leave and enter keep queues and statistics; the caller decides. */
void sched_strand_leave_state(struct sched *sched, struct sched_strand *strand)
{
	sched->strands_in[strand->state]--;
	sched->records_in[strand->state] -= strand->count;
	if (strand->state == STRAND_READY) {
		strand_queue_remove(&sched->ready, strand);
	} else if (strand->state == STRAND_PARKED) {
		strand_heap_remove(&sched->parked, strand);
	}
}

void sched_strand_enter_state(
	struct sched *sched, struct sched_strand *strand, enum strand_state state)
{
	strand->state = state;
	sched->strands_in[state]++;
	sched->records_in[state] += strand->count;
	if (state == STRAND_READY) {
		strand_queue_push(&sched->ready, strand);
	} else if (state == STRAND_PARKED) {
		strand_heap_push(&sched->parked, strand);
	}
}

/*
 * A strand that left its state goes where it belongs now; with nothing in it and nothing to wait
 * for it is gone.
 */
void sched_strand_settle_state(struct sched *sched, struct sched_strand *strand, bool is_parked)
{
	bool is_paused = strand->count > 0 && sched->slots[strand->slot].is_paused;
	enum strand_state state = strand->given_out > 0             ? STRAND_GIVEN_OUT
		: is_parked                                         ? STRAND_PARKED
		: strand->holds > 0 || strand->is_held || is_paused ? STRAND_HELD
		: strand->count > 0                                 ? STRAND_READY
								    : STRAND_IDLE;
	sched_strand_enter_state(sched, strand, state);
	if (state == STRAND_IDLE) {
		sched_strand_forget(sched, strand);
	}
}
