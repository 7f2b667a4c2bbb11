/*
 * word_count - an example of a plugin: count the events of each word in a table
 *
 * One statement in the event's transaction: the count and onced's note that this event was applied
 * become durable together, or not at all.
 */
#include <onced/handler.h>
#include <stdlib.h>

struct word_count {
	int word; /* a path of the value */
	int statement;
};

static const struct onced_param_spec params[] = {
	{ .name = "path.word", .help = "Where the word is.", .default_value = "payload.word" },
	{ .name = NULL },
};

static int open_lane(struct onced_setup *setup, void **ret_state)
{
	struct word_count *counter = calloc(1, sizeof(*counter));

	if (!counter) {
		return onced_setup_fail(setup, "out of memory");
	}
	*ret_state = counter;
	counter->word = onced_need_path(setup, onced_setup_param(setup, "path.word"));
	counter->statement = onced_need_statement(setup,
		"INSERT INTO words (word, count) VALUES ($1, 1)"
		" ON CONFLICT (word) DO UPDATE SET count = words.count + 1",
		1, 1, 1);
	return counter->word < 0 || counter->statement < 0 ? -1 : 0;
}

static void handle(void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	const struct word_count *counter = state;
	struct onced_value value = { .kind = ONCED_VALUE_TEXT };

	if (onced_event_path(event, counter->word, &value.text) != ONCED_STRING) {
		onced_outcome_set(outcome, ONCED_REJECT, "no-word", "the event has no word");
		return;
	}
	onced_tx_send(event, counter->statement, &value, 1);
}

static const struct onced_handler word_count = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(word_count),
	.name = "word_count",
	.help = "Counts words.",
	.params = params,
	.open = open_lane,
	.handle = handle,
	.close = free,
};
ONCED_EXPORT_HANDLER(word_count);
