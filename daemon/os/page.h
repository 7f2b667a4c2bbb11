/*
 * page - what a worker shows while it works, readable after it died
 *
 * fd 5 of a worker: a file in state.dir (or a memfd) mapped by worker and supervisor. Written by
 * the worker (main thread and lanes, relaxed atomics), read by the supervisor, which trusts nothing
 * in it: sizes and indexes are checked by the page_ functions. Counters only grow while the page
 * lives; the supervisor keeps the page of a slot over restarts of its worker, so that counters go
 * on.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "os/page_verdict.h"

enum {
	PAGE_VERSION = 6,
	PAGE_PARTITIONS_MAX = 4096,
	PAGE_LANES_MAX = 64,
	PAGE_HANDLERS_MAX = 32,
	PAGE_TOPIC_MAX = 256, /* Kafka: 249 */
	PAGE_TEXT_MAX = 256,
	PAGE_CLUSTER_MAX = 64,
	PAGE_BUILD_ID_MAX = 41, /* 20 bytes in hexadecimal */
	PAGE_BUCKETS = 20,
	PAGE_OWNER_SIZE = 16,
};

typedef _Atomic uint64_t page_counter;
typedef _Atomic int64_t page_gauge;

/* How a record ended, §11 `result`. */
enum page_result {
	PAGE_DONE, PAGE_DUPLICATE, PAGE_SKIPPED, PAGE_DEAD_LETTERED,
	PAGE_DEFERRED, /* it goes on in a retry topic */
	PAGE_RESULTS
};

/* `onced-reason` of a dead letter. */
enum page_reason {
	PAGE_UNDECODABLE, PAGE_REJECTED, PAGE_EXHAUSTED, PAGE_CRASH, PAGE_TIMEOUT, PAGE_COLLISION,
	PAGE_UNROUTED,
	PAGE_REASONS
};

enum page_partition_state {
	PAGE_PARTITION_FREE, /* slot never used */
	PAGE_PARTITION_REVOKED, /* not ours now: gauges vanish, counters stay */
	PAGE_PARTITION_OPENING, /* assigned, start offset being found out */
	PAGE_PARTITION_RUNNING,
	PAGE_PARTITION_HELD, /* see text */
	PAGE_PARTITION_PAUSED,
	PAGE_PARTITION_UNASSIGNED, /* no member of the group has it; seen by us from outside */
	PAGE_PARTITION_STATES
};

/* What a lane is doing with the record in hand. */
enum page_stage {
	PAGE_STAGE_IDLE, PAGE_STAGE_CLAIM, PAGE_STAGE_HANDLER, PAGE_STAGE_EFFECTS,
	PAGE_STAGE_COMMIT,
	PAGE_STAGE_STORE_DOWN, /* waits for the store */
	/* in a handler with several records: none of them is the one in hand */
	PAGE_STAGE_BATCH,
	PAGE_STAGES
};

/* A short text changed now and then: odd `sequence` while it is written. */
struct page_text {
	_Atomic uint32_t sequence;
	char text[PAGE_TEXT_MAX];
};

/* Upper bounds in microseconds are page_bucket_us[]; the last bucket is +Inf. */
struct page_histogram {
	page_counter buckets[PAGE_BUCKETS];
	page_counter sum_us;
};
extern const int64_t page_bucket_us[PAGE_BUCKETS - 1];

struct page_partition {
	char topic[PAGE_TOPIC_MAX];
	int32_t partition;
	_Atomic uint32_t state; /* page_partition_state; set after topic and partition */
	_Atomic uint32_t epoch;
	page_gauge committed; /* last committed offset, -1 unknown */
	page_gauge end_offset; /* log end, -1 unknown */
	/* wall clock when the first unsettled record was polled, 0 none */
	page_gauge first_unsettled_ms;
	page_gauge first_unsettled_offset; /* -1 none */
	page_gauge parked, held, ahead;
	page_counter consumed, settled[PAGE_RESULTS], abandoned, retries;
	page_counter dead_letters[PAGE_REASONS];
	page_counter stale; /* results for a dead epoch, dropped */
	/* past the last offset that a lane had in hand, 0 none; only where handlers may crash */
	page_gauge taken_below;
	/* the supervisor's word: offsets of this range are worked alone; 0, 0 none */
	page_gauge alone_from, alone_below;
	struct page_text text; /* why it is held or lost; "" when nothing is the matter */
};

