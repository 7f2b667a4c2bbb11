/*
 * coroner - what a worker's death says about the records it had in hand
 *
 * Runs in: supervisor. Judges by wait status and page whether a death counts, which record is named
 * for it, and carries out what core/quarantine.c decides: on the page, which offsets the successor
 * works alone; to the workers, which records no handler sees again; and into the file that a new
 * supervisor reads.
 */
#pragma once

#include "base/buffer.h"
#include "supervisor/slot.h"

/* What came out. */
struct inquest {
	bool is_counted; /* foreign code in the worker may have done it */
	bool is_named; /* and one record stands for it */
	enum quarantine_step step; /* is_counted */
	const struct quarantine_entry *entry; /* is_named; NULL: no room was left for it */
};

/*
 * `cause` of the slot is set, the page is as the dead left it. `is_oom`: the kernel killed for
 * memory.
 */
void coroner_examine(struct slot *slot, const struct loop_exit *end, bool is_oom, int64_t now_ms,
	struct inquest *ret);

/* Half a sentence about what follows; nothing where nothing does. */
void coroner_explain(const struct slot *slot, const struct loop_exit *end,
	const struct inquest *inquest, struct buffer *out);

/* Before a start: suspects known from before are worked alone there, too. */
void coroner_isolate_known(struct slot *slot);
/* Before PROTO_START and at any time: tell what is condemned. 0 or proto_send()'s error. */
int coroner_tell(const struct slot *slot);

/* Once in a while: forget what is settled. */
void coroner_sweep(struct consumer *consumer, const struct config *config, int64_t now_ms);

/* The counts of an earlier supervisor. */
void coroner_load(struct consumer *consumer, const struct config *config);
