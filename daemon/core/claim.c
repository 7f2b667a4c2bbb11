#include "core/claim.h"

bool claim_differs(const struct store_claim *claim, struct slice digest)
{
	return claim->has_digest && digest.len == STORE_DIGEST_SIZE &&
		(uint8_t)digest.data[0] == claim->digest[0] &&
		memcmp(digest.data, claim->digest, STORE_DIGEST_SIZE) != 0;
}

static void judge_dead(struct store_claim *claim, const struct claim_row *row)
{
	if (row->is_same_position) {
		claim->verdict = CLAIM_SETTLED_DLQ;
	} else if (claim->is_replay) {
		claim->verdict = CLAIM_REPLAYED;
	} else if (claim_differs(claim, row->digest)) {
		claim->verdict = CLAIM_COLLISION;
	} else {
		claim->verdict = CLAIM_DUPLICATE;
		claim->is_dead_elsewhere = true;
	}
}

static void judge_running(struct store_claim *claim, const struct claim_row *row)
{
	if (row->left_us > 0) {
		claim->verdict = CLAIM_BUSY;
		claim->busy_us = row->left_us;
	} else if (row->is_replay) {
		judge_dead(claim, row);
	} else if (claim_differs(claim, row->digest)) {
		claim->verdict = CLAIM_COLLISION;
	} else {
		claim->verdict = CLAIM_UNKNOWN;
	}
}

void claim_judge(struct store_claim *claim, const struct claim_row *row)
{
	claim->busy_us = 0;
	claim->is_dead_elsewhere = false;
	switch (row->outcome) {
	case STORE_OUTCOME_RUNNING:
		judge_running(claim, row);
		return;
	case STORE_OUTCOME_DLQ:
		judge_dead(claim, row);
		return;
	case STORE_OUTCOME_DONE:
		break;
	}
	claim->verdict = !row->is_same_position && claim_differs(claim, row->digest)
		? CLAIM_COLLISION
		: CLAIM_DUPLICATE;
}