/* Whose doing is the signal that ended a process? */
enum page_crash_origin {
	PAGE_CRASH_OWN, /* of the code in it */
	PAGE_CRASH_FOREIGN, /* another process sent it */
	PAGE_CRASH_SHORTAGE, /* it ended itself for want of a thread or memory */
};

/* Does any other lane have anything in hand? */
enum page_alone {
	PAGE_NOT_ALONE,
	PAGE_ALONE,
	PAGE_ALONE_AFTER, /* alone, and its handler has been called and returned */
};

struct page_lane {
	_Atomic uint32_t stage;
	_Atomic uint32_t partition_index; /* into partitions */
	page_gauge offset;
	_Atomic uint32_t attempt;
	_Atomic uint32_t handler; /* index into handlers */
	page_gauge started_us; /* monotonic */
	_Atomic uint32_t batch; /* records in the batch in hand */
	page_gauge timestamp_ms; /* of the record in hand */
	_Atomic uint32_t is_alone; /* page_alone */
};

struct page_handler {
	char name[65];
	char build_id[PAGE_BUILD_ID_MAX]; /* of a plugin's library, "" none */
	struct page_histogram seconds;
	/* its records are held, and one at a time is tried: see core/outage.h */
	_Atomic uint32_t is_outage;
	page_gauge outage_since_ms; /* wall clock */
	page_gauge outage_records; /* different ones that failed before that was decided */
	page_gauge outage_probes;
	struct page_text outage_text; /* how they failed */
};

/* Who cannot reach the store. Each has sessions of its own, and takes back only its own word. */
enum page_store_user {
	PAGE_STORE_OF_LANES = 1, /* the ledger too */
	PAGE_STORE_OF_CLERK = 2,
};

struct page {
	/* these three are read from the file before it is mapped */
	uint32_t magic, version;
	uint64_t size;
	_Atomic int32_t pid;
	char cluster_id[PAGE_CLUSTER_MAX]; /* "" not known yet */
	/* the last words of a signal handler: its signal, and its lane + 1 (0: no lane) */
	_Atomic uint32_t crash_signal, crash_lane;
	_Atomic uint32_t crash_origin; /* enum page_crash_origin */
	page_gauge heartbeat_us; /* monotonic; the main loop writes it at least once a second */
	page_gauge started_ms; /* wall clock */
	_Atomic uint32_t partition_count, lane_count, handler_count; /* slots in use */
	_Atomic uint32_t joined; /* has had an assignment (also an empty one) since it started */
	page_counter commits, commit_errors, rebalances, store_errors, log_dropped, fetch_errors;
	/* of effects made elsewhere: leases of another life taken over, and ours lost to others */
	page_counter leases_taken_over, leases_lost;
	page_counter swept; /* rows of ended events that the store forgot with time */
	/* wall clock: the store last did a step of that, or had nothing to do; 0: not wanted */
	page_gauge swept_ms;
	/* by stores that may forget: leases in hand, and all they were told */
	page_counter leases_forgotten, store_losses;
	/* who holds this slot's leases: made once, so that a worker finds its predecessor's */
	uint8_t lease_owner[PAGE_OWNER_SIZE];
	/* partitions that nobody has, for which there is no room below, and their lag */
	page_gauge untold, untold_lag;
	page_gauge in_flight_bytes;
	/* sum of the library's queue bounds for the present assignment */
	page_gauge prefetch_bound_bytes;
	_Atomic uint32_t store_is_down; /* for whom: enum page_store_user, a bit each */
	_Atomic uint32_t dlq_is_down, broker_is_down, is_paused;
	struct page_text store_text, dlq_text, broker_text, pause_text;
	struct page_histogram settle_seconds, commit_seconds;
	struct page_handler handlers[PAGE_HANDLERS_MAX];
	struct page_lane lanes[PAGE_LANES_MAX];
	struct page_partition partitions[PAGE_PARTITIONS_MAX];
	struct page_verdicts verdicts[PAGE_PARTITIONS_MAX]; /* of the partition of that index */
};

