/*
 * dlq_list - `oncectl dlq list`: which dead letters there are, and of what they died
 *
 * Runs in: oncectl. A table of the first ones and a summary of all; with --json a line for each.
 */
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "dlq.h"
#include "dlq_json.h"
#include "dlq_session.h"
#include "dlq_tally.h"
#include "table.h"

/* Rows shown where --limit says nothing; errors are cut. */
enum { ROWS_MAX = 50, ERROR_SHOWN = 60 };

const struct verb_option dlq_list_options[] = {
	DLQ_FILTER_OPTIONS,
	{ 0 },
};

struct listing {
	const struct dlq_session *session;
	struct table table;
	struct dlq_tally tally;
};

static int width(struct slice s, size_t max)
{
	return (int)(s.len < max ? s.len : max);
}

static void add_slice(struct table *table, struct slice s, size_t max)
{
	table_add(table, "%.*s", width(s, max), s.len > 0 ? s.data : "-");
}

static void add_row(struct table *table, const struct dlq_letter *letter, enum dlq_state state)
{
	char when[CLOCK_RFC3339_MAX], scratch[DLQ_EVENT_ID_MAX];
	const struct kafka_reader_record *record = letter->record;

	table_add(table, "%d:%lld", (int)record->partition, (long long)record->offset);
	table_add(table, "%s", dlq_state_name(state));
	table_add(table, "%s", clock_format_rfc3339(dlq_letter_when(letter), when));
	add_slice(table, letter->reason, ERROR_SHOWN);
	add_slice(table, letter->code, ERROR_SHOWN);
	table_add(table, "%.*s:%lld:%lld", width(letter->topic, ERROR_SHOWN),
		letter->topic.data ? letter->topic.data : "?", (long long)letter->partition,
		(long long)letter->offset);
	add_slice(table, dlq_letter_event_id(letter, scratch), ERROR_SHOWN);
	table_add(table, "%lld", (long long)letter->replays);
	add_slice(table, letter->error, ERROR_SHOWN);
}

static bool show_row(void *arg, const struct dlq_letter *letter, enum dlq_state state)
{
	struct listing *listing = arg;
	const struct slice words[] = { slice_from_str(dlq_state_name(state)), letter->reason,
		letter->code, letter->topic };

	dlq_tally_add(&listing->tally, words);
	if (listing->tally.total <= ROWS_MAX || listing->session->limit != INT64_MAX) {
		add_row(&listing->table, letter, state);
	}
	return true;
}

static bool show_line(void *arg, const struct dlq_letter *letter, enum dlq_state state)
{
	struct listing *listing = arg;
	_cleanup_(dlq_json_freep) json_t *json =
		dlq_json_letter(listing->session->topic, letter, state);

	return json_dumpf(json, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
}

static void write_tables(struct listing *listing)
{
	struct buffer out = BUFFER_INIT;
	size_t total = listing->tally.total, rows = table_rows(&listing->table);

	table_write(&listing->table, &out);
	if (rows < total) {
		buffer_printf(&out, "… and %zu more; --limit N shows more of them\n", total - rows);
	}
	buffer_printf(&out, "%s%zu dead letter%s in %s\n", total > 0 ? "\n" : "", total,
		total == 1 ? "" : "s", listing->session->topic);
	dlq_tally_write(&listing->tally, &out);
	fputs(buffer_str(&out), stdout);
	buffer_fini(&out);
}

static int list(struct dlq_session *session)
{
	static const char *const heads[] = { "LETTER", "STATE", "FAILED AT", "REASON", "CODE",
		"FROM", "EVENT ID", ">REPLAYS", "ERROR" };
	static const char *const kinds[] = { "STATE", "REASON", "CODE", "FROM TOPIC" };
	struct listing listing = { .session = session };
	int status;

	if (session->ctl->is_json) {
		return dlq_session_each(session, show_line, &listing);
	}
	table_init(&listing.table, heads, sizeof(heads) / sizeof(heads[0]));
	dlq_tally_init(&listing.tally, kinds, sizeof(kinds) / sizeof(kinds[0]));
	status = dlq_session_each(session, show_row, &listing);
	if (!status) {
		write_tables(&listing);
	}
	table_fini(&listing.table);
	dlq_tally_fini(&listing.tally);
	return status;
}

int verb_dlq_list(const struct ctl *ctl)
{
	_cleanup_(dlq_session_close) struct dlq_session session = DLQ_SESSION_INIT;
	int status = dlq_session_open(&session, ctl, DLQ_HAS_FILTER);

	return status ? status : list(&session);
}
