/*
 * test_unit_random - the unit of work under random batches, faults and crashes, by seed
 *
 * usage: test_unit_random [FIRST_SEED [COUNT]]
 *
 * Partitions are worked through in random batches of runs, by seed with sets, or with two contents
 * of an id as two events. Operations of the store fail; now and then the process "crashes": memory
 * is gone, partitions are read again from below. In the end every event took effect once or died.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "unit_bench.h"

enum {
	STRANDS_MAX = 6,
	LENGTH_MAX = 14,
	IDS_MAX = 50,
	ROUNDS_WITH_FAULTS = 40,
	ROUNDS_MAX = 1000,
	FAULTS_MAX = 3,
};

/* A record of the log, and what is known of its ends. */
struct entry {
	char id[16]; /* "": undecodable */
	const char *what;
	bool is_poison; /* its statement is refused */
	bool is_flaky; /* its statement is refused now and then, for this time */
	bool is_deferred; /* COMMIT with its effect is refused */
	bool is_dead, is_skipped, is_collided; /* dead, because another event has its id */
	char words[1024]; /* of its first dead letter */
};

struct partition_log {
	struct entry entries[LENGTH_MAX + 1]; /* by offset, from 1 */
	unsigned length;
	unsigned polled; /* offsets up to this are in memory or settled */
	unsigned settled; /* offsets up to this are settled */
	unsigned unacked; /* first dead letter that is not acknowledged, 0 none */
	struct record *queue[LENGTH_MAX]; /* polled, not settled */
	unsigned queued;
};

struct world {
	uint64_t seed, random;
	struct unit_bench *bench;
	unsigned strands, ids;
	bool has_faults, has_sets, has_digests, has_batches;
	struct partition_log logs[STRANDS_MAX];
	unsigned attempts_before[BENCH_BATCH_MAX];
	int64_t failed_before_us[BENCH_BATCH_MAX];
	bool was_covered[BENCH_BATCH_MAX]; /* its failure, by an outage that another may replace */
	size_t calls_before;
};

static uint64_t below(struct world *world, uint64_t limit)
{
	uint64_t x = world->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	world->random = x;
	return (x >> 11) % limit;
}

static void claim_that(const struct world *world, bool is_so, const char *what)
{
	if (!is_so) {
		fail_msg("seed %llu: not so: %s", (unsigned long long)world->seed, what);
	}
}

/* ---- the log ---- */

static void fill_entry(struct world *world, struct entry *entry)
{
	static const char *const whats[] = { "reject", "retry-first", "skip" };

	if (below(world, 20) == 0) {
		return; /* undecodable */
	}
	snprintf(entry->id, sizeof(entry->id), "id-%u", (unsigned)below(world, world->ids));
	entry->what = below(world, 3) == 0 && !world->has_batches ? "ask" : NULL;
	switch (below(world, 6)) {
	case 0:
		entry->what = whats[below(world, 3)];
		return;
	case 1:
		entry->is_poison = below(world, 2);
		entry->is_deferred = !entry->is_poison;
		return;
	case 2:
		entry->is_flaky = true;
		return;
	default:
		return;
	}
}

static void fill_logs(struct world *world)
{
	world->strands = 1 + (unsigned)below(world, STRANDS_MAX);
	world->ids = 4 + (unsigned)below(world, IDS_MAX - 4);
	for (unsigned s = 0; s < world->strands; s++) {
		struct partition_log *log = &world->logs[s];
		log->length = 1 + (unsigned)below(world, LENGTH_MAX);
		for (unsigned offset = 1; offset <= log->length; offset++) {
			fill_entry(world, &log->entries[offset]);
		}
	}
}

static bool awaits_ack(const struct world *world)
{
	for (unsigned s = 0; s < world->strands; s++) {
		if (world->logs[s].unacked) {
			return true;
		}
	}
	return false;
}

static bool is_all_settled(const struct world *world)
{
	for (unsigned s = 0; s < world->strands; s++) {
		if (world->logs[s].settled < world->logs[s].length || world->logs[s].unacked) {
			return false;
		}
	}
	return true;
}

/* ---- polling, as the worker does ---- */

