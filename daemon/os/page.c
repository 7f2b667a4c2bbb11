/*
 * page - what a worker shows while it works, readable after it died
 *
 * Runs in: supervisor (create, bury, read) and worker (map, begin, write).
 * The reader trusts nothing: every count it loops over goes through page_*_used(), every text
 * through page_text_get(), every topic through its own bound.
 */
#include "os/page.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { PAGE_MAGIC = 0x6f6e6364 }; /* "oncd" */

/*
 * Chosen around what a batch takes (1 ms) and what a person waits for (seconds); minutes for settle
 * times.
 */
const int64_t page_bucket_us[PAGE_BUCKETS - 1] = {
	100,
	250,
	500,
	1000,
	2500,
	5000,
	10000,
	25000,
	50000,
	100000,
	250000,
	500000,
	1000000,
	2500000,
	5000000,
	10000000,
	30000000,
	60000000,
	300000000,
};

const char *const page_result_names[PAGE_RESULTS] = {
	[PAGE_DONE] = "done",
	[PAGE_DUPLICATE] = "duplicate",
	[PAGE_SKIPPED] = "skipped",
	[PAGE_DEAD_LETTERED] = "dead_lettered",
	[PAGE_DEFERRED] = "deferred",
};

const char *const page_reason_names[PAGE_REASONS] = {
	[PAGE_UNDECODABLE] = "undecodable",
	[PAGE_REJECTED] = "rejected",
	[PAGE_EXHAUSTED] = "exhausted",
	[PAGE_CRASH] = "crash",
	[PAGE_TIMEOUT] = "timeout",
	[PAGE_COLLISION] = "collision",
	[PAGE_UNROUTED] = "unrouted",
};

const char *const page_stage_names[PAGE_STAGES] = {
	[PAGE_STAGE_IDLE] = "idle",
	[PAGE_STAGE_CLAIM] = "claim",
	[PAGE_STAGE_HANDLER] = "handler",
	[PAGE_STAGE_EFFECTS] = "effects",
	[PAGE_STAGE_COMMIT] = "commit",
	[PAGE_STAGE_STORE_DOWN] = "store_down",
	[PAGE_STAGE_BATCH] = "batch",
};

static bool page_is_valid(const struct page *page)
{
	return page->magic == PAGE_MAGIC && page->version == PAGE_VERSION &&
		page->size == sizeof(*page);
}

static int page_open(const char *path, struct err *err)
{
	int fd;

	if (!path) {
		fd = memfd_create("onced-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		return fd >= 0 ? fd : err_set(err, -errno, "cannot create a page: %m");
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd >= 0 ? fd : err_set(err, -errno, "cannot open the page %s: %m", path);
}

static bool file_is_page(int fd)
{
	struct {
		uint32_t magic, version;
		uint64_t size;
	} head;

	return pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
		head.magic == PAGE_MAGIC && head.version == PAGE_VERSION &&
		head.size == sizeof(struct page);
}

/*
 * Give the file its size and blocks; what is no page of ours is emptied first, so that it is all
 * zero without being touched: of verdicts only those take memory that are used.
 */
static int page_allocate(int fd, const char *path, struct err *err)
{
	const char *name = path ? path : "in memory";
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0) {
		return err_set(err, -errno, "cannot look at the page %s: %m", name);
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(err, -EINVAL, "the page %s is not a regular file", name);
	}
	if ((st.st_size != (off_t)sizeof(struct page) || !file_is_page(fd)) &&
		ftruncate(fd, 0) < 0) {
		return err_set(err, -errno, "cannot empty the page %s: %m", name);
	}
	r = posix_fallocate(fd, 0, sizeof(struct page));
	if (r > 0) {
		return err_set(err, -r, "cannot allocate %zu bytes for the page %s: %s",
			sizeof(struct page), name, strerror(r));
	}
	if (!path) {
		/* A worker that shrank it would crash the supervisor's next look. */
		(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	}
	return 0;
}

int page_create(const char *path, int *ret_fd, struct page **ret, struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct page *page;
	int r;

	fd = page_open(path, err);
	if (fd < 0) {
		return fd;
	}
	r = page_allocate(fd, path, err);
	if (r < 0) {
		return r;
	}
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		return err_set(err, -errno, "cannot map the page: %m");
	}
	if (!page_is_valid(page)) {
		page->version = PAGE_VERSION;
		page->size = sizeof(*page);
		page->magic = PAGE_MAGIC;
	}
	*ret_fd = TAKE_FD(fd);
	*ret = page;
	return 0;
}

int page_map(int fd, struct page **ret)
{
	struct page *page;
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (st.st_size != (off_t)sizeof(*page)) {
		return -EPROTO;
	}
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		return -errno;
	}
	if (!page_is_valid(page)) {
		munmap(page, sizeof(*page));
		return -EPROTO;
	}
	*ret = page;
	return 0;
}

