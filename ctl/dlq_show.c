/*
 * dlq_show - `oncectl dlq show`: one dead letter, whole
 *
 * Runs in: oncectl. It is named by where it lies in the dead-letter topic, or by where it came
 * from; of several that came from there the last is meant.
 */
#include <stdio.h>

#include "dlq.h"
#include "dlq_json.h"
#include "dlq_page.h"
#include "dlq_session.h"

const struct verb_option dlq_show_options[] = {
	DLQ_TOPIC_OPTION,
	{ 0 },
};

struct showing {
	const struct dlq_session *session;
	struct slice topic;
	int64_t partition, offset, last;
	bool is_in_dlq; /* the position is one of the dead-letter topic */
	struct buffer page;
};

static bool is_meant(const struct showing *showing, const struct dlq_letter *letter)
{
	const struct kafka_reader_record *record = letter->record;

	if (showing->is_in_dlq) {
		return record->partition == showing->partition && record->offset == showing->offset;
	}
	return slice_equal(letter->topic, showing->topic) &&
		letter->partition == showing->partition && letter->offset == showing->offset;
}

static void write_json(const char *topic, const struct dlq_letter *letter, enum dlq_state state,
	struct buffer *out)
{
	_cleanup_(dlq_json_freep) json_t *json = dlq_json_letter(topic, letter, state);
	_cleanup_free_ char *text = NULL;

	json_object_update_missing_new(json, dlq_json_record(topic, letter->record));
	text = json_dumps(json, JSON_INDENT(2));
	buffer_append_str(out, text);
	buffer_append_char(out, '\n');
}

static bool show(void *arg, const struct dlq_letter *letter, enum dlq_state state)
{
	struct showing *showing = arg;
	const struct dlq_session *session = showing->session;

	if (!is_meant(showing, letter)) {
		return true;
	}
	buffer_clear(&showing->page);
	if (session->ctl->is_json) {
		write_json(session->topic, letter, state, &showing->page);
	} else {
		dlq_page_write(session->topic, letter, state, &showing->page);
	}
	return !showing->is_in_dlq;
}

static int find(struct dlq_session *session, const char *position)
{
	struct showing showing = { .session = session, .page = BUFFER_INIT };
	int status;

	if (dlq_position_parse(position, &showing.topic, &showing.partition, &showing.offset,
		    &showing.last) < 0) {
		fprintf(stderr, "oncectl dlq show: %s is not TOPIC:PARTITION:OFFSET\n", position);
		return CTL_USAGE;
	}
	showing.is_in_dlq = slice_equal_str(showing.topic, session->topic);
	status = dlq_session_each(session, show, &showing);
	if (!status && showing.page.len == 0) {
		fprintf(stderr,
			"oncectl dlq show: no dead letter %s in %s (retention may have taken it)\n",
			position, session->topic);
		status = CTL_FAILED;
	}
	fwrite(showing.page.data, 1, showing.page.len, stdout);
	buffer_fini(&showing.page);
	return status;
}

int verb_dlq_show(const struct ctl *ctl)
{
	_cleanup_(dlq_session_close) struct dlq_session session = DLQ_SESSION_INIT;
	int status = dlq_session_open(&session, ctl, DLQ_BY_POSITION | DLQ_TAKES_ALL);

	return status ? status : find(&session, ctl->arguments[ctl->argument_count - 1]);
}