static void poll(struct world *world, unsigned strand)
{
	struct partition_log *log = &world->logs[strand];
	unsigned offset = ++log->polled;
	const struct entry *entry = &log->entries[offset];
	struct unit_bench *bench = world->bench;
	const struct bench_record wanted = { .strand = strand,
		.offset = offset,
		.id = entry->id,
		.what = entry->what,
		.value = entry->id[0] ? NULL : "{" };
	unsigned index = bench_put(bench, &wanted);

	log->queue[log->queued++] = bench->records[index];
	bench_restore_attempts(bench, bench->records[index]);
	bench->count--;
}

static void crash(struct world *world)
{
	for (unsigned s = 0; s < world->strands; s++) {
		struct partition_log *log = &world->logs[s];
		while (log->queued > 0) {
			record_free(log->queue[--log->queued]);
		}
		if (log->unacked) {
			log->settled = log->unacked - 1;
		}
		log->unacked = 0;
		log->polled = log->settled = (unsigned)below(world, log->settled + 1);
	}
}

/* ---- a batch ---- */

static void take_run(struct world *world, unsigned strand)
{
	struct partition_log *log = &world->logs[strand];
	unsigned count;

	while (log->polled < log->length && below(world, 4) > 0) {
		poll(world, strand);
	}
	count = log->queued ? 1 + (unsigned)below(world, log->queued) : 0;
	for (unsigned i = 0; i < count; i++) {
		world->attempts_before[world->bench->count] = log->queue[i]->attempts;
		world->failed_before_us[world->bench->count] = log->queue[i]->last_failure_us;
		world->was_covered[world->bench->count] =
			bench_is_covered(world->bench, log->queue[i]->last_failure_us);
		world->bench->records[world->bench->count++] = log->queue[i];
	}
}

static void take_batch(struct world *world)
{
	unsigned first = (unsigned)below(world, world->strands);

	world->bench->count = 0;
	world->calls_before = world->bench->call_count;
	for (unsigned i = 0; i < world->strands; i++) {
		if (below(world, 4) > 0) {
			take_run(world, (first + i) % world->strands);
		}
	}
}

static void script_entries(struct world *world)
{
	for (unsigned s = 0; s < world->strands; s++) {
		for (unsigned offset = 1; offset <= world->logs[s].length; offset++) {
			const struct entry *entry = &world->logs[s].entries[offset];
			if (entry->is_poison) {
				bench_fail_statement(
					world->bench, entry->id, STORE_STATEMENT, "22P02");
			}
			if (entry->is_flaky && world->has_faults && below(world, 2)) {
				bench_fail_statement(
					world->bench, entry->id, STORE_TIMEOUT, "57014");
			}
			if (entry->is_deferred) {
				bench_fail(world->bench,
					&(struct fake_fault){ STORE_OP_COMMIT, entry->id,
						.failure = STORE_STATEMENT, .code = "23514" });
			}
		}
	}
}

static void script_fault(struct world *world)
{
	static const enum store_op ops[] = { STORE_OP_BEGIN, STORE_OP_CLAIM, STORE_OP_SAVEPOINT,
		STORE_OP_RELEASE, STORE_OP_STATEMENT, STORE_OP_QUERY, STORE_OP_SET, STORE_OP_DECIDE,
		STORE_OP_COMMIT, STORE_OP_COMMIT, STORE_OP_ROLLBACK };
	static const struct {
		enum store_failure failure;
		const char *code;
	} failures[] = { { STORE_LOST, "" }, { STORE_UNAVAILABLE, "57P03" },
		{ STORE_CONFLICT, "40P01" }, { STORE_TIMEOUT, "57014" },
		{ STORE_STATEMENT, "42P01" }, { STORE_ROLLED_BACK, "" } };
	struct fake_fault fault = { .op = ops[below(world, sizeof(ops) / sizeof(ops[0]))],
		.skip = (unsigned)below(world, 6),
		.times = 1 + (unsigned)below(world, 2) };
	unsigned kind = (unsigned)below(world, fault.op == STORE_OP_COMMIT ? 6 : 5);

	if (fault.op == STORE_OP_ROLLBACK) {
		kind = 0; /* nothing else can happen to it */
	}
	fault.failure = failures[kind].failure;
	fault.code = failures[kind].code;
	fault.is_after =
		fault.op == STORE_OP_COMMIT && fault.failure == STORE_LOST && below(world, 2);
	bench_fail(world->bench, &fault);
}

