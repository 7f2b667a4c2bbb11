/*
 * transfer - an example of a plugin that reads before it writes: money goes between two accounts
 *
 * What an account has is read within the event's transaction and locked until its end, so that what
 * is written rests on it. An event that asks for more than there is, or for an account that is not
 * there, is a dead letter. For SQLite, which has one writer and no such lock, say `lock =`.
 */
#include <onced/handler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FROM, TO, AMOUNT, PATHS };

struct transfer {
	int paths[PATHS], read, write;
};

static const struct onced_param_spec params[] = {
	{ .name = "lock", .help = "Behind the SELECT.", .default_value = "FOR UPDATE" },
	{ .name = NULL },
};

static int open_lane(struct onced_setup *setup, void **ret_state)
{
	static const char *const paths[] = { "payload.from", "payload.to", "payload.amount" };
	struct transfer *transfer = calloc(1, sizeof(*transfer));
	char select[128];

	if (!transfer) {
		return onced_setup_fail(setup, "out of memory");
	}
	*ret_state = transfer;
	for (int i = 0; i < PATHS; i++) {
		transfer->paths[i] = onced_need_path(setup, paths[i]);
	}
	/* in one order for all, so that two transfers do not wait for each other */
	snprintf(select, sizeof(select),
		"SELECT id, balance FROM accounts WHERE id IN ($1, $2) ORDER BY id %s",
		onced_setup_param(setup, "lock"));
	transfer->read = onced_need_statement(setup, select, 2, 0, -1);
	transfer->write = onced_need_statement(
		setup, "UPDATE accounts SET balance = $2 WHERE id = $1", 2, 1, 1);
	return transfer->read < 0 || transfer->write < 0 ? -1 : 0;
}

static void write_balance(const struct transfer *transfer, const struct onced_event *event,
	struct onced_bytes id, long long balance)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%lld", balance);
	struct onced_value values[] = { { ONCED_VALUE_TEXT, id },
		{ ONCED_VALUE_NUMBER, { text, (size_t)length } } };

	onced_tx_send(event, transfer->write, values, 2);
}

static void handle(void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	const struct transfer *transfer = state;
	struct onced_value ids[2] = { { .kind = ONCED_VALUE_TEXT }, { .kind = ONCED_VALUE_TEXT } };
	const struct onced_rows *rows;
	struct onced_bytes amount_text, first;
	long long amount = 0, balances[2];
	unsigned from;

	if (onced_event_path(event, transfer->paths[AMOUNT], &amount_text) == ONCED_NUMBER) {
		amount = strtoll(amount_text.data, NULL, 10); /* JSON goes on behind a number */
	}
	if (onced_event_path(event, transfer->paths[FROM], &ids[FROM].text) != ONCED_STRING ||
		onced_event_path(event, transfer->paths[TO], &ids[TO].text) != ONCED_STRING ||
		amount <= 0) {
		onced_outcome_set(outcome, ONCED_REJECT, "no-transfer", "it is no transfer");
		return;
	}
	rows = onced_tx_query(event, transfer->read, ids, 2);
	if (!rows) {
		return; /* onced knows why */
	}
	if (onced_rows_count(rows) != 2) {
		onced_outcome_set(outcome, ONCED_REJECT, "no-account", "there are no two accounts");
		return;
	}
	first = onced_rows_value(rows, 0, 0);
	from = first.len != ids[FROM].text.len ||
		memcmp(first.data, ids[FROM].text.data, first.len) != 0;
	for (unsigned i = 0; i < 2; i++) {
		balances[i] = strtoll(onced_rows_value(rows, i, 1).data, NULL, 10);
	}
	if (balances[from] < amount) {
		onced_outcome_set(outcome, ONCED_REJECT, "too-little", "there is too little");
		return;
	}
	write_balance(transfer, event, ids[FROM].text, balances[from] - amount);
	write_balance(transfer, event, ids[TO].text, balances[!from] + amount);
}

static const struct onced_handler transfer = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(transfer),
	.name = "transfer",
	.help = "Moves money between accounts.",
	.params = params,
	.open = open_lane,
	.handle = handle,
	.close = free,
};
ONCED_EXPORT_HANDLER(transfer);
