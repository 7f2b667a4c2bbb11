/*
 * worker_private - what the files of one worker share
 *
 *	worker.c       life: loop, drain, end
 *	open.c         its parts, opened in order
 *	dispatch.c     polled records into the scheduler
 *	partition.c    epochs: assigned, opened, settled, revoked
 *	commit.c       offsets
 *	dead_letter.c  the way out of poison
 *	letter_message.c  what is sent there
 *	lane.c         threads that run units of work
 *	lane_lease.c   what they do more where batches are leased
 *	lane_options.c what their units are told
 *	lane_transaction.c  batches and offsets in one Kafka transaction
 *	transacting.c  what main has to do with them
 *	lane_alone.c   a record that is worked while nothing else is
 *	hand.c         which events are in hand, where lanes lease
 *	quarantine.c   which records these are, and which no handler sees again
 *	finish.c       what the end of a record means
 *	runner.c       threads that make effects elsewhere
 *	ledger.c       a thread that claims and marks what runners do
 *	clerk.c        a thread for what may block and belongs to no batch
 *	sweeper.c      a thread that has the store forget old ids
 *	pausing.c      what is paused
 *	orders.c       what operators ask for
 *	skip.c         records that they have skipped
 *	show.c         gauges of the page
 *
 * Threads: the main thread owns source and sink and runs all of it but lanes and clerk. `lock`
 * guards the scheduler, the partitions' epochs and trackers, and the queues between threads;
 * nothing blocks under it.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "core/rate.h"
#include "core/sched.h"
#include "core/start.h"
#include "core/tier.h"
#include "core/tracker.h"
#include "os/page.h"
#include "os/proto.h"
#include "worker/crash.h"
#include "worker/lines.h"
#include "worker/record.h"
#include "worker/unit.h"
#include "worker/worker.h"

/* ---- partitions ---- */

enum { COMMIT_METADATA_MAX = 24 };

enum partition_state { PARTITION_NONE, PARTITION_OPENING, PARTITION_RUNNING, PARTITION_LOST };

struct partition {
	struct source_partition id; /* epoch of the present assignment */
	struct unit_place place;
	struct page_partition *page;
	enum partition_state state;
	struct tracker *tracker; /* of the present epoch; NULL unless RUNNING */
	struct record *stash, **stash_tail; /* polled, but no room for them yet */
	uint64_t bytes; /* of its records in the scheduler */
	int tier; /* which retry topic it is of; -1 none */
	bool is_open; /* may be read now; main thread */
	int64_t closed_since_us; /* not read since then, 0 while open */
	int64_t committed; /* the group's offset as far as we know, -1 none */
	int64_t handed; /* highest offset handed to a commit in this epoch, -1 none */
	int64_t under_way; /* offset of the asynchronous commit, -1 none */
	int64_t transacted; /* offset of the last transaction, -1 none; the lock */
	int64_t unwritten; /* transactions do not take its dead letter, -1 none; the lock */
	int32_t known_count; /* partitions of the topic when the group began; commit metadata */
	int32_t topic_count; /* partitions of the topic now */
	struct store_attempts *attempts; /* of records that failed before this epoch, by offset */
	size_t attempt_count, attempt_next; /* by offset, and the first not passed yet */
	unsigned parked, held; /* strands' first records that wait */
	int64_t head_offset, head_since_ms; /* first unsettled, and since when it is that */
	int64_t next_open_us; /* OPENING: when the clerk is asked again */
	bool is_paused; /* by itself, or its topic; main thread */
	bool is_asked; /* the clerk has it */
	bool is_out_of_range; /* RUNNING: opened anew when what was read is settled */
};

/* ---- dead letters ---- */

struct letter_headers;

struct dead_letter {
	struct dead_letter *next;
	int tier; /* it goes to this retry topic; -1: it is a dead letter */
	struct record *record; /* detached */
	enum page_reason reason;
	char code[DECISION_CODE_MAX];
	char *text, *event_id;
	size_t event_id_len;
	const char *handler;
	bool is_sent; /* waits for its answer */
	bool is_orphan; /* its epoch is dead: free it when the answer comes */
	bool is_holding; /* its strand is held */
	bool is_oversized; /* send headers only */
	bool is_written; /* in a transaction: only to be told of */
	int64_t due_us; /* not sent: when to try (again) */
	int64_t sent_us;
	unsigned failures;
	int64_t failing_since_ms; /* wall clock of the first of them */
};

