/*
 * test_nth_config - configurations read, planned and handed over, whichever call fails
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "config/diff.h"
#include "config_case.h"
#include "each_failure.h"

#define HEAD                                                                                       \
	"[onced]\nstore = none:\n[kafka]\nbootstrap.servers = 127.0.0.1:9092\n"                    \
	"sasl.password = ${PASSWORD}\n"

static const char good[] = HEAD
	"[consumer orders]\ntopics = a, b\nhandler = write\nroute.special = log\ndlq.topic = d\n"
	"event.id = header:id, json:id\nretry = slow\n"
	"[handler write]\ntype = sql\nstatement = INSERT INTO t\n    VALUES (:event_id)\n"
	"[handler log]\ntype = log\n[retry slow]\nattempts = 3\n";
static const char other[] = HEAD
	"[consumer orders]\ntopics = a\nhandler = log\ndlq.topic = none\nbatch.max = 7\n"
	"[consumer more]\ntopics = c\nhandler = log\ndlq.topic = none\n[handler log]\ntype = log\n";
static const char wrong[] = HEAD
	"[consumer orders]\ntopics = a\nhandler = log\ndlq.topic = d\nbatch.max = many\nlanez = 2\n"
	"[handler log]\ntype = log\n";

static struct config_case files;
static char paths[3][160];

static void write_file(unsigned i, const char *name, const char *text)
{
	config_case_write(&files, name, text);
	snprintf(paths[i], sizeof(paths[i]), "%s/%s", files.directory, name);
}

static int set_up(void **state)
{
	config_case_begin(&files);
	write_file(0, "onced.ini", good);
	write_file(1, "other.ini", other);
	write_file(2, "wrong.ini", wrong);
	files.environment[0] = (char *)(uintptr_t) "PASSWORD=planted-4711";
	config_case_write(&files, "conf.d/a.ini", "[consumer orders]\nlanes = 1\n");
	return 0;
}

static int tear_down(void **state)
{
	config_case_end(&files);
	return 0;
}

static int load(const char *path, struct config **ret, struct err *err)
{
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;
	int r = config_load(path, files.environment, config_case_types, ret, &errors);

	return r < 0 ? err_set(err, r, "%s", buffer_str(&errors.text)) : 0;
}

/* ---- read ---- */

static int read_and_dump(void *path, struct buffer *said, struct err *err)
{
	_cleanup_(config_freep) struct config *config = NULL;
	int r = load(path, &config, err);

	if (r == 0) {
		config_dump(config, true, said);
	}
	return r;
}

static void a_file_is_read_or_refused_with_a_sentence(void **state)
{
	const struct each_failure work = {
		.name = "read a configuration", .run = read_and_dump, .context = paths[0]
	};
	struct each_failure_runs runs = each_failure(&work);

	assert_true(runs.aborted > 100 && runs.refused >= 3);
}

/* All that is wrong is named, or what failed; never a part of it. */
static int find_all_errors(void *path, struct buffer *said, struct err *err)
{
	_cleanup_(config_freep) struct config *config = NULL;
	int r = load(path, &config, err);

	if (r == 0) {
		return err_set(err, 0, "it was taken");
	}
	if (strstr(err->text, "batch.max") && strstr(err->text, "lanez")) {
		buffer_append_str(said, err->text);
		return 0;
	}
	if (strstr(err->text, "batch.max") || strstr(err->text, "lanez")) {
		err->text[0] = '\0'; /* no sentence: that is wrong */
	}
	return r;
}

static void errors_are_told_together_or_not_at_all(void **state)
{
	const struct each_failure work = {
		.name = "refuse a configuration",
		.run = find_all_errors,
		.context = paths[2],
		.may_say_else = true, /* one error more: what could not be opened */
	};

	assert_true(each_failure(&work).aborted > 50);
}

/* ---- the plan of a reload ---- */

static int plan(void *context, struct buffer *said, struct err *err)
{
	_cleanup_(config_freep) struct config *before = NULL, *after = NULL;
	struct config_diff changes;
	int r = load(paths[0], &before, err);

	r = r < 0 ? r : load(paths[1], &after, err);
	if (r < 0) {
		return r;
	}
	config_diff(before, NULL, after, NULL, &changes);
	config_keep(before, after);
	buffer_printf(said, "%zu changes, at most rule %d", changes.count,
		(int)config_diff_rule(&changes));
	config_diff_fini(&changes);
	return 0;
}

static void a_reload_is_planned_whole_or_not(void **state)
{
	const struct each_failure work = { .name = "plan a reload", .run = plan };

	assert_true(each_failure(&work).aborted > 200);
}

/* ---- handed to a worker ---- */

static int hand_over(void *context, struct buffer *said, struct err *err)
{
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;
	_cleanup_(config_freep) struct config *config = NULL, *travelled = NULL;
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	_cleanup_close_ int fd = -1;
	int r = load(paths[0], &config, err);

	if (r < 0) {
		return r;
	}
	config_serialize(config, &config->consumers[0], &text);
	fd = memfd_create("config", MFD_CLOEXEC);
	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len ||
		lseek(fd, 0, SEEK_SET) < 0) {
		return err_set(err, -errno, "%s", strerror(errno));
	}
	r = config_load_fd(fd, &travelled, &errors);
	if (r < 0) {
		return err_set(err, r, "%s", buffer_str(&errors.text));
	}
	config_dump(travelled, true, said);
	return 0;
}

static void a_worker_gets_all_of_it_or_nothing(void **state)
{
	const struct each_failure work = { .name = "hand a configuration over", .run = hand_over };

	assert_true(each_failure(&work).aborted > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_or_refused_with_a_sentence),
		cmocka_unit_test(errors_are_told_together_or_not_at_all),
		cmocka_unit_test(a_reload_is_planned_whole_or_not),
		cmocka_unit_test(a_worker_gets_all_of_it_or_nothing),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
