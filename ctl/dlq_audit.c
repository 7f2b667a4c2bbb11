/*
 * dlq_audit - `oncectl dlq audit`: who replayed and discarded what, when and why
 *
 * Runs in: oncectl. Tells the marks that lie in the dead-letter topic, those of one run together.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dlq.h"
#include "dlq_json.h"
#include "dlq_mark.h"
#include "dlq_session.h"
#include "table.h"

const struct verb_option dlq_audit_options[] = {
	DLQ_TOPIC_OPTION,
	{ 0 },
};

/* One replay or discard: its marks, and letters by them. */
static json_t *find_run(json_t *runs, json_t *mark)
{
	const char *id = json_string_value(json_object_get(mark, "id"));
	size_t i;
	json_t *run;

	json_array_foreach(runs, i, run)
	{
		const char *other = json_string_value(json_object_get(run, "id"));

		if (id && other && strcmp(id, other) == 0) {
			return run;
		}
	}
	json_object_del(mark, "offsets");
	json_object_set_new(mark, "letters", json_integer(0));
	json_array_append(runs, mark);
	return mark;
}

/* A mark at this offset is about what lies before it, whatever it says. */
static json_int_t count_letters(const json_t *ranges, int64_t offset)
{
	json_int_t count = 0;
	size_t i;
	json_t *range;

	json_array_foreach(ranges, i, range)
	{
		int64_t first, last;

		if (!dlq_mark_range(range, &first, &last)) {
			continue;
		}
		last = last < offset ? last : offset - 1;
		if (first >= 0 && first <= last) {
			count += last - first + 1;
		}
	}
	return count;
}

static bool take_mark(void *arg, const struct kafka_reader_record *record)
{
	json_t *runs = arg, *letters;
	_cleanup_(dlq_json_freep) json_t *mark = NULL;
	json_int_t count;

	if (!dlq_mark_is(record) || record->value.len == 0) {
		return true;
	}
	mark = json_loadb(record->value.data, record->value.len, 0, NULL);
	if (!json_is_object(mark)) {
		return true;
	}
	count = count_letters(json_object_get(mark, "offsets"), record->offset);
	letters = json_object_get(find_run(runs, mark), "letters");
	json_integer_set(letters, json_integer_value(letters) + count);
	return true;
}

static void write_table(json_t *runs)
{
	static const char *const heads[] = { "AT", "WHAT", ">LETTERS", "TO", "BY", "WHY", "RUN" };
	static const char *const names[] = { "at", "mark", NULL, "to", "by", "why", "id" };
	_cleanup_(table_fini) struct table table;
	struct buffer out = BUFFER_INIT;
	size_t i;
	json_t *run;

	table_init(&table, heads, sizeof(heads) / sizeof(heads[0]));
	json_array_foreach(runs, i, run)
	{
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			const char *text =
				names[k] ? json_string_value(json_object_get(run, names[k])) : NULL;

			if (names[k]) {
				table_add(&table, "%s", text && text[0] ? text : "-");
			} else {
				table_add(&table, "%lld",
					(long long)json_integer_value(
						json_object_get(run, "letters")));
			}
		}
	}
	table_write(&table, &out);
	fputs(out.len > 0 ? buffer_str(&out) : "nothing was replayed or discarded\n", stdout);
	buffer_fini(&out);
}

int verb_dlq_audit(const struct ctl *ctl)
{
	_cleanup_(dlq_session_close) struct dlq_session session = DLQ_SESSION_INIT;
	_cleanup_(dlq_json_freep) json_t *runs = json_array();
	int status = dlq_session_open(&session, ctl, DLQ_TAKES_ALL);

	for (size_t i = 0; i < session.book.count && !status; i++) {
		const struct dlq_book_partition *p = &session.book.partitions[i];

		status = dlq_session_read(&session, i, p->from, p->next, take_mark, runs);
	}
	if (status) {
		return status;
	}
	if (!ctl->is_json) {
		write_table(runs);
		return CTL_OK;
	}
	return json_dumpf(runs, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF ? CTL_OK
										     : CTL_FAILED;
}
