/*
 * lease - own event ids until their effects are made and marked
 *
 * Runs in: the session's thread. The scripts decide; here their keys and words are put together,
 * and their answers are read.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/random.h>

#include "core/claim.h"
#include "store/position.h"
#include "store/redis/redis.h"

static const char marker_key[] = "onced:memory";
static const char key_prefix[] = "onced:id:";

enum {
	POSITION_SIZE = 8,
	TAG_SIZE = STORE_DIGEST_SIZE + POSITION_SIZE,
	STAMP_SIZE = 8,
	UNTIL_SIZE = 13,
	LEASE_SIZE = STORE_OWNER_SIZE + UNTIL_SIZE + STAMP_SIZE,
	KEY_TEXT_MAX = sizeof(key_prefix) + 2 * STORE_KEY_SIZE,
};

/* A row we did not write: somebody else uses this database, too. */
#define STRANGER_US ((int64_t)2 * 1000 * 1000)

void red_part_key(struct buffer *out, const uint8_t *key)
{
	static const char digits[] = "0123456789abcdef";
	char text[KEY_TEXT_MAX], *at = text + sizeof(key_prefix) - 1;

	memcpy(text, key_prefix, sizeof(key_prefix) - 1);
	for (size_t i = 0; i < STORE_KEY_SIZE; i++) {
		*at++ = digits[key[i] >> 4];
		*at++ = digits[key[i] & 15];
	}
	red_part(out, slice_from(text, (size_t)(at - text)));
}

static void part_owner(struct buffer *out, const struct store_lease *lease)
{
	red_part(out, slice_from(lease->owner, STORE_OWNER_SIZE));
}

static void write_position(const struct red_store *store, const struct store_position *position,
	uint8_t ret[POSITION_SIZE])
{
	uint64_t digest = store_position_digest(store->options.cluster_id, position);

	for (size_t i = 0; i < POSITION_SIZE; i++) {
		ret[i] = (uint8_t)(digest >> (8 * i));
	}
}

/* A marker, should there be none, and what tells this lease from its owner's others: never 0. */
static uint64_t make_marker(char ret[RED_ID_SIZE])
{
	uint64_t random[3] = { 0, 0, 0 };

	(void)!getrandom(random, sizeof(random), 0);
	snprintf(ret, RED_ID_SIZE, "%016llx%016llx", (unsigned long long)random[0],
		(unsigned long long)random[1]);
	return random[2] | 1;
}

/* ---- out ---- */

static bool wants_tags(const struct store_claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (claims[i].has_digest || claims[i].is_replay) {
			return true;
		}
	}
	return false;
}

/* n, digest and position; behind it the position once more where it is a replay. */
static void part_tag(
	struct red_session *session, struct buffer *out, const struct store_claim *claim)
{
	uint8_t bytes[1 + TAG_SIZE + POSITION_SIZE], position[POSITION_SIZE];
	size_t len = 1;

	write_position(session->store, &claim->position, position);
	bytes[0] = claim->has_digest ? TAG_SIZE : 0;
	if (claim->has_digest) {
		memcpy(bytes + 1, claim->digest, STORE_DIGEST_SIZE);
		memcpy(bytes + 1 + STORE_DIGEST_SIZE, position, POSITION_SIZE);
		len += TAG_SIZE;
	}
	if (claim->is_replay) {
		memcpy(bytes + len, position, POSITION_SIZE);
		len += POSITION_SIZE;
	}
	red_part(out, slice_from(bytes, len));
}

void red_op_lease(struct store_session *session, const struct store_lease *lease,
	struct store_claim *claims, size_t count)
{
	struct red_session *red = red_session(session);
	struct buffer *out = &red->queue.bytes;
	struct red_op *op = red_op_begin(red, RED_LEASE, STORE_OP_CLAIM);
	bool has_tags = wants_tags(claims, count);
	char marker[RED_ID_SIZE];
	uint64_t stamp = make_marker(marker);

	op->claims = claims;
	op->count = count;
	store_claims_forget(claims, count);
	red_script_command(red, out, RED_SCRIPT_LEASE, 1 + count, 5 + (has_tags ? count : 0));
	red_part_str(out, marker_key);
	for (size_t i = 0; i < count; i++) {
		claims[i].stamp = stamp;
		red_part_key(out, claims[i].key);
	}
	part_owner(out, lease);
	red_part_int(out, lease->lease_us / 1000);
	red_part_int(out, red->store->keep_ms + lease->lease_us / 1000);
	red_part_str(out, marker);
	red_part(out, slice_from(&stamp, STAMP_SIZE));
	for (size_t i = 0; has_tags && i < count; i++) {
		part_tag(red, out, &claims[i]);
	}
	red_op_end(red);
}

