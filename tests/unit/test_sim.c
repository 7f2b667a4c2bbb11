/*
 * test_sim - the core under every schedule that seeds can draw
 *
 *	test_sim [--seeds A-B] [--trace] [--mutant N]
 *
 * A violation is printed with its seed; `--seeds S-S --trace` shows that schedule step by step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "sim.h"

enum { MUTANT_SEEDS = 3000 };

/* From the command line. */
static uint64_t first_seed = 1, last_seed = 30000;

struct mutant_row {
	const char *name;
	const char *caught_by; /* invariants that may catch it, "I2 I3" */
};

static const struct mutant_row mutants[SIM_MUTANTS] = {
	[SIM_MUTANT_COMMIT_ON_POLL] = { "commit on poll", "I5" },
	[SIM_MUTANT_COMMIT_BEFORE_ACK] = { "commit before the dead letter is acknowledged", "I5" },
	[SIM_MUTANT_SKIP_DEDUP] = { "skip dedup", "I2 I3" },
	[SIM_MUTANT_GIVE_OUT_DEAD_EPOCH] = { "give out a dead epoch", "I6" },
	[SIM_MUTANT_SPLIT_STRAND] = { "a second lane gets the same strand", "I4" },
	[SIM_MUTANT_RETRY_LETS_PASS] = { "retry lets later records of the strand pass", "I4" },
	[SIM_MUTANT_COMMIT_STALE_EPOCH] = { "commit of a stale epoch", "I6" },
	[SIM_MUTANT_SETTLE_BEFORE_COMMIT] = { "settle before the transaction commits", "I5" },
	[SIM_MUTANT_COMMIT_GOES_BACK] = { "a commit goes back", "I7" },
	[SIM_MUTANT_RESUME_FROM_MEMORY] = { "resume from memory instead of the committed offset",
		"I5 I4" },
	[SIM_MUTANT_DEAD_LETTER_BEFORE_DECISION] = { "dead letter before its decision is durable",
		"I3" },
	[SIM_MUTANT_LATE_RESULT_SETTLES] = { "a late result settles in the new epoch", "I6" },
	[SIM_MUTANT_FAIL_OPEN] = { "settle while the handler's dependency is down", "I5 I4" },
	[SIM_MUTANT_EFFECT_OUTSIDE_TRANSACTION] = { "effect outside the transaction", "I2 I4" },
	[SIM_MUTANT_TRUST_LOST_COMMIT] = { "a lost commit counts as committed", "I5 I4" },
	[SIM_MUTANT_RETRY_AFTER_DECISION] = { "retry what was decided for the dead letter", "I3" },
	[SIM_MUTANT_FORGET_RELEASE] = { "a held strand is never released", "I1" },
};

static void no_schedule_breaks_an_invariant(void **state)
{
	for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
		struct sim_result result;
		sim_run(seed, SIM_MUTANT_NONE, false, &result);
		if (result.violation[0]) {
			fail_msg("seed %" PRIu64 ": %s", seed, result.violation);
		}
	}
}

static void every_planted_mutant_is_caught(void **state)
{
	for (enum sim_mutant mutant = SIM_MUTANT_NONE + 1; mutant < SIM_MUTANTS; mutant++) {
		struct sim_result result = { .violation = "" };
		uint64_t seed = 0;
		while (!result.violation[0] && seed < MUTANT_SEEDS) {
			sim_run(++seed, mutant, false, &result);
		}
		if (!result.violation[0]) {
			fail_msg("mutant \"%s\" lives after %d schedules", mutants[mutant].name,
				MUTANT_SEEDS);
		}
		char invariant[3] = { result.violation[0], result.violation[1], '\0' };
		if (!strstr(mutants[mutant].caught_by, invariant)) {
			fail_msg("mutant \"%s\" is caught by %s instead of %s",
				mutants[mutant].name, result.violation, mutants[mutant].caught_by);
		}
		print_message("  %s: seed %" PRIu64 ", %s\n", mutants[mutant].name, seed,
			result.violation);
	}
}

static void the_same_seed_gives_the_same_schedule(void **state)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct sim_result a, b;
		sim_run(seed, SIM_MUTANT_NONE, false, &a);
		sim_run(seed, SIM_MUTANT_NONE, false, &b);
		assert_int_equal(a.trace_hash, b.trace_hash);
		assert_memory_equal(&a.stats, &b.stats, sizeof(a.stats));
	}
}

/* A simulator that never reaches what it should check would pass everything. */
static void schedules_reach_every_situation(void **state)
{
	enum { FIELDS = sizeof(struct sim_stats) / sizeof(uint64_t), SEEDS = 1000 };
	static const char *const names[] = { "steps", "effects", "duplicates", "dead letters",
		"repeated dead letters", "retries", "holds", "redos", "lost before commit",
		"lost after commit", "blocked claims", "killed transactions", "crashes", "revokes",
		"losses", "freezes", "late results", "late commits", "refused commits",
		"failed dead letters", "late acks", "waits for an old epoch",
		"same id in a batch" };
	_Static_assert(sizeof(names) / sizeof(names[0]) == FIELDS, "every counter has a name");
	uint64_t sums[FIELDS] = { 0 };
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim_result result;
		uint64_t counters[FIELDS];
		sim_run(seed, SIM_MUTANT_NONE, false, &result);
		memcpy(counters, &result.stats, sizeof(counters));
		for (size_t i = 0; i < FIELDS; i++) {
			sums[i] += counters[i];
		}
	}
	for (size_t i = 0; i < FIELDS; i++) {
		print_message("  %s: %" PRIu64 "\n", names[i], sums[i]);
		if (sums[i] < SEEDS / 20) {
			fail_msg("%s: only %" PRIu64 " in %d schedules", names[i], sums[i], SEEDS);
		}
	}
}

/* For a person with a seed in hand. */
static int run_traced(enum sim_mutant mutant)
{
	struct sim_result result = { .violation = "" };
	for (uint64_t seed = first_seed; seed <= last_seed && !result.violation[0]; seed++) {
		fprintf(stderr, "seed %" PRIu64 "\n", seed);
		sim_run(seed, mutant, true, &result);
	}
	fprintf(stderr, "%s\n", result.violation[0] ? result.violation : "no violation");
	return result.violation[0] ? 1 : 0;
}

int main(int argc, char **argv)
{
	bool is_traced = false;
	unsigned long mutant = SIM_MUTANT_NONE;
	for (int i = 1; i < argc; i++) {
		bool has_value = i + 1 < argc;
		if (strcmp(argv[i], "--trace") == 0) {
			is_traced = true;
		} else if (has_value && strcmp(argv[i], "--mutant") == 0) {
			mutant = strtoul(argv[++i], NULL, 10);
		} else if (!has_value || strcmp(argv[i], "--seeds") != 0 ||
			sscanf(argv[++i], "%" SCNu64 "-%" SCNu64, &first_seed, &last_seed) != 2) {
			fprintf(stderr, "usage: %s [--seeds A-B] [--trace] [--mutant N]\n",
				argv[0]);
			return 2;
		}
	}
	if (is_traced) {
		return run_traced(mutant < SIM_MUTANTS ? (enum sim_mutant)mutant : SIM_MUTANT_NONE);
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_schedule_breaks_an_invariant),
		cmocka_unit_test(every_planted_mutant_is_caught),
		cmocka_unit_test(the_same_seed_gives_the_same_schedule),
		cmocka_unit_test(schedules_reach_every_situation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
