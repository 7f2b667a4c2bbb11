/*
 * memory - events of this worker, remembered until it ends: for development
 *
 * Runs in: worker, the thread of each session. No effect can join it, so it knows leases and marks,
 * as Redis does; what only a transaction could do is refused. It is bounded, and survives nothing:
 * not the worker, not a partition's move to another one. That is told when it is first used.
 */
#include "store/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "store/options.h"

enum { EVENTS_DEFAULT = 100000, EVENTS_MAX = 100000000 };

/* Stores of one process that mean the same memory: lanes and ledger open their own. */
static pthread_mutex_t memories_lock = PTHREAD_MUTEX_INITIALIZER;
static struct memory *memories;

static struct memory *take_memory(const struct store_options *options, size_t events)
{
	char *name = xasprintf("%s\n%s\n%s", options->url, options->scope, options->group_id);
	struct memory *memory;

	pthread_mutex_lock(&memories_lock);
	for (memory = memories; memory && strcmp(memory->name, name) != 0; memory = memory->next) {
	}
	if (!memory) {
		memory = NEW(struct memory);
		memory->name = TAKE(name);
		pthread_mutex_init(&memory->lock, NULL);
		memory_table_init(&memory->table, events, options->retention_us);
		memory->next = memories;
		memories = memory;
	}
	memory->users++;
	pthread_mutex_unlock(&memories_lock);
	free(name);
	return memory;
}

static void leave_memory(struct memory *memory)
{
	struct memory **at = &memories;

	pthread_mutex_lock(&memories_lock);
	if (--memory->users == 0) {
		while (*at != memory) {
			at = &(*at)->next;
		}
		*at = memory->next;
		memory_table_fini(&memory->table);
		memory_records_fini(memory);
		pthread_mutex_destroy(&memory->lock);
		free(memory->name);
		free(memory);
	}
	pthread_mutex_unlock(&memories_lock);
}

/* ---- the store ---- */

static int parse_events(const char *url, size_t *ret, struct err *err)
{
	const char *text = url + strlen("memory:");
	char *end;
	long events;

	*ret = EVENTS_DEFAULT;
	if (*text == '\0') {
		return 0;
	}
	errno = 0;
	events = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || events < 1 || events > EVENTS_MAX) {
		return err_set(err, -EINVAL,
			"store = %s: behind memory: stands how many events it remembers, 1 to %d",
			url, EVENTS_MAX);
	}
	*ret = (size_t)events;
	return 0;
}

static int memory_open(const struct store_options *options, struct store **ret, struct err *err)
{
	struct memory_store *store;
	size_t events;
	int r = parse_events(options->url, &events, err);

	if (r < 0) {
		return r;
	}
	store = NEW(struct memory_store);
	store->base.ops = &store_memory_ops;
	store_options_copy(&store->options, options);
	store->memory = take_memory(&store->options, events);
	*ret = &store->base;
	return 0;
}

static void memory_close(struct store *store)
{
	struct memory_store *memory = (struct memory_store *)store;

	if (memory) {
		leave_memory(memory->memory);
		store_options_fini(&memory->options);
		free(memory);
	}
}

static int memory_migrate(struct store *store, unsigned *ret_applied, struct err *err)
{
	*ret_applied = 0;
	return 0;
}

/* ---- sessions ---- */

static int memory_session_open(struct store *store, struct store_session **ret, struct err *err)
{
	struct memory_session *session = NEW(struct memory_session);

	session->base.ops = &store_memory_ops;
	session->store = (struct memory_store *)store;
	session->decisions = ARENA_INIT;
	*ret = &session->base;
	return 0;
}

static void memory_session_close(struct store_session *session)
{
	struct memory_session *memory = memory_session(session);

	if (memory) {
		arena_fini(&memory->decisions);
		free(memory->ops);
		free(memory);
	}
}

static int memory_session_ready(struct store_session *session, struct err *err)
{
	return 0;
}

static int memory_session_check(struct store_session *session, size_t index, struct err *err)
{
	return err_set(err, -EINVAL, "store memory: has no tables to run statements on");
}

/* Nothing ever waits. */
static void memory_session_interrupt(struct store_session *session)
{
}

static bool memory_take_notice(struct store_session *session, struct store_notice *ret)
{
	struct memory *memory = memory_session(session)->store->memory;
	bool is_told;

	pthread_mutex_lock(&memory->lock);
	is_told = memory->is_told;
	memory->is_told = true;
	pthread_mutex_unlock(&memory->lock);
	if (is_told) {
		return false;
	}
	*ret = (struct store_notice){ .is_loss = false };
	snprintf(ret->text, sizeof(ret->text),
		"store memory: is for development: each worker remembers its own last %zu events, "
		"and forgets them when it ends; after a crash, a restart or a rebalance events are "
		"applied again",
		memory->table.count_max);
	return true;
}

/* ---- the queue ---- */

struct memory_op *memory_op_push(struct memory_session *session, enum memory_kind kind)
{
	ARRAY_GROW(session->ops, session->count, session->capacity);
	session->ops[session->count] = (struct memory_op){ .kind = kind };
	return &session->ops[session->count++];
}

static void memory_begin(struct store_session *session)
{
	memory_session(session)->begun_count = memory_session(session)->count;
	arena_reset(&memory_session(session)->decisions);
}