/* ---- records that killed workers ---- */

struct condemned {
	struct condemned *next;
	struct proto_condemn told;
};

/* ---- what operators ask for ---- */

struct skip; /* skip.c */

enum { ORDERS_MAX = 32 };

/* ---- clerk and sweeper ---- */

struct clerk;
struct sweeper;

/* ---- effects elsewhere ---- */

struct ledger;
struct hand;

/* ---- lanes ---- */

/* What a batch, its dead letters and its offsets are committed by. */
struct lane_transaction {
	struct source_membership *membership; /* of the batch; held */
	struct source_commit *commits; /* room for PAGE_PARTITIONS_MAX; NULL before the first */
	struct source_partition *ids; /* of the commits: the epochs they are for */
	char (*metadata)[COMMIT_METADATA_MAX];
	size_t count;
	int64_t backoff_us; /* after an abort, 0 none */
	bool is_committed; /* finish() is to note the offsets */
	bool is_lost; /* the producer can do no more: the worker ends */
	struct log_limit limit;
};

struct lane {
	struct worker *worker;
	unsigned index;
	pthread_t thread;
	struct store_session *session;
	struct unit unit;
	struct record **batch;
	struct sched_return *returns;
	unsigned batch_limit; /* shrinks when a batch takes longer than batch.time */
	int64_t taken_us; /* the batch, monotonic */
	int64_t backoff_us;
	struct lines retry_lines, hold_lines, lost_lines;
	struct crash_stack crash_stack;
	struct lane_transaction transaction;
	bool is_refused; /* the store answers, but the last batch was turned away */
	bool is_started;
};

struct worker {
	const struct worker_wiring *wiring;
	const struct config_consumer *consumer;
	struct proto_start start;
	int channel_fd;
	struct page *page;

	struct source *source;
	struct sink *sink;
	struct store *store;
	struct roster roster;
	bool is_deduplicated;
	struct hand *hand; /* NULL: lanes do not lease */
	atomic_uint generation; /* of its scope; 0 until a session found it */
	atomic_bool is_stale; /* its scope was rebuilt: it commits nothing more, and ends */
	bool is_in_process; /* handlers are foreign code that may end us */

	pthread_mutex_t lock;
	pthread_cond_t work_ready; /* lanes wait: the scheduler may have something */
	pthread_cond_t lanes_end; /* lanes wait for a store: only their end cuts that short */
	pthread_cond_t returned; /* main and alone_lane wait: a lane gave a batch back */
	struct sched *sched;
	struct record_pool pool; /* main takes, lanes put */
	/* by slot, PAGE_PARTITIONS_MAX; entries are never freed while lanes run */
	struct partition **partitions;
	uint32_t partition_count;
	struct dead_letter *new_dead_letters; /* from lanes, newest first */
	unsigned uncounted_letters; /* of these, by the breaker */
	bool lanes_stop;
	unsigned idle_lanes;
	unsigned busy_lanes; /* with a batch in work; runners with an errand, too */
	/* of the lane or runner that has, or waits for, the worker for itself; NULL none */
	struct page_lane *alone_lane;
	int64_t next_wake_us; /* of main, while there is work without it */
	struct source_membership *membership; /* of the last assignment; NULL none */
	bool are_offsets_due; /* the lane is to commit offsets without records */
	bool has_lost_transactor; /* the lane says so, and why */
	struct err lost_why;
	unsigned sharers; /* partitions that share what may be in flight, at least 1 */

	struct lane *lanes;
	unsigned lane_count; /* 0: no handler's effect is in the transaction */
	unsigned batch_max; /* of a lane; 1: for effects elsewhere without a store */
	struct ledger *ledger; /* NULL: no handler makes its effect elsewhere */
	unsigned runner_count;
	struct clerk *clerk;
	struct sweeper *sweeper; /* NULL: nothing is to be forgotten */
	char cluster_id[64];

