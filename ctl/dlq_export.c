/*
 * dlq_export - `oncectl dlq export`: dead letters as lines of JSON
 *
 * Runs in: oncectl. A file is written beside its name and renamed when it is complete.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "dlq.h"
#include "dlq_line.h"
#include "dlq_session.h"

const struct verb_option dlq_export_options[] = {
	{ "--file", "FILE", "where to; - (the default) is standard output" },
	DLQ_FILTER_OPTIONS,
	{ 0 },
};

struct exporting {
	const char *topic;
	FILE *file;
	struct buffer line;
	size_t count;
};

static bool write_letter(void *arg, const struct dlq_letter *letter, enum dlq_state state)
{
	struct exporting *exporting = arg;

	buffer_clear(&exporting->line);
	dlq_line_write(exporting->topic, letter->record, &exporting->line);
	exporting->count++;
	return fwrite(exporting->line.data, exporting->line.len, 1, exporting->file) == 1;
}

static int export_letters(struct dlq_session *session, FILE *file)
{
	struct exporting exporting = { session->topic, file, BUFFER_INIT, 0 };
	struct err err = ERR_INIT;
	int status = dlq_session_each(session, write_letter, &exporting);

	buffer_fini(&exporting.line);
	if (fflush(file) != 0 || ferror(file)) {
		err_set(&err, 0, "cannot write: %s", strerror(errno));
		return dlq_session_fail(session, -EIO, &err);
	}
	if (status) {
		fprintf(stderr, "oncectl: not all were exported, %zu before that\n",
			exporting.count);
	} else {
		fprintf(stderr, "%zu dead letter%s exported\n", exporting.count,
			exporting.count == 1 ? "" : "s");
	}
	return status;
}

/* Dead letters hold what events hold: for their owner's eyes. */
static int export_to_file(struct dlq_session *session, const char *path)
{
	_cleanup_free_ char *partial = xasprintf("%s.partial", path);
	mode_t before = umask(077);
	FILE *file = fopen(partial, "we");
	struct err err = ERR_INIT;
	int status;

	umask(before);
	if (!file) {
		err_set(&err, 0, "%s: %s", partial, strerror(errno));
		return dlq_session_fail(session, -EIO, &err);
	}
	status = export_letters(session, file);
	if (!status && (fsync(fileno(file)) < 0 || rename(partial, path) < 0)) {
		err_set(&err, 0, "%s: %s", path, strerror(errno));
		status = dlq_session_fail(session, -EIO, &err);
	}
	fclose(file);
	if (status) {
		unlink(partial);
	}
	return status;
}

int verb_dlq_export(const struct ctl *ctl)
{
	_cleanup_(dlq_session_close) struct dlq_session session = DLQ_SESSION_INIT;
	const char *path = ctl_option(ctl, "--file");
	int status = dlq_session_open(&session, ctl, DLQ_HAS_FILTER);

	if (status) {
		return status;
	}
	return !path || strcmp(path, "-") == 0 ? export_letters(&session, stdout)
					       : export_to_file(&session, path);
}