static void memory_commit(struct store_session *session)
{
	memory_session(session)->begun_count = memory_session(session)->count;
}

static void memory_rollback(struct store_session *session)
{
	struct memory_session *memory = memory_session(session);

	if (memory->count > memory->begun_count) {
		memory->count = memory->begun_count;
	}
	memory->is_refused = false;
}

static void memory_lease(struct store_session *session, const struct store_lease *lease,
	struct store_claim *claims, size_t count)
{
	struct memory_op *op = memory_op_push(memory_session(session), MEMORY_LEASE);

	op->lease = lease;
	op->claims = claims;
	op->count = count;
	store_claims_forget(claims, count);
}

static void memory_end_leases(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim *claims, size_t count)
{
	struct memory_op *op = memory_op_push(memory_session(session), MEMORY_END);

	op->lease = lease;
	op->end = end;
	op->claims = claims;
	op->count = count;
	for (size_t i = 0; i < count; i++) {
		claims[i].is_mine = claims[i].was_forgotten = false;
	}
}

static void memory_put_attempts(
	struct store_session *session, const struct store_attempts *attempts)
{
	memory_op_push(memory_session(session), MEMORY_PUT_ATTEMPTS)->attempts = *attempts;
}

static void memory_delete_attempts(
	struct store_session *session, const struct store_position *position)
{
	memory_op_push(memory_session(session), MEMORY_DELETE_ATTEMPTS)->attempts.position =
		*position;
}

static void run_op(struct memory_session *session, const struct memory_op *op, int64_t now_us)
{
	struct memory *memory = session->store->memory;

	switch (op->kind) {
	case MEMORY_LEASE:
		memory_run_lease(session, op, now_us);
		break;
	case MEMORY_END:
		memory_run_end(session, op, now_us);
		break;
	case MEMORY_PUT_ATTEMPTS:
		memory_run_put_attempts(memory, &op->attempts);
		break;
	case MEMORY_DELETE_ATTEMPTS:
		memory_run_delete_attempts(memory, &op->attempts.position);
		break;
	}
}

static enum store_failure memory_flush(struct store_session *session, struct store_flight *flight)
{
	struct memory_session *memory = memory_session(session);
	int64_t now_us = clock_mono_us();

	*flight = (struct store_flight){ .failure = STORE_OK, .err = ERR_INIT };
	if (memory->is_refused) {
		flight->failure = STORE_STATEMENT;
		flight->op = STORE_OP_STATEMENT;
		err_set(&flight->err, 0, "store memory: has no transaction for statements");
		memory->count = 0;
	}
	pthread_mutex_lock(&memory->store->memory->lock);
	for (size_t i = 0; i < memory->count; i++) {
		run_op(memory, &memory->ops[i], now_us);
	}
	pthread_mutex_unlock(&memory->store->memory->lock);
	memory->count = memory->begun_count = 0;
	memory->is_refused = false;
	return flight->failure;
}

/* ---- what only a transaction could do ---- */

static void refuse_claims(struct store_session *session, struct store_claim *claims, size_t count)
{
	store_claims_forget(claims, count);
	memory_session(session)->is_refused = true;
}

static void refuse_group(struct store_session *session, uint32_t group)
{
	memory_session(session)->is_refused = true;
}

static void refuse_statement(struct store_session *session, size_t index,
	const struct store_value *values, size_t count, uint32_t tag)
{
	memory_session(session)->is_refused = true;
}

static void refuse_decision(
	struct store_session *session, const struct store_claim *claim, struct slice decision)
{
	memory_session(session)->is_refused = true;
}

static void refuse_finish(struct store_session *session, const struct store_claim *claim)
{
	memory_session(session)->is_refused = true;
}

static void refuse_query(struct store_session *session, size_t index,
	const struct store_value *values, size_t count, uint32_t tag, struct store_rows *ret)
{
	*ret = (struct store_rows){ .row_count = 0 };
	memory_session(session)->is_refused = true;
}

static void refuse_unclaim(
	struct store_session *session, const struct store_claim *claims, size_t count)
{
	memory_session(session)->is_refused = true;
}

const struct store_ops store_memory_ops = {
	.scheme = "memory",
	.is_transactional = false,
	.keeps_claims = true,
	.is_single_writer = false,
	.open = memory_open,
	.close = memory_close,
	.migrate = memory_migrate,
	.session_open = memory_session_open,
	.session_close = memory_session_close,
	.session_ready = memory_session_ready,
	.session_check = memory_session_check,
	.session_interrupt = memory_session_interrupt,
	.take_notice = memory_take_notice,
	.begin = memory_begin,
	.claim = refuse_claims,
	.lease = memory_lease,
	.end_leases = memory_end_leases,
	.savepoint = refuse_group,
	.release = refuse_group,
	.statement = refuse_statement,
	.query = refuse_query,
	.decide_dlq = refuse_decision,
	.finish_replay = refuse_finish,
	.unclaim = refuse_unclaim,
	.put_attempts = memory_put_attempts,
	.delete_attempts = memory_delete_attempts,
	.commit = memory_commit,
	.rollback = memory_rollback,
	.rollback_to = refuse_group,
	.flush = memory_flush,
	.load_attempts = memory_load_attempts,
	.get_seen = memory_get_seen,
	.put_seen = memory_put_seen,
	.load_pauses = memory_load_pauses,
	.put_pause = memory_put_pause,
};
