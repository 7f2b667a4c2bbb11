/*
 * operations - what the port asks of a session; see core/store.h. Each is queued until the flush
 */
#pragma once

#include "core/store.h"

void pg_op_begin(struct store_session *session);
void pg_op_claim(struct store_session *session, struct store_claim *claims, size_t count);
void pg_op_savepoint(struct store_session *session, uint32_t group);
void pg_op_release(struct store_session *session, uint32_t group);
void pg_op_statement(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag);
void pg_op_statement_set(struct store_session *session, size_t index,
	const struct store_value *const *rows, size_t count, uint32_t tag);
void pg_op_decide_dlq(struct store_session *session, const struct store_claim *claim,
	struct slice decision);
void pg_op_finish_replay(struct store_session *session, const struct store_claim *claim);
void pg_op_unclaim(struct store_session *session, const struct store_claim *claims, size_t count);
void pg_op_put_attempts(struct store_session *session, const struct store_attempts *attempts);
void pg_op_delete_attempts(struct store_session *session, const struct store_position *position);
void pg_op_commit(struct store_session *session);
void pg_op_rollback(struct store_session *session);
void pg_op_rollback_to(struct store_session *session, uint32_t group);
enum store_failure pg_op_flush(struct store_session *session, struct store_flight *flight);

void pg_op_query(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag, struct store_rows *ret);
void pg_op_lease(struct store_session *session, const struct store_lease *lease,
	struct store_claim *claims, size_t count);
void pg_op_end_leases(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim *claims, size_t count);