	/* main thread only */
	struct condemned *condemned; /* newest first; records point to them */
	unsigned condemned_count;
	struct dead_letter *dead_letters, **dead_letters_tail; /* oldest first */
	unsigned dead_letter_count;
	uint64_t dead_letter_bytes;
	int64_t dead_letters_due_us; /* when they are to be looked at again */
	struct lines dead_letter_lines;
	struct rate breaker;
	bool is_paced; /* `rate` or `rate.key` is set */
	struct pauses pauses;
	int64_t store_ahead_ms; /* of the store's clock to ours */
	int64_t paused_since_ms; /* stamp of the pause in force, 0 none */
	bool has_paused_parts;
	struct proto_order orders[ORDERS_MAX]; /* not answered yet */
	unsigned order_count;
	int64_t next_drained_us; /* when a drain is tried again */
	struct skip *skips; /* records point to them */
	unsigned skip_count;
	bool is_paused, is_draining, is_leaving, is_closing, is_joined;
	bool commit_is_under_way;
	_Atomic bool
		wants_wake; /* main waits for room or for lanes: wake it when a batch returns */
	_Atomic int32_t dlq_partitions; /* of the DLQ topic, -1 unknown */
	_Atomic int32_t tier_partitions[TIERS_MAX]; /* of the retry topics, likewise */
	struct tier_clock tier_clock;
	int64_t ripe_us; /* when a record that waits in a retry topic is ripe; INT64_MAX none */
	int64_t drain_deadline_us, next_commit_us, next_show_us;
	int exit_status;
	bool is_stopping;
	struct err fatal;
	struct log_limit broker_limit, dlq_limit, commit_limit;
};

/* dispatch.c */
void dispatch_records(struct worker *worker, struct source_record *records, unsigned count);
/* Decide which partitions may be read now. Returns true when one may not, and waits for lanes. */
bool dispatch_open(struct worker *worker, int64_t now_us);

/* partition.c */
struct partition *partition_get(struct worker *worker, const struct source_partition *id);
void partitions_assigned(struct worker *worker, const struct source_event *event);
void partitions_revoked(struct worker *worker, const struct source_event *event);
void partition_range(struct worker *worker, const struct source_event *event);
/* Ask the clerk about partitions that still have no start. */
void partitions_open_tick(struct worker *worker, int64_t now_us);
/* What the clerk found out about a partition. */
struct partition_finding {
	uint32_t slot, epoch;
	struct start_facts facts;
	struct start_decision decision;
	int32_t topic_count;
	struct store_attempts *attempts; /* taken over */
	size_t attempt_count;
};
void partition_opened(struct worker *worker, struct partition_finding *finding);
void partition_not_opened(
	struct worker *worker, uint32_t slot, uint32_t epoch, const struct err *err);
/* Under the lock. False: the epoch is dead and nothing changed. */
bool partition_settle(struct worker *worker, const struct record *record, enum page_result result,
	int64_t now_ms);
struct partition *partition_if_live(struct worker *worker, uint32_t slot, uint32_t epoch);
/* The clerk is to find out where it starts: it is new, or what was found was no place to start. */
bool partition_waits_for_start(const struct partition *p);
/* How long a commit may take that others wait for. */
int partition_commit_ms(const struct worker *worker);
void partitions_fini(struct worker *worker);

/*
 * A paused partition of which nothing is in hand is to be read from `offset`, which is committed.
 * -errno with err: nothing has changed, or it was committed and the partition is opened there.
 */
int partition_seek(struct worker *worker, struct partition *p, int64_t offset, struct err *err);

/* commit.c */
/* It is the group's offset now. */
void commit_note(struct worker *worker, struct partition *p, int64_t offset);
/* What every commit says beside the offset; NULL: nothing. Writes to `text`. */
const char *commit_metadata(const struct partition *p, char text[COMMIT_METADATA_MAX]);
void commit_tick(struct worker *worker, int64_t now_us);
void commit_answered(struct worker *worker, const struct source_event *event);
/* Commit what is settled of these partitions (NULL: all) and wait for the answer. */
void commit_now(struct worker *worker, const struct source_partition *partitions, size_t count,
	int timeout_ms);

/* Is everything that is settled committed? Under the lock. */
bool commits_are_done(const struct worker *worker);

/* letter_message.c */
/* The topic it goes to. */
const char *dead_letter_target(const struct worker *worker, const struct dead_letter *letter);
/* The message of a dead letter; `headers` are to be ended when it was sent. */
void dead_letter_compose(const struct worker *worker, const struct dead_letter *letter,
	struct letter_headers *headers, struct sink_message *message);

