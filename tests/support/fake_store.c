/*
 * fake_store - a store in memory whose failures are scripted
 *
 * Store, sessions, what is asked outside of transactions, and the script.
 */
#include "fake_store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fake_store_private.h"

static struct fake_store *fake_store(const struct store *store)
{
	return (struct fake_store *)store;
}

/* ---- store and sessions ---- */

static int fake_open(const struct store_options *options, struct store **ret, struct err *err)
{
	struct fake_store *store = NEW(struct fake_store);
	store->base.ops = &fake_store_ops;
	*ret = &store->base;
	return 0;
}

static void fake_close(struct store *base)
{
	if (!base) {
		return;
	}
	struct fake_store *store = fake_store(base);
	for (size_t i = 0; i < FAKE_SESSIONS_MAX; i++) {
		assert(!store->sessions[i]);
	}
	fake_rows_fini(&store->rows);
	buffer_fini(&store->journal);
	free(store->faults);
	free(store->seen);
	pauses_fini(&store->pauses);
	free(store);
}

static int fake_migrate(struct store *store, unsigned *ret_applied, struct err *err)
{
	*ret_applied = 0;
	return 0;
}

static int fake_session_open(struct store *base, struct store_session **ret, struct err *err)
{
	struct fake_store *store = fake_store(base);
	for (size_t i = 0; i < FAKE_SESSIONS_MAX; i++) {
		if (!store->sessions[i]) {
			store->sessions[i] = NEW(struct fake_session);
			store->sessions[i]->base.ops = &fake_store_ops;
			store->sessions[i]->store = store;
			*ret = &store->sessions[i]->base;
			return 0;
		}
	}
	return err_set(err, -EMFILE, "the fake store has no more sessions");
}

static void fake_session_close(struct store_session *base)
{
	if (!base) {
		return;
	}
	struct fake_session *session = fake_session(base);
	for (size_t i = 0; i < FAKE_SESSIONS_MAX; i++) {
		if (session->store->sessions[i] == session) {
			session->store->sessions[i] = NULL;
		}
	}
	for (size_t i = 0; i < session->op_count; i++) {
		free(session->ops[i].values);
	}
	free(session->ops);
	fake_transaction_fini(&session->transaction);
	free(session);
}

static int fake_session_ready(struct store_session *base, struct err *err)
{
	struct fake_session *session = fake_session(base);
	if (session->store->is_down) {
		return err_set(err, 1, "the fake store is down");
	}
	session->is_connected = true;
	return 0;
}

static int fake_session_check(struct store_session *base, size_t index, struct err *err)
{
	return fake_session(base)->is_connected ? 0 : 1;
}

static void fake_session_interrupt(struct store_session *base)
{
	fake_session(base)->is_interrupted = true;
}

/* ---- synchronous ---- */

static enum store_failure fake_reach(struct store_session *base, struct err *err)
{
	struct fake_session *session = fake_session(base);
	if (session->in_transaction) {
		fake_misuse(session, "synchronous call inside a transaction");
	}
	if (session->is_connected && !session->store->is_down) {
		return STORE_OK;
	}
	session->is_connected = false;
	err_set(err, 0, "the fake store is down");
	return STORE_LOST;
}

static enum store_failure fake_load_attempts(struct store_session *base, struct slice topic,
	int32_t partition, int64_t from, struct store_attempts **ret, size_t *ret_count,
	struct err *err)
{
	const struct fake_rows *rows = &fake_session(base)->store->rows;
	enum store_failure failure = fake_reach(base, err);
	*ret = NULL;
	*ret_count = 0;
	if (failure) {
		return failure;
	}
	*ret = xcalloc(rows->attempt_count, sizeof(**ret));
	for (size_t i = 0; i < rows->attempt_count; i++) {
		const struct store_position *position = &rows->attempts[i].position;
		if (position->partition == partition && position->offset >= from &&
			slice_equal(position->topic, topic)) {
			(*ret)[*ret_count] = rows->attempts[i];
			(*ret)[(*ret_count)++].position.topic = topic;
		}
	}
	return STORE_OK;
}

static struct fake_seen *fake_find_seen(
	struct fake_store *store, struct slice topic, int32_t partition)
{
	for (size_t i = 0; i < store->seen_count; i++) {
		if (store->seen[i].partition == partition &&
			slice_equal(store->seen[i].topic, topic)) {
			return &store->seen[i];
		}
	}
	return NULL;
}

