/*
 * dlq_import - `oncectl dlq import`: exported dead letters back into a dead-letter topic
 *
 * Runs in: oncectl. Byte for byte what was exported, behind what is there; open, as any letter that
 * just came. All lines are read once before anything is sent.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dlq.h"
#include "dlq_line.h"
#include "dlq_run.h"
#include "dlq_sender.h"
#include "dlq_session.h"

const struct verb_option dlq_import_options[] = {
	{ "--file", "FILE", "what `dlq export` wrote; required" },
	DLQ_TOPIC_OPTION,
	{ 0 },
};

struct importing {
	struct dlq_session *session;
	const char *path;
	FILE *file;
	struct dlq_sender sender;
	bool is_sending; /* else the lines are only checked */
	size_t count;
	char *line;
	size_t capacity;
};

static int import_line(
	struct importing *importing, struct slice line, struct arena *arena, struct err *err)
{
	struct kafka_reader_record record;
	struct sink_message message;
	int r = dlq_line_read(line, arena, &record, err);

	if (r < 0 || !importing->is_sending) {
		return r;
	}
	message = (struct sink_message){
		.topic = importing->session->topic,
		.partition = record.partition < (int32_t)importing->session->book.count
			? record.partition
			: -1,
		.key = record.key,
		.value = record.value,
		.timestamp_ms = record.timestamp_ms,
		.headers = record.headers,
		.header_count = record.header_count,
	};
	return dlq_sender_send(&importing->sender, &message, -1, 0, err);
}

static int import_lines(struct importing *importing, struct err *err)
{
	struct arena arena = ARENA_INIT;
	size_t number = 0;
	ssize_t length;
	int r = 0;

	if (fseek(importing->file, 0, SEEK_SET) < 0) {
		return err_set(err, -EINVAL,
			"%s: %s; all of it is read before anything is sent: name a file, no pipe",
			importing->path, strerror(errno));
	}
	importing->count = 0;
	while (r == 0 && !dlq_run_is_interrupted() &&
		(length = getline(&importing->line, &importing->capacity, importing->file)) >= 0) {
		number++;
		if (strspn(importing->line, " \t\r\n") == (size_t)length) {
			continue;
		}
		arena_reset(&arena);
		r = import_line(
			importing, slice_from(importing->line, (size_t)length), &arena, err);
		importing->count += r == 0;
	}
	arena_fini(&arena);
	if (r < 0) {
		return err_prefix(err, r, "%s:%zu", importing->path, number);
	}
	return ferror(importing->file)
		? err_set(err, -EIO, "%s: %s", importing->path, strerror(errno))
		: 0;
}

static int import_file(struct importing *importing)
{
	struct dlq_session *session = importing->session;
	struct err err = ERR_INIT;
	size_t checked;
	int waited, r;

	importing->file = fopen(importing->path, "re");
	if (!importing->file) {
		err_set(&err, 0, "%s: %s", importing->path, strerror(errno));
		return dlq_session_fail(session, -EIO, &err);
	}
	r = import_lines(importing, &err);
	r = r < 0 ? r : dlq_sender_open(&importing->sender, session->config, 0, &err);
	if (r < 0) {
		return dlq_session_fail(session, r, &err);
	}
	checked = importing->count;
	dlq_run_catch_signals();
	importing->is_sending = true;
	r = import_lines(importing, &err);
	waited = dlq_sender_wait(&importing->sender, r < 0 ? NULL : &err);
	r = r < 0 ? r : waited;
	if (r < 0) {
		dlq_session_fail(session, r, &err);
		fprintf(stderr, "oncectl: up to %zu dead letters were imported before\n",
			importing->count);
		return CTL_FAILED;
	}
	fprintf(stderr, "%zu dead letter%s imported into %s\n", importing->count,
		importing->count == 1 ? "" : "s", session->topic);
	if (importing->count != checked) {
		fprintf(stderr, "oncectl dlq import: %s has %zu: %s\n", importing->path, checked,
			dlq_run_is_interrupted() ? "it was interrupted"
						 : "it changed while it was read");
	}
	return importing->count == checked ? CTL_OK : CTL_FAILED;
}

int verb_dlq_import(const struct ctl *ctl)
{
	_cleanup_(dlq_session_close) struct dlq_session session = DLQ_SESSION_INIT;
	struct importing importing = { .session = &session, .path = ctl_option(ctl, "--file") };
	int status;

	if (!importing.path) {
		fputs("oncectl dlq import: needs --file FILE\n", stderr);
		return CTL_USAGE;
	}
	status = dlq_session_open(&session, ctl, DLQ_UNREAD);
	status = status ? status : import_file(&importing);
	if (importing.file) {
		fclose(importing.file);
	}
	free(importing.line);
	dlq_sender_close(&importing.sender);
	return status;
}
