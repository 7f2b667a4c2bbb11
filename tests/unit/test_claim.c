/*
 * test_claim - what a row says about a claim: every outcome, against every kind of claim
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/claim.h"

enum content { SAME, OTHER, OTHER_KIND, UNKEPT };

static struct store_claim claim_with(bool is_replay)
{
	struct store_claim claim = { .has_digest = true, .is_replay = is_replay };

	memset(claim.digest, 'x', sizeof(claim.digest));
	return claim;
}

static struct slice row_digest(enum content content, uint8_t bytes[STORE_DIGEST_SIZE])
{
	memset(bytes, 'x', STORE_DIGEST_SIZE);
	bytes[STORE_DIGEST_SIZE - 1] = content == SAME ? 'x' : 'y';
	bytes[0] = content == OTHER_KIND ? 'k' : 'x';
	return content == UNKEPT ? SLICE_NULL : slice_from(bytes, STORE_DIGEST_SIZE);
}

static const struct {
	const char *what;
	bool is_replay; /* the claim */
	struct {
		enum store_outcome outcome;
		bool is_same_position, is_replay;
		int64_t left_us;
	} row;
	/* by enum content */
	enum claim_verdict verdicts[4];
} rows[] = {
	{ "done, at another position", false, { STORE_OUTCOME_DONE },
		{ CLAIM_DUPLICATE, CLAIM_COLLISION, CLAIM_DUPLICATE, CLAIM_DUPLICATE } },
	{ "done, here", false, { STORE_OUTCOME_DONE, true },
		{ CLAIM_DUPLICATE, CLAIM_DUPLICATE, CLAIM_DUPLICATE, CLAIM_DUPLICATE } },
	{ "done, for a replay", true, { STORE_OUTCOME_DONE },
		{ CLAIM_DUPLICATE, CLAIM_COLLISION, CLAIM_DUPLICATE, CLAIM_DUPLICATE } },
	{ "dead, at another position", false, { STORE_OUTCOME_DLQ },
		{ CLAIM_DUPLICATE, CLAIM_COLLISION, CLAIM_DUPLICATE, CLAIM_DUPLICATE } },
	{ "dead, here", false, { STORE_OUTCOME_DLQ, true },
		{ CLAIM_SETTLED_DLQ, CLAIM_SETTLED_DLQ, CLAIM_SETTLED_DLQ, CLAIM_SETTLED_DLQ } },
	{ "dead, for a replay", true, { STORE_OUTCOME_DLQ },
		{ CLAIM_REPLAYED, CLAIM_REPLAYED, CLAIM_REPLAYED, CLAIM_REPLAYED } },
	{ "dead, by this replay", true, { STORE_OUTCOME_DLQ, true },
		{ CLAIM_SETTLED_DLQ, CLAIM_SETTLED_DLQ, CLAIM_SETTLED_DLQ, CLAIM_SETTLED_DLQ } },
	{ "leased", false, { STORE_OUTCOME_RUNNING, false, false, 5 },
		{ CLAIM_BUSY, CLAIM_BUSY, CLAIM_BUSY, CLAIM_BUSY } },
	{ "leased, for a replay", true, { STORE_OUTCOME_RUNNING, false, false, 5 },
		{ CLAIM_BUSY, CLAIM_BUSY, CLAIM_BUSY, CLAIM_BUSY } },
	{ "lease over", false, { STORE_OUTCOME_RUNNING, false, false, 0 },
		{ CLAIM_UNKNOWN, CLAIM_COLLISION, CLAIM_UNKNOWN, CLAIM_UNKNOWN } },
	{ "lease of a replay", true, { STORE_OUTCOME_RUNNING, false, true, 5 },
		{ CLAIM_BUSY, CLAIM_BUSY, CLAIM_BUSY, CLAIM_BUSY } },
	{ "lease of a replay over", false, { STORE_OUTCOME_RUNNING, false, true, -1 },
		{ CLAIM_DUPLICATE, CLAIM_COLLISION, CLAIM_DUPLICATE, CLAIM_DUPLICATE } },
	{ "lease of a replay over, for another", true, { STORE_OUTCOME_RUNNING, false, true, -1 },
		{ CLAIM_REPLAYED, CLAIM_REPLAYED, CLAIM_REPLAYED, CLAIM_REPLAYED } },
	{ "lease of a replay over, of the dead letter here", false,
		{ STORE_OUTCOME_RUNNING, true, true, 0 },
		{ CLAIM_SETTLED_DLQ, CLAIM_SETTLED_DLQ, CLAIM_SETTLED_DLQ, CLAIM_SETTLED_DLQ } },
};

static void a_row_says_the_same_to_every_store(void **state)
{
	uint8_t bytes[STORE_DIGEST_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned content = SAME; content <= UNKEPT; content++) {
			struct store_claim claim = claim_with(rows[i].is_replay);
			bool is_dead =
				rows[i].row.outcome == STORE_OUTCOME_DLQ || rows[i].row.is_replay;

			claim_judge(&claim,
				&(struct claim_row){
					.outcome = rows[i].row.outcome,
					.is_same_position = rows[i].row.is_same_position,
					.is_replay = rows[i].row.is_replay,
					.left_us = rows[i].row.left_us,
					.digest = row_digest((enum content)content, bytes),
				});
			if (claim.verdict != rows[i].verdicts[content]) {
				print_error("%s, content %u\n", rows[i].what, content);
			}
			assert_int_equal(claim.verdict, rows[i].verdicts[content]);
			assert_int_equal(claim.busy_us, claim.verdict == CLAIM_BUSY ? 5 : 0);
			assert_int_equal(claim.is_dead_elsewhere,
				is_dead && claim.verdict == CLAIM_DUPLICATE);
		}
	}
}

static void a_claim_without_a_digest_differs_from_nothing(void **state)
{
	struct store_claim claim = claim_with(false);
	uint8_t bytes[STORE_DIGEST_SIZE];

	assert_true(claim_differs(&claim, row_digest(OTHER, bytes)));
	claim.has_digest = false;
	assert_false(claim_differs(&claim, row_digest(OTHER, bytes)));
}

static void a_digest_of_another_length_is_none(void **state)
{
	struct store_claim claim = claim_with(false);

	assert_false(claim_differs(&claim, SLICE_LITERAL("xy")));
	assert_false(claim_differs(&claim, SLICE_LITERAL("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_says_the_same_to_every_store),
		cmocka_unit_test(a_claim_without_a_digest_differs_from_nothing),
		cmocka_unit_test(a_digest_of_another_length_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