static void part_decision(
	struct red_session *session, struct buffer *out, const struct store_claim *claim)
{
	uint8_t why[POSITION_SIZE + STORE_DECISION_MAX];

	assert(claim->decision.len <= STORE_DECISION_MAX);
	write_position(session->store, &claim->position, why);
	if (claim->decision.len) {
		memcpy(why + POSITION_SIZE, claim->decision.data, claim->decision.len);
	}
	red_part(out, slice_from(why, POSITION_SIZE + claim->decision.len));
}

static void part_stamps(struct buffer *out, const struct store_claim *claims, size_t count)
{
	red_part_begin(out, count * STAMP_SIZE);
	for (size_t i = 0; i < count; i++) {
		buffer_append(out, &claims[i].stamp, STAMP_SIZE);
	}
	red_part_end(out);
}

/* How many words follow owner and retention. */
static size_t more_words(const struct red_session *session, enum store_lease_end end, size_t count)
{
	if (end == STORE_LEASE_DONE) {
		return session->has_keepttl ? 1 : 0;
	}
	return 2 + (end == STORE_LEASE_DLQ ? count : 1);
}

void red_op_end_leases(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim *claims, size_t count)
{
	static const char *const words[] = {
		[STORE_LEASE_DLQ] = "X",
		[STORE_LEASE_RELEASED] = "C",
		[STORE_LEASE_RENEWED] = "R",
	};
	struct red_session *red = red_session(session);
	struct buffer *out = &red->queue.bytes;
	struct red_op *op = red_op_begin(red, RED_END, STORE_OP_LEASE);
	bool is_done = end == STORE_LEASE_DONE;

	op->claims = claims;
	op->count = count;
	red_script_command(red, out, is_done ? RED_SCRIPT_DONE : RED_SCRIPT_END, count,
		2 + more_words(red, end, count));
	for (size_t i = 0; i < count; i++) {
		claims[i].is_mine = claims[i].was_forgotten = false;
		red_part_key(out, claims[i].key);
	}
	part_owner(out, lease);
	red_part_int(out, red->store->keep_ms);
	if (!is_done) {
		red_part_str(out, words[end]);
		red_part_int(out, lease->lease_us / 1000);
	} else if (red->has_keepttl) {
		red_part_str(out, "KEEPTTL");
	}
	for (size_t i = 0; end == STORE_LEASE_DLQ && i < count; i++) {
		part_decision(red, out, &claims[i]);
	}
	if (end == STORE_LEASE_RELEASED || end == STORE_LEASE_RENEWED) {
		part_stamps(out, claims, count);
	}
	red_op_end(red);
}

/* ---- in ---- */

static void judge_stranger(struct red_session *session, struct store_claim *claim)
{
	struct red_store *store = session->store;
	bool is_told;

	claim->verdict = CLAIM_BUSY;
	claim->busy_us = STRANGER_US;
	pthread_mutex_lock(&store->lock);
	is_told = store->is_stranger_told;
	store->is_stranger_told = true;
	pthread_mutex_unlock(&store->lock);
	if (!is_told) {
		red_notice(store, false,
			"a key below %s holds what onced did not write: its event is held; give "
			"onced a database of its own",
			key_prefix);
	}
}

/* The end of the lease, behind its owner. */
static bool read_until(struct slice bytes, size_t at, int64_t *ret_ms)
{
	char digits[UNTIL_SIZE + 1] = "";

	if (bytes.len < at + LEASE_SIZE) {
		return false;
	}
	memcpy(digits, bytes.data + at + STORE_OWNER_SIZE, sizeof(digits) - 1);
	*ret_ms = strtoll(digits, NULL, 10);
	return true;
}

bool red_row_read(struct slice bytes, struct red_row *ret)
{
	size_t tag = bytes.len >= 2 ? (uint8_t)bytes.data[1] : SIZE_MAX, at;

	*ret = (struct red_row){ .kind = bytes.len ? bytes.data[0] : '\0' };
	if (tag > bytes.len - 2 || (tag != 0 && tag != TAG_SIZE) || !strchr("RPDX", ret->kind)) {
		return false;
	}
	ret->tag = slice_from(bytes.data + 2, tag);
	at = 2 + tag;
	if (ret->kind == 'R' || ret->kind == 'P') {
		if (!read_until(bytes, at, &ret->until_ms)) {
			return false;
		}
		at += LEASE_SIZE;
	}
	if (ret->kind == 'R' || ret->kind == 'D') {
		return true;
	}
	if (bytes.len < at + POSITION_SIZE) {
		return false;
	}
	ret->position = slice_from(bytes.data + at, POSITION_SIZE);
	ret->why = slice_from(bytes.data + at + POSITION_SIZE, bytes.len - at - POSITION_SIZE);
	return true;
}