static void script(struct world *world)
{
	fake_store_heal(world->bench->store);
	fake_store_allow_sets(world->bench->store, world->has_sets && below(world, 8) > 0);
	for (uint64_t i = world->has_faults ? below(world, FAULTS_MAX + 1) : 0; i > 0; i--) {
		script_fault(world);
	}
	script_entries(world);
}

/* ---- what became of it ---- */

static bool has_ended(enum unit_end end)
{
	return end == UNIT_DONE || end == UNIT_DUPLICATE || end == UNIT_SKIPPED || end == UNIT_DEAD;
}

static void note_dead_letter(struct world *world, struct entry *entry, const struct unit_work *work)
{
	const struct record *record = work->record;
	struct partition_log *log = &world->logs[record->item.slot];
	char words[1024];

	snprintf(words, sizeof(words), "%d %u %lld %lld %s %s", (int)work->reason, record->attempts,
		(long long)record->first_failure_ms, (long long)record->last_failure_ms, work->code,
		work->text);
	claim_that(world, !entry->words[0] || strcmp(entry->words, words) == 0,
		"a repeated dead letter says what the first one said");
	snprintf(entry->words, sizeof(entry->words), "%s", words);
	entry->is_collided = work->reason == PAGE_COLLISION;
	/* produced, unless the process dies before that */
	if (!world->has_faults || below(world, 4) > 0) {
		entry->is_dead = true;
	} else if (!log->unacked) {
		log->unacked = (unsigned)record->item.offset;
	}
}

/* When the batch began, or meanwhile. */
static bool was_in_outage(const struct world *world, unsigned i)
{
	return world->was_covered[i] || bench_is_covered(world->bench, world->failed_before_us[i]);
}

static void note_end(struct world *world, unsigned i)
{
	const struct unit_work *work = &world->bench->unit.works[i];
	const struct record *record = work->record;
	struct partition_log *log = &world->logs[record->item.slot];
	struct entry *entry = &log->entries[record->item.offset];

	if (work->end == UNIT_DEAD) {
		note_dead_letter(world, entry, work);
	} else {
		/* but a failure that turned out to be part of an outage is taken back */
		unsigned wanted = world->attempts_before[i] + (work->end == UNIT_RETRY);
		claim_that(world,
			record->attempts == wanted ||
				(record->attempts + 1 == wanted && was_in_outage(world, i)),
			"exactly those who end as retry are charged, once");
	}
	entry->is_skipped = entry->is_skipped || work->end == UNIT_SKIPPED;
	if (has_ended(work->end)) {
		claim_that(world, log->queue[0] == record,
			"nothing ends behind an unfinished record of its strand");
		claim_that(
			world, log->settled + 1 == record->item.offset, "offsets settle in order");
		log->settled++;
		memmove(log->queue, log->queue + 1, --log->queued * sizeof(log->queue[0]));
		record_free(work->record);
	}
}

static void check_calls(const struct world *world)
{
	const struct unit_bench *bench = world->bench;
	size_t called = 0, i = world->calls_before;
	for (; i < bench->call_count; i++) {
		called += !bench->calls[i].has_asked;
	}
	claim_that(world, called <= bench->count, "a handler that asks nothing is called once");
}

static void run_batch(struct world *world)
{
	struct unit_bench *bench = world->bench;

	bench_let_probe(bench);
	bench_run(bench);
	check_calls(world);
	for (unsigned i = 0; i < bench->count; i++) {
		claim_that(world, bench->unit.works[i].end != UNIT_OPEN, "everything has an end");
		note_end(world, i);
	}
	bench->count = 0;
	assert_int_equal(fake_store_ops.session_ready(bench->session, NULL), 0);
}

/* ---- the end ---- */

struct id_facts {
	unsigned strand, records; /* where it stands, if it stands once */
	bool is_dead, is_skipped;
	bool may_be_skipped; /* the answer to the COMMIT of a skip may be lost */
	unsigned last_offset;
};

static struct id_facts facts_of(const struct world *world, const char *id)
{
	struct id_facts facts = { 0 };

	for (unsigned s = 0; s < world->strands; s++) {
		for (unsigned offset = 1; offset <= world->logs[s].length; offset++) {
			const struct entry *entry = &world->logs[s].entries[offset];
			if (strcmp(entry->id, id) == 0) {
				facts.records++;
				facts.strand = s;
				facts.last_offset = offset;
				facts.is_dead |= entry->is_dead && !entry->is_collided;
				facts.is_skipped |= entry->is_skipped;
				facts.may_be_skipped |=
					entry->what && strcmp(entry->what, "skip") == 0;
			}
		}
	}
	return facts;
}