/*
 * Create (or take over, when magic, version and size are right) the page file `path`, 0600; with
 * path NULL a memfd. The file's blocks are allocated, so that a full disk is an error here and not
 * a SIGBUS later. The fd is close-on-exec. Returns 0 and both, or -errno.
 */
int page_create(const char *path, int *ret_fd, struct page **ret, struct err *err);
/* Map an inherited fd; -EPROTO when it is not a page of this version. */
int page_map(int fd, struct page **ret);
void page_unmap(struct page *page);

/*
 * A worker starts on a page that may have counters of its predecessor: clear gauges, lanes and
 * texts, keep counters and verdicts.
 */
void page_begin(struct page *page, int32_t pid, int64_t now_us, int64_t wall_ms);

/*
 * Index of (topic, partition), a new slot (state REVOKED) if needed; -ENOSPC when all are used,
 * -EINVAL for a topic that is no topic. Worker's main thread.
 */
int page_partition_index(struct page *page, const char *topic, int32_t partition);
/* The same for one that nobody here has; a new slot only while fewer than `room` are used. */
int page_partition_told(
	struct page *page, const char *topic, int32_t partition, unsigned room);

/* Records that ended, all partitions together. */
uint64_t page_settled(const struct page *page);

/* Records in hand: consumed and neither settled nor abandoned. */
uint64_t page_partition_in_flight(const struct page_partition *partition);

/*
 * Supervisor, after the worker is gone: book what was in flight as abandoned (consumed - settled -
 * abandoned of every partition), clear gauges, lanes and texts. Returns the number booked. Read the
 * scoreboard first.
 */
uint64_t page_bury(struct page *page);

/*
 * Index of the handler of that name, a new slot if needed; -ENOSPC when all are used. Names keep
 * their slot as long as the page lives, so that a histogram never changes its owner. Worker's main
 * thread, before lanes start.
 */
int page_handler_index(struct page *page, const char *name);

/*
 * Slots in use, never more than there are, whatever the page says. For the reader of a foreign
 * page.
 */
unsigned page_partitions_used(const struct page *page);
unsigned page_lanes_used(const struct page *page);
unsigned page_handlers_used(const struct page *page);

/* Any thread of the worker; one text at a time. */
void page_text_set(struct page_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A consistent copy (or "" after some tries); always NUL-terminated. */
void page_text_get(const struct page_text *text, char ret[PAGE_TEXT_MAX]);

void page_histogram_add(struct page_histogram *histogram, int64_t us);

static inline void page_add(page_counter *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}
static inline uint64_t page_read(const page_counter *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}
static inline void page_set(page_gauge *gauge, int64_t value)
{
	atomic_store_explicit(gauge, value, memory_order_relaxed);
}
static inline int64_t page_get(const page_gauge *gauge)
{
	return atomic_load_explicit(gauge, memory_order_relaxed);
}

/*
 * For the reader of a foreign page: a broken one may hold any number, and sums of it must not
 * overflow.
 */
#define PAGE_GAUGE_MAX (INT64_C(1) << 44) /* 2^18 partitions of it still fit */
static inline int64_t page_get_within(const page_gauge *gauge, int64_t min, int64_t max)
{
	int64_t value = page_get(gauge);

	return value < min ? min : value > max ? max : value;
}

/* "done", "duplicate", "skipped", "dead_lettered", "deferred" */
extern const char *const page_result_names[PAGE_RESULTS];
extern const char *const page_reason_names[PAGE_REASONS]; /* "undecodable", ... */
extern const char *const page_stage_names[PAGE_STAGES];

/* Is foreign code at work in the lane? */
static inline bool page_lane_is_in_handler(const struct page_lane *lane)
{
	uint32_t stage = atomic_load(&lane->stage);

	return stage == PAGE_STAGE_HANDLER || stage == PAGE_STAGE_BATCH;
}