static enum store_failure fake_get_seen(struct store_session *base, struct slice topic,
	int32_t partition, struct store_partition_seen *ret, struct err *err)
{
	const struct fake_seen *seen = fake_find_seen(fake_session(base)->store, topic, partition);
	*ret = (struct store_partition_seen){ .is_seen = seen,
		.committed = seen ? seen->committed : -1 };
	return fake_reach(base, err);
}

static enum store_failure fake_put_seen(struct store_session *base, struct slice topic,
	int32_t partition, int64_t committed, struct err *err)
{
	struct fake_store *store = fake_session(base)->store;
	enum store_failure failure = fake_reach(base, err);
	if (failure) {
		return failure;
	}
	struct fake_seen *seen = fake_find_seen(store, topic, partition);
	if (!seen) {
		ARRAY_GROW(store->seen, store->seen_count, store->seen_capacity);
		seen = &store->seen[store->seen_count++];
		*seen = (struct fake_seen){ arena_copy(&store->rows.arena, topic), partition, -1 };
	}
	seen->committed = committed;
	return STORE_OK;
}

static enum store_failure fake_load_pauses(
	struct store_session *base, struct pauses *pauses, int64_t *ret_now_ms, struct err *err)
{
	const struct pauses *kept = &fake_session(base)->store->pauses;

	*ret_now_ms = 0;
	for (size_t i = 0; i < kept->count; i++) {
		(void)pauses_put(pauses, &kept->items[i]);
	}
	return fake_reach(base, err);
}

static enum store_failure fake_put_pause(
	struct store_session *base, const struct pause *pause, struct err *err)
{
	enum store_failure failure = fake_reach(base, err);
	if (!failure) {
		(void)pauses_put(&fake_session(base)->store->pauses, pause);
	}
	return failure;
}

const struct store_ops fake_store_ops = {
	.scheme = "fake",
	.is_transactional = true,
	.keeps_claims = true,
	.open = fake_open,
	.close = fake_close,
	.migrate = fake_migrate,
	.session_open = fake_session_open,
	.session_close = fake_session_close,
	.session_ready = fake_session_ready,
	.session_check = fake_session_check,
	.session_interrupt = fake_session_interrupt,
	.begin = fake_begin,
	.claim = fake_claim,
	.lease = fake_lease,
	.end_leases = fake_end_leases,
	.savepoint = fake_savepoint,
	.release = fake_release,
	.statement = fake_statement,
	.query = fake_query,
	.can_set = fake_can_set,
	.statement_set = fake_statement_set,
	.decide_dlq = fake_decide_dlq,
	.finish_replay = fake_finish_replay,
	.unclaim = fake_unclaim,
	.put_attempts = fake_put_attempts,
	.delete_attempts = fake_delete_attempts,
	.commit = fake_commit,
	.rollback = fake_rollback,
	.rollback_to = fake_rollback_to,
	.flush = fake_flush,
	.load_attempts = fake_load_attempts,
	.get_seen = fake_get_seen,
	.put_seen = fake_put_seen,
	.load_pauses = fake_load_pauses,
	.put_pause = fake_put_pause,
};

/* ---- script ---- */

void fake_store_fail(struct store *base, const struct fake_fault *fault)
{
	struct fake_store *store = fake_store(base);
	ARRAY_GROW(store->faults, store->fault_count, store->fault_capacity);
	store->faults[store->fault_count++] = *fault;
}

void fake_store_heal(struct store *store)
{
	fake_store(store)->fault_count = 0;
}

void fake_store_set_down(struct store *store, bool is_down)
{
	fake_store(store)->is_down = is_down;
}

void fake_store_advance(struct store *store, int64_t us)
{
	fake_store(store)->now_us += us;
}

void fake_store_allow_sets(struct store *store, bool is_allowed)
{
	fake_store(store)->allows_sets = is_allowed;
}

const struct fake_rows *fake_store_rows(const struct store *store)
{
	return &fake_store(store)->rows;
}

size_t fake_store_count_value(const struct store *store, const char *value)
{
	const struct fake_rows *rows = fake_store_rows(store);
	size_t count = 0;
	for (size_t i = 0; i < rows->effect_count; i++) {
		bool has_value = false;
		for (size_t k = 0; k < rows->effects[i].value_count; k++) {
			has_value = has_value || slice_equal_str(rows->effects[i].values[k], value);
		}
		count += has_value;
	}
	return count;
}

const char *fake_store_journal(const struct store *store)
{
	return buffer_str(&fake_store(store)->journal);
}

void fake_store_clear_journal(struct store *store)
{
	buffer_clear(&fake_store(store)->journal);
}

const char *fake_store_misuse(const struct store *store)
{
	return fake_store(store)->misuse;
}
