/*
 * fake_store_flush - the flight of the fake store
 *
 * Every operation runs through one place, where it may meet a fault.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_store_private.h"

void fake_misuse(struct fake_session *session, const char *what)
{
	if (!session->store->misuse[0]) {
		snprintf(session->store->misuse, sizeof(session->store->misuse), "%s", what);
	}
}

void fake_end_transaction(struct fake_session *session)
{
	session->transaction.count = 0;
	session->savepoint_count = 0;
	session->in_transaction = session->is_aborted = false;
}

int fake_refuse(struct fake_session *session, enum store_failure failure, const char *code)
{
	snprintf(session->code, sizeof(session->code), "%s", code);
	return failure;
}

static bool fake_has_value(const struct store_value *values, size_t count, const char *value)
{
	for (size_t i = 0; i < count; i++) {
		if (slice_equal_str(values[i].text, value)) {
			return true;
		}
	}
	return false;
}

static bool fake_set_has_value(
	const struct fake_session *session, const struct fake_op *op, const char *value)
{
	for (size_t i = 0; i < op->count; i++) {
		if (fake_has_value(op->rows[i], fake_set_values(session, op), value)) {
			return true;
		}
	}
	return false;
}

static bool fake_fault_matches(const struct fake_fault *fault, const struct fake_session *session,
	const struct fake_op *op)
{
	if (op->op == STORE_OP_SET && fault->op == STORE_OP_STATEMENT) {
		return fault->value && fake_set_has_value(session, op, fault->value);
	}
	if (fault->op != op->op) {
		return false;
	}
	if (!fault->value) {
		return true;
	}
	if (op->op == STORE_OP_SET) {
		return fake_set_has_value(session, op, fault->value);
	}
	if (op->op == STORE_OP_STATEMENT || op->op == STORE_OP_QUERY) {
		return fake_has_value(op->values, op->count, fault->value);
	}
	return op->op == STORE_OP_COMMIT &&
		fake_transaction_has_value(&session->transaction, fault->value);
}

/* The fault that this operation meets, counted down. */
static bool fake_meet_fault(
	struct fake_session *session, const struct fake_op *op, struct fake_fault *ret)
{
	for (size_t i = 0; i < session->store->fault_count; i++) {
		struct fake_fault *fault = &session->store->faults[i];
		if (fault->failure == STORE_OK || !fake_fault_matches(fault, session, op)) {
			continue;
		}
		if (fault->skip > 0) {
			fault->skip--;
			continue;
		}
		*ret = *fault;
		if (fault->times > 0 && --fault->times == 0) {
			fault->failure = STORE_OK; /* spent */
		}
		return true;
	}
	return false;
}

/* What a failure does to connection and transaction. */
static void fake_suffer(
	struct fake_session *session, const struct fake_op *op, enum store_failure failure)
{
	if (failure == STORE_LOST) {
		fake_end_transaction(session);
		session->is_connected = false;
	} else if (op->op == STORE_OP_COMMIT || op->op == STORE_OP_BEGIN) {
		fake_end_transaction(session);
	} else {
		session->is_aborted = session->in_transaction;
	}
}

/* Operations that an aborted transaction refuses, and those that need one. */
static int fake_check_state(struct fake_session *session, const struct fake_op *op)
{
	if (!session->is_connected || session->is_interrupted || session->store->is_down) {
		session->is_interrupted = false;
		return fake_refuse(session, STORE_LOST, "");
	}
	if (op->op == STORE_OP_BEGIN || op->op == STORE_OP_ROLLBACK) {
		return STORE_OK;
	}
	if (!session->in_transaction) {
		fake_misuse(session, op->word);
		return fake_refuse(session, STORE_STATEMENT, "25P01");
	}
	if (session->is_aborted && op->op != STORE_OP_COMMIT) {
		fake_misuse(session, "operation inside an aborted transaction");
		return fake_refuse(session, STORE_STATEMENT, "25P02");
	}
	return STORE_OK;
}

static int fake_run_op(struct fake_session *session, const struct fake_op *op)
{
	int failure = fake_check_state(session, op);
	if (failure) {
		return failure;
	}
	struct fake_fault fault;
	bool is_met = fake_meet_fault(session, op, &fault);
	if (!is_met || fault.is_after) {
		failure = op->run(session, op);
	}
	session->is_outdated = is_met && fault.is_outdated;
	return is_met ? fake_refuse(session, fault.failure, fault.code ? fault.code : "") : failure;
}

static void fake_note(struct fake_session *session, const struct fake_op *op, int failure)
{
	struct buffer *journal = &session->store->journal;
	buffer_append_str(journal, op->word);
	if (op->has_number) {
		buffer_printf(
			journal, ":%u", op->op == STORE_OP_SET ? (unsigned)op->count : op->number);
	}
	buffer_append_str(journal, failure ? "! " : " ");
}

enum store_failure fake_flush(struct store_session *base, struct store_flight *flight)
{
	struct fake_session *session = fake_session(base);
	*flight = (struct store_flight){ .failure = STORE_OK, .err = ERR_INIT };
	for (size_t i = 0; i < session->op_count && !flight->failure; i++) {
		const struct fake_op *op = &session->ops[i];
		session->code[0] = '\0';
		session->is_outdated = false;
		flight->failure = (enum store_failure)fake_run_op(session, op);
		fake_note(session, op, flight->failure);
		if (flight->failure) {
			fake_suffer(session, op, flight->failure);
			flight->op = op->op;
			flight->tag = op->number;
			flight->is_outdated = session->is_outdated;
			memcpy(flight->err.code, session->code, sizeof(session->code));
			err_set(&flight->err, 0, "scripted: %s",
				store_failure_name(flight->failure));
		}
	}
	buffer_append_str(&session->store->journal, "| ");
	for (size_t i = 0; i < session->op_count; i++) {
		free(session->ops[i].values);
	}
	session->op_count = 0;
	flight->in_transaction = session->in_transaction;
	return flight->failure;
}