void page_unmap(struct page *page)
{
	if (page) {
		munmap(page, sizeof(*page));
	}
}

static unsigned clamped(const _Atomic uint32_t *count, unsigned max)
{
	uint32_t value = atomic_load_explicit(count, memory_order_acquire);

	return value < max ? value : max;
}

unsigned page_partitions_used(const struct page *page)
{
	return clamped(&page->partition_count, PAGE_PARTITIONS_MAX);
}

unsigned page_lanes_used(const struct page *page)
{
	return clamped(&page->lane_count, PAGE_LANES_MAX);
}

unsigned page_handlers_used(const struct page *page)
{
	return clamped(&page->handler_count, PAGE_HANDLERS_MAX);
}

static void partition_clear_gauges(struct page_partition *partition)
{
	page_set(&partition->committed, -1);
	page_set(&partition->end_offset, -1);
	page_set(&partition->first_unsettled_ms, 0);
	page_set(&partition->first_unsettled_offset, -1);
	page_set(&partition->parked, 0);
	page_set(&partition->held, 0);
	page_set(&partition->ahead, 0);
	page_set(&partition->taken_below, 0);
	page_text_set(&partition->text, "%s", "");
	if (atomic_load(&partition->state) != PAGE_PARTITION_FREE) {
		atomic_store(&partition->state, PAGE_PARTITION_REVOKED);
	}
}

/* Everything that is a fact about one process, not about the slot. */
static void page_clear(struct page *page)
{
	unsigned partitions = page_partitions_used(page);

	/*
	 * All lanes: a worker that died half-way may have a smaller lane_count than lanes in use.
	 */
	memset(page->lanes, 0, sizeof(page->lanes));
	atomic_store(&page->lane_count, 0);
	atomic_store(&page->crash_signal, 0);
	atomic_store(&page->crash_lane, 0);
	atomic_store(&page->crash_origin, 0);
	for (unsigned i = 0; i < partitions; i++) {
		partition_clear_gauges(&page->partitions[i]);
	}
	for (unsigned i = 0; i < PAGE_HANDLERS_MAX; i++) {
		atomic_store(&page->handlers[i].is_outage, 0);
		page_text_set(&page->handlers[i].outage_text, "%s", "");
	}
	atomic_store(&page->joined, 0);
	page_set(&page->untold, 0);
	page_set(&page->untold_lag, 0);
	page_set(&page->in_flight_bytes, 0);
	page_set(&page->prefetch_bound_bytes, 0);
	atomic_store(&page->store_is_down, 0);
	atomic_store(&page->dlq_is_down, 0);
	atomic_store(&page->broker_is_down, 0);
	atomic_store(&page->is_paused, 0);
	page_text_set(&page->store_text, "%s", "");
	page_text_set(&page->dlq_text, "%s", "");
	page_text_set(&page->broker_text, "%s", "");
	page_text_set(&page->pause_text, "%s", "");
}

void page_begin(struct page *page, int32_t pid, int64_t now_us, int64_t wall_ms)
{
	page_clear(page);
	atomic_store(&page->pid, pid);
	page_set(&page->heartbeat_us, now_us);
	page_set(&page->started_ms, wall_ms);
}

int page_partition_told(struct page *page, const char *topic, int32_t partition, unsigned room)
{
	unsigned used = page_partitions_used(page);
	struct page_partition *slot;
	size_t len = strlen(topic);

	if (len == 0 || len >= PAGE_TOPIC_MAX) {
		return -EINVAL;
	}
	for (unsigned i = 0; i < used; i++) {
		slot = &page->partitions[i];
		if (slot->partition == partition && strcmp(slot->topic, topic) == 0) {
			return (int)i;
		}
	}
	if (used == PAGE_PARTITIONS_MAX || used >= room) {
		return -ENOSPC;
	}
	slot = &page->partitions[used];
	memcpy(slot->topic, topic, len + 1);
	slot->partition = partition;
	atomic_store(&slot->state, PAGE_PARTITION_REVOKED);
	partition_clear_gauges(slot);
	/* The count is what readers loop to: after the names. */
	atomic_store_explicit(&page->partition_count, used + 1, memory_order_release);
	return (int)used;
}