/* dead_letter.c */
/* One that waits and is not on its way is settled as skipped instead. False: there is none. */
bool dead_letter_skip(struct worker *worker, const struct partition *p, int64_t offset);
/* Those of a partition (NULL: of all); `is_due_now`: they are tried now. */
unsigned dead_letters_of(struct worker *worker, const struct partition *p, bool is_due_now);
/* Under the lock, from a lane: takes the record over. */
void dead_letter_add(struct worker *worker, struct unit_work *work);
/* Under the lock: so many that the breaker trips when main counts them; lanes wait for that. */
bool dead_letters_must_be_counted(const struct worker *worker);
/* There are so many that no more may be decided, nor read. */
bool dead_letters_are_full(const struct worker *worker);
void dead_letters_tick(struct worker *worker, int64_t now_us);
void dead_letter_answered(void *context, void *tag, enum sink_result result, const struct err *err);
/* Forget those of a dead epoch; whoever owns the partition next produces them. */
void dead_letters_drop(struct worker *worker, uint32_t slot, uint32_t epoch);
void dead_letters_fini(struct worker *worker);

/* lane.c */
int lanes_start(struct worker *worker, struct err *err);
void lanes_stop(struct worker *worker);
/* Under the lock: the scheduler may have something. `is_much`: for more than one. */
void lanes_wake(struct worker *worker, bool is_much);
/* Under the lock: a record taken from the scheduler waits for nothing any more. */
void lane_unmark_waiting(struct worker *worker, struct record *record);
/* Records of dead epochs that came back. */
void lane_free_dead(struct sched_item *dead);
/*
 * Under the lock, before records are taken: what `rate` lets through by now is ready. In so many
 * microseconds it lets through more; INT64_MAX without limits, or when nothing waits for one.
 */
int64_t lanes_pace(struct worker *worker);
/* Wait at most `us`, under the lock. */
void lane_wait_us(struct worker *worker, pthread_cond_t *cond, int64_t us);
/* Wait for the store, each time longer; only the end of the lanes cuts that short. */
void lane_back_off(struct lane *lane);

/* finish.c */
struct finish_time {
	int64_t now_ms; /* wall clock */
	int64_t took_us; /* since the record was taken */
};
/* Under the lock: one record's end into tracker, page and dead letters. */
struct sched_return finish_one(
	struct worker *worker, struct unit_work *work, const struct finish_time *time);
/* Under the lock: an operator had it skipped while its dead letter waited. */
void finish_note_skip(struct worker *worker, const struct record *record, struct slice event_id,
	int64_t now_ms);
/*
 * Under the lock: main is to be woken, for letters or because it waits for room. As long as there
 * is something to take, room for a few records (`returned`) is not worth that every time.
 */
bool finish_must_wake_main(struct worker *worker, unsigned returned);
/* What a record says in the log that is tried again or held; few lines of a flood. */
void finish_log_wait(struct lines *retry_lines, struct lines *hold_lines,
	const struct unit_work *work);
/* Its effect is made, and somebody else may make it, too. */
void finish_log_lost(struct lines *lines, const struct unit_work *work);
/* What operators are to hear about the store. */
void finish_hear_store(struct worker *worker, struct store_session *session);
/* Its strand waits, and the fetch buffer is not to: its bytes become its own. */
void finish_detach(struct unit *unit, struct unit_work *work);

/* ledger.c, ledger_life.c */
/* Also starts the runners. Nothing where no handler makes its effect elsewhere. */
int ledger_start(struct worker *worker, struct err *err);
/* The lanes have been told to stop; waits for the runners. */
void ledger_stop(struct worker *worker);
/* Under the lock: it takes from the scheduler, for there are no lanes. */
bool ledger_takes(const struct worker *worker);
void ledger_wake(struct worker *worker);
/* From a lane: the first record of a run is for a runner; those behind it go back with it. */
bool ledger_has_room(const struct worker *worker); /* under the lock */
void ledger_hand_over(struct worker *worker, struct record **run, unsigned count);

/* lane_lease.c */
/* Mark what the store does not know of, until it does or the lanes end. */
void lane_mark_again(struct lane *lane);
/* Count what the batch met, and say what the store has to say. */
void lane_tell_leases(struct lane *lane);

/* lane_transaction.c */
/* At first: what a predecessor had open is ended. */
void lane_transaction_start(struct lane *lane);
/* Work the opened batch in a transaction, and commit it: the works' ends are what came of that. */
void lane_transact(struct lane *lane, unsigned count);
/* After an aborted one, when its records are back. */
void lane_transaction_back_off(struct lane *lane);
/* Offsets alone, of partitions that have none yet. */
void lane_commit_offsets(struct lane *lane);
/* Under the lock, when the batch is settled: what was committed for which partitions. */
void lane_note_transacted(struct lane *lane);
void lane_transaction_fini(struct lane *lane);