static void check_ids(const struct world *world)
{
	for (unsigned i = 0; i < IDS_MAX; i++) {
		char id[16];
		snprintf(id, sizeof(id), "id-%u", i);
		const struct id_facts facts = facts_of(world, id);
		size_t effects = bench_effects(world->bench, id);
		claim_that(world, effects <= 1, "an event takes effect at most once");
		claim_that(world, !(effects && facts.is_dead), "no effect and dead letter");
		claim_that(world,
			!facts.records || (effects > 0) + facts.is_dead + facts.is_skipped <= 1,
			"an event has one end");
		const struct fake_row *row = bench_row(world->bench, id);
		bool is_decided = row && row->outcome == STORE_OUTCOME_DLQ;
		claim_that(world, is_decided == facts.is_dead,
			"what is decided is produced, and nothing else");
		claim_that(world,
			!facts.records || effects || is_decided || (row && facts.may_be_skipped),
			"no event is lost");
	}
}

static void check_order(const struct world *world)
{
	const struct fake_rows *rows = fake_store_rows(world->bench->store);
	unsigned last[STRANDS_MAX] = { 0 };

	for (size_t i = 0; i < rows->effect_count; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%.*s", (int)rows->effects[i].values[0].len,
			rows->effects[i].values[0].data);
		const struct id_facts facts = facts_of(world, id);
		if (facts.records == 1) {
			claim_that(world, facts.last_offset > last[facts.strand],
				"effects of a strand come in its order");
			last[facts.strand] = facts.last_offset;
			long answer = bench_last_answer(world->bench, id);
			claim_that(world, answer < 0 || answer == (long)i,
				"a query sees all that comes before it, and nothing else");
		}
	}
}

/* Is the row of its id that of an event with another content? */
static bool is_of_another(const struct world *world, const struct entry *entry)
{
	const struct fake_row *row = bench_row(world->bench, entry->id);
	const struct entry *first =
		row ? &world->logs[row->position.partition].entries[row->position.offset] : entry;

	return strcmp(entry->what ? entry->what : "", first->what ? first->what : "") != 0;
}

static void check_entries(const struct world *world)
{
	for (unsigned s = 0; s < world->strands; s++) {
		for (unsigned offset = 1; offset <= world->logs[s].length; offset++) {
			const struct entry *entry = &world->logs[s].entries[offset];
			bool collides = world->has_digests && is_of_another(world, entry);
			claim_that(world, entry->id[0] || entry->is_dead,
				"what cannot be decoded is a dead letter");
			claim_that(world,
				entry->is_collided == collides && collides <= entry->is_dead,
				"another content is a dead letter, and nothing else collides");
		}
	}
}

static void run_seed(uint64_t seed)
{
	struct world *world = NEW(struct world);
	unsigned round = 0;

	world->random = (world->seed = seed) * 0x9e3779b97f4a7c15u + 1;
	world->has_sets = seed % 2;
	world->has_digests = seed / 2 % 2;
	world->has_batches = seed % 3 == 0;
	world->bench = bench_open(&(struct bench_options){
		.has_digests = world->has_digests, .has_batches = world->has_batches });
	fill_logs(world);
	for (; round < ROUNDS_MAX && !is_all_settled(world); round++) {
		world->has_faults = round < ROUNDS_WITH_FAULTS;
		if ((world->has_faults && below(world, 10) == 0) || awaits_ack(world)) {
			crash(world);
		}
		take_batch(world);
		script(world);
		run_batch(world);
	}
	claim_that(world, round < ROUNDS_MAX, "everything ends when nothing fails any more");
	check_ids(world);
	check_order(world);
	check_entries(world);
	claim_that(world, fake_store_rows(world->bench->store)->attempt_count == 0,
		"attempts end with their records");
	bench_close(world->bench);
	free(world);
}

static uint64_t first_seed = 1, seed_count = 300;

static void every_event_takes_effect_once_or_is_a_dead_letter(void **state)
{
	for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
		run_seed(seed);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_takes_effect_once_or_is_a_dead_letter),
	};

	if (argc > 1) {
		first_seed = strtoull(argv[1], NULL, 10);
		seed_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