int page_partition_index(struct page *page, const char *topic, int32_t partition)
{
	return page_partition_told(page, topic, partition, PAGE_PARTITIONS_MAX);
}

int page_handler_index(struct page *page, const char *name)
{
	unsigned used = page_handlers_used(page);
	struct page_handler *slot;

	for (unsigned i = 0; i < used; i++) {
		if (strncmp(page->handlers[i].name, name, sizeof(page->handlers[i].name) - 1) ==
			0) {
			return (int)i;
		}
	}
	if (used == PAGE_HANDLERS_MAX) {
		return -ENOSPC;
	}
	slot = &page->handlers[used];
	snprintf(slot->name, sizeof(slot->name), "%s", name);
	atomic_store_explicit(&page->handler_count, used + 1, memory_order_release);
	return (int)used;
}

uint64_t page_settled(const struct page *page)
{
	unsigned partitions = page_partitions_used(page);
	uint64_t settled = 0;

	for (unsigned i = 0; i < partitions; i++) {
		for (int j = 0; j < PAGE_RESULTS; j++) {
			settled += page_read(&page->partitions[i].settled[j]);
		}
	}
	return settled;
}

/* What ended is read first: it was consumed before. A torn page may still say less than nothing. */
uint64_t page_partition_in_flight(const struct page_partition *partition)
{
	uint64_t ended = page_read(&partition->abandoned), consumed;

	for (int i = 0; i < PAGE_RESULTS; i++) {
		ended += page_read(&partition->settled[i]);
	}
	consumed = page_read(&partition->consumed);
	return consumed > ended ? consumed - ended : 0;
}

/* What a worker that is gone had in hand. */
static uint64_t book_abandoned(struct page *page)
{
	unsigned partitions = page_partitions_used(page);
	uint64_t booked = 0;

	for (unsigned i = 0; i < partitions; i++) {
		uint64_t unended = page_partition_in_flight(&page->partitions[i]);

		page_add(&page->partitions[i].abandoned, unended);
		booked += unended;
	}
	return booked;
}

uint64_t page_bury(struct page *page)
{
	uint64_t booked = book_abandoned(page);

	page_clear(page);
	atomic_store(&page->pid, 0);
	return booked;
}

void page_text_set(struct page_text *text, const char *format, ...)
{
	/* lanes and main thread may have something to say of the same partition */
	static pthread_mutex_t one_writer = PTHREAD_MUTEX_INITIALIZER;
	uint32_t sequence;
	char line[PAGE_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);

	pthread_mutex_lock(&one_writer);
	/* `| 1` and not `+ 1`: a writer that died in the middle left it odd. */
	sequence = atomic_load_explicit(&text->sequence, memory_order_relaxed) | 1;
	atomic_store_explicit(&text->sequence, sequence, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	memcpy(text->text, line, strlen(line) + 1);
	atomic_store_explicit(&text->sequence, sequence + 1, memory_order_release);
	pthread_mutex_unlock(&one_writer);
}

void page_text_get(const struct page_text *text, char ret[PAGE_TEXT_MAX])
{
	enum { TRIES = 100 };

	for (int i = 0; i < TRIES; i++) {
		uint32_t before = atomic_load_explicit(&text->sequence, memory_order_acquire);

		memcpy(ret, text->text, PAGE_TEXT_MAX);
		ret[PAGE_TEXT_MAX - 1] = '\0';
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 &&
			before == atomic_load_explicit(&text->sequence, memory_order_relaxed)) {
			return;
		}
	}
	ret[0] = '\0';
}

void page_histogram_add(struct page_histogram *histogram, int64_t us)
{
	int bucket = 0;

	if (us < 0) {
		us = 0; /* a producer's clock ahead of ours */
	}
	while (bucket < PAGE_BUCKETS - 1 && us > page_bucket_us[bucket]) {
		bucket++;
	}
	page_add(&histogram->buckets[bucket], 1);
	page_add(&histogram->sum_us, (uint64_t)us);
}