/* transacting.c */
/* The producer; its id is this slot's alone. */
int transacting_open(struct worker *worker, struct err *err);
/* Inside SOURCE_ASSIGNED: whose offsets it will be. */
void transacting_assigned(struct worker *worker);
/* What lanes committed becomes known; what is left is given to them. */
void transacting_tick(struct worker *worker, int64_t now_us);
/* Does a record wait whose dead letter could not be written in its transaction? */
bool transacting_has_unwritten(struct worker *worker);
/* Wait until what is settled of these partitions (NULL: all) is committed, or time is up. */
void transacting_wait(struct worker *worker, const struct source_partition *partitions,
	size_t count, int timeout_ms);

/* lane_options.c */
/* The options of a unit of the worker's, for the lane or runner `lane`. */
struct unit_options lane_unit_options(struct worker *worker, unsigned lane);

/* lane_alone.c */
/*
 * Under the lock: a batch was taken. Waits where its record is to be alone. False: lanes stop, the
 * batch went back.
 */
bool lane_enter(struct lane *lane, unsigned count);
/* Under the lock: it was given back. */
void lane_leave(struct lane *lane);
/* The same for a runner's record; when false, giving it back is the caller's. */
bool runner_enter(
	struct worker *worker, struct page_lane *page_lane, const struct record *record);
void runner_leave(struct worker *worker, struct page_lane *page_lane);

/* quarantine.c */
/* The supervisor says that no handler is to see this record again. */
void quarantine_condemn(struct worker *worker, const struct proto_condemn *told);
/* Mark a record that enters the scheduler: condemned, or to be worked alone. */
void quarantine_mark(struct worker *worker, const struct partition *p, struct record *record);
void quarantine_fini(struct worker *worker);

/* clerk.c */
int clerk_start(struct worker *worker, struct err *err);
void clerk_stop(struct worker *worker);
/* Have the starts of all partitions found out that are due for it. */
void clerk_ask_open(struct worker *worker, int64_t now_us);
void clerk_tell_committed(struct worker *worker, const struct partition *partition);
/* It is not ours any more: do not follow it. */
void clerk_forget(struct worker *worker, const struct partition *partition);
void clerk_tell_pause(struct worker *worker, const struct pause *pause);
/* Main thread: take in what the clerk found out. */
void clerk_collect(struct worker *worker);

/* sweeper.c */
/* Nothing where ids are kept for ever, or the store forgets by itself. */
int sweeper_start(struct worker *worker, struct err *err);
void sweeper_stop(struct worker *worker);

/* open.c */
void worker_init_locks(struct worker *worker);
void worker_init_core(struct worker *worker);
struct store_options worker_store_options(const struct worker *worker); /* borrowed */
/* Opens everything up to the lanes. Fails with `err`; exit_status is set where it is known. */
int worker_open(struct worker *worker, struct err *err);

/* worker.c */
/* One sign of life, and what supervisor and signals ask for. */
void worker_listen(struct worker *worker);
/* The source's listener; `context` is the worker. */
void worker_on_event(void *context, const struct source_event *event);
void worker_pause(struct worker *worker, bool is_paused, const char *text);
/* A frame to the supervisor. */
void worker_send(struct worker *worker, const struct proto_frame *frame);
void worker_fail(struct worker *worker, int exit_status, const struct err *err);

/* pausing.c */
/* The supervisor said so. */
void pausing_told(struct worker *worker, const struct pause *pause);
/* It was found in the store. */
void pausing_found(struct worker *worker, const struct pause *pause);
/* The worker itself pauses its consumer. */
void pausing_begin(struct worker *worker, const char *who, const char *reason);
/* What was told before there was a clerk. */
void pausing_tell_clerk(struct worker *worker);
/* Obey what is in force now. */
void pausing_tick(struct worker *worker);

/* orders.c */
void orders_take(struct worker *worker, const struct proto_order *order);
void orders_tick(struct worker *worker, int64_t now_us);

/* skip.c */
/* 1: not yet; 0: settled; -errno with err. */
int skip_try(struct worker *worker, struct partition *p, const struct proto_order *order,
	struct err *err);
/* Who had a record skipped and why: for the log and the page. */
const char *skip_text(const struct skip *skip);
void skips_fini(struct worker *worker);

/* show.c */
void show_tick(struct worker *worker, int64_t now_us);
void show_status_line(struct worker *worker);