/* A row that is in the way; a lease among them is over, or it would be told as busy. */
static void judge_row(struct red_session *session, struct store_claim *claim, struct slice bytes)
{
	struct slice position, digest = SLICE_NULL;
	uint8_t wanted[POSITION_SIZE];
	struct red_row row;

	if (!red_row_read(bytes, &row)) {
		judge_stranger(session, claim);
		return;
	}
	position = row.position;
	if (row.tag.len) {
		digest = slice_from(row.tag.data, STORE_DIGEST_SIZE);
		position = slice_is_null(position)
			? slice_from(row.tag.data + STORE_DIGEST_SIZE, POSITION_SIZE)
			: position;
	}
	write_position(session->store, &claim->position, wanted);
	claim_judge(claim,
		&(struct claim_row){
			.outcome = row.kind == 'D' ? STORE_OUTCOME_DONE
				: row.kind == 'X'  ? STORE_OUTCOME_DLQ
						   : STORE_OUTCOME_RUNNING,
			.is_same_position =
				slice_equal(position, slice_from(wanted, POSITION_SIZE)),
			.digest = digest,
			.is_replay = row.kind == 'P',
		});
	if (claim->verdict == CLAIM_SETTLED_DLQ && row.why.len) {
		claim->decision = arena_copy(&session->decisions, row.why);
	}
}

static void judge_lease(
	struct red_session *session, struct store_claim *claim, const redisReply *reply)
{
	enum { BUSY = 3 };
	static const enum claim_verdict verdicts[BUSY] = { CLAIM_NEW, CLAIM_TAKEN_OVER,
		CLAIM_REPLAYED };

	if (reply->type == REDIS_REPLY_STRING) {
		judge_row(session, claim, slice_from(reply->str, reply->len));
	} else if (reply->integer >= BUSY) {
		claim->verdict = CLAIM_BUSY;
		claim->busy_us = MIN(reply->integer - BUSY, INT64_MAX / 1000) * 1000;
	} else {
		claim->verdict = verdicts[reply->integer];
	}
}

/* Everything was there with this marker, and is not any more when it is another. */
static void judge_marker(struct red_session *session, const redisReply *reply)
{
	struct red_store *store = session->store;
	bool has_changed;

	if (reply->type != REDIS_REPLY_STRING) {
		return;
	}
	pthread_mutex_lock(&store->lock);
	has_changed = strcmp(store->marker, reply->str) != 0;
	if (has_changed) {
		bool is_first = store->marker[0] == '\0';

		snprintf(store->marker, sizeof(store->marker), "%s", reply->str);
		has_changed = !is_first;
	}
	pthread_mutex_unlock(&store->lock);
	if (has_changed) {
		red_notice(store, true,
			"Redis has forgotten what it was told (flushed, started empty, or failed "
			"over): events that come again are applied again");
	}
}

static void judge_end(struct store_claim *claim, const redisReply *reply)
{
	claim->is_mine = reply->integer > 0;
	claim->was_forgotten = reply->integer == 2;
}

/* The number of a claim, and a whole number or, of a lease, the row that is in the way. */
static bool is_verdict(const struct red_op *op, const redisReply *number, const redisReply *verdict)
{
	bool may_be_row = op->kind == RED_LEASE;

	if (number->type != REDIS_REPLY_INTEGER || number->integer < 1 ||
		(unsigned long long)number->integer > op->count) {
		return false;
	}
	return (verdict->type == REDIS_REPLY_INTEGER && verdict->integer >= 0) ||
		(may_be_row && verdict->type == REDIS_REPLY_STRING);
}

/* Of a lease the marker, then pairs. */
static bool is_answer(const struct red_op *op, const redisReply *reply)
{
	bool is_lease = op->kind == RED_LEASE;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != is_lease) {
		return false;
	}
	for (size_t i = is_lease; i < reply->elements; i += 2) {
		if (!is_verdict(op, reply->element[i], reply->element[i + 1])) {
			return false;
		}
	}
	return true;
}

bool red_judge(struct red_session *session, const struct red_op *op, const redisReply *reply)
{
	bool is_lease = op->kind == RED_LEASE;

	if (op->kind == RED_RECORD) {
		return true;
	}
	if (!is_answer(op, reply)) {
		return false;
	}
	for (size_t i = 0; i < op->count; i++) {
		op->claims[i].verdict = is_lease ? CLAIM_NEW : op->claims[i].verdict;
		op->claims[i].is_mine = !is_lease;
	}
	for (size_t i = is_lease; i < reply->elements; i += 2) {
		struct store_claim *claim = &op->claims[reply->element[i]->integer - 1];

		if (is_lease) {
			judge_lease(session, claim, reply->element[i + 1]);
		} else {
			judge_end(claim, reply->element[i + 1]);
		}
	}
	if (is_lease) {
		judge_marker(session, reply->element[0]);
	}
	return true;
}
