/*
 * clerk_private - what the files of the clerk share
 *
 * The clerk's own lock guards entries, findings and pauses; nothing blocks under it.
 */
#pragma once

#include <pthread.h>

#include "worker/unassigned.h"
#include "worker/worker_private.h"

enum { ASK_TIMEOUT_MS = 5000 };

/* A partition the clerk knows of: opened by request, then followed for its lag and last commit. */
struct clerk_entry {
	const char *topic;
	int32_t partition;
	uint32_t slot, epoch;
	bool wants_open;
	bool is_followed; /* opened and still ours */
	int64_t committed; /* to be noted as seen; -1 nothing new */
	int64_t next_seen_us;
	int64_t end_offset; /* finding, -1 nothing new */
};

struct clerk_finding {
	struct clerk_finding *next;
	struct partition_finding opened;
	struct err err; /* not opened: text set */
};

struct clerk {
	struct worker *worker;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, ended;
	bool is_stopping, is_started, has_ended;
	struct store_session *session;

	struct clerk_entry entries[PAGE_PARTITIONS_MAX]; /* by slot */
	uint32_t entry_count;
	struct clerk_finding *findings;
	struct pauses pauses_to_put, pauses_found;
	int64_t store_ahead_ms; /* of the store's clock to ours */
	int64_t next_lag_us, next_pause_us;

	/* unassigned.c: found, and not shown yet */
	struct unassigned_list unassigned;
	bool is_unassigned_new, is_unassigned_known; /* known: everybody answered */
	int64_t unassigned_due_us;
	bool is_untold; /* main thread: there is no room to show all */
	/* the same, main thread: since when there are any (0: none), and when that is to end */
	int64_t unowned_since_us, unowned_wait_us;

	/* clerk_keeping.c: what is asked next, and of the topics what was answered */
	size_t keeping_index;
	int64_t keeping_due_us;
	int64_t topics_kept_us; /* the longest; 0: for ever, -1: not known yet */
	bool is_unknown_told;
	bool is_room_told; /* clerk_room.c: once */
	int64_t room_due_us;
};

/* clerk_store.c: whether the store can be asked; and what it said, for all who want to know */
bool clerk_store_is_ready(struct clerk *clerk, struct err *err);
void clerk_hear_answer(struct clerk *clerk, int result, const struct err *err);
/* It could not be asked, and is asked again soon. */
bool clerk_waits_for_store(const struct clerk *clerk);
/* What was committed is noted as seen, a partition every few seconds and at the end. */
void clerk_note_seen(struct clerk *clerk, int64_t now_us);
/* Under the lock, of a partition just opened: behind what its last owner may still note. */
void clerk_note_later(struct clerk_entry *entry, int64_t committed);
/* Pauses are said in both directions; what cannot be put waits. */
void clerk_carry_pauses(struct clerk *clerk);
bool clerk_has_pauses_to_put(struct clerk *clerk);
/* Under the lock: the partitions that wait to be opened, copied; the caller frees. */
size_t clerk_take_wanted(struct clerk *clerk, struct clerk_entry **ret);
/* Find out where they start, and report; what is known of one does not wait for another topic. */
void clerk_open(struct clerk *clerk, const struct clerk_entry *entries, size_t count);
/* Does the broker keep longer than the store, or too short? One question a call. */
void clerk_ask_keeping(struct clerk *clerk, int64_t now_us);
/* Are there fewer partitions than workers? */
void clerk_count_room(struct clerk *clerk, int64_t now_us);
void clerk_finding_free(struct clerk_finding *finding);
