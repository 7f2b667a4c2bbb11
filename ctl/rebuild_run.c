#include "rebuild_run.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "dlq_progress.h"
#include "operate.h"
#include "rebuild_offsets.h"

/* Members that went away without a word are in the group for a session timeout. */
#define MEMBERS_US ((int64_t)90 * 1000 * 1000)
enum { NAP_MS = 500 };

int rebuild_complain(const struct err *err)
{
	fprintf(stderr, "oncectl rebuild: %s\n", err->text);
	return CTL_FAILED;
}

static void nap(void)
{
	struct timespec span = { NAP_MS / 1000, (NAP_MS % 1000) * 1000000L };

	nanosleep(&span, NULL);
}

static void say(const struct rebuild *rebuild, const char *what)
{
	if (!rebuild->asked->is_json) {
		printf("%s: %s\n", rebuild_name(rebuild), what);
		fflush(stdout);
	}
}

/* ---- the steps: an exit status each ---- */

static struct scope scope_of(const struct rebuild *rebuild)
{
	struct scope scope = { .partition = -1 };

	snprintf(scope.consumer, sizeof(scope.consumer), "%s", rebuild_name(rebuild));
	return scope;
}

static json_t *body_of(const struct rebuild *rebuild, const struct scope *scope)
{
	json_t *body = operate_body(&rebuild->ctl, scope);
	char reason[300];

	snprintf(reason, sizeof(reason), "rebuild: %.280s", rebuild->state.reason);
	(void)json_object_set_new(body, "reason", json_string(reason));
	return body;
}

static int step_drain(struct rebuild *rebuild)
{
	struct scope scope = scope_of(rebuild);
	json_t *body = body_of(rebuild, &scope), *operation = NULL;
	int status;

	(void)json_object_set_new(body, "release", json_true());
	status = operate(&rebuild->ctl, &scope, "drain", body, OPERATE_END, NULL, &operation);
	json_decref(operation);
	return status;
}

static int step_rewind(struct rebuild *rebuild)
{
	int64_t until_us = clock_mono_us() + MEMBERS_US;
	struct err err = ERR_INIT;
	bool is_told = false;

	/* once more: a partition that came since the beginning was worked, and is emptied, too */
	if (rebuild_offsets_find_again(&rebuild->state, rebuild->reader, &err) < 0 ||
		rebuild_state_save(&rebuild->state, &err) < 0) {
		return rebuild_complain(&err);
	}
	while (rebuild_offsets_rewind(&rebuild->state, rebuild->reader, &err) < 0) {
		if (clock_mono_us() >= until_us) {
			fprintf(stderr,
				"oncectl rebuild: group %s: %s\nIts offsets cannot be set while "
				"it has members: release the workers of other hosts, too, then "
				"--continue\n",
				rebuild->state.consumer->group_id, err.text);
			return CTL_FAILED;
		}
		if (!is_told) {
			say(rebuild, "the group does not let its offsets be set yet; waiting");
			is_told = true;
		}
		nap();
	}
	return CTL_OK;
}

static int step_switch(struct rebuild *rebuild)
{
	struct err err = ERR_INIT;

	if (!rebuild->has_generations) {
		return CTL_OK;
	}
	if (rebuild->store->ops->begin_generation(rebuild->store, &rebuild->state.next,
		    rebuild->state.consumer->rebuild_sql, &err) < 0) {
		return rebuild_complain(&err);
	}
	return CTL_OK;
}

static int step_check(struct rebuild *rebuild)
{
	struct err err = ERR_INIT;
	int status;

	if (rebuild_offsets_look(&rebuild->state, rebuild->reader, &err) < 0) {
		return rebuild_complain(&err);
	}
	if (rebuild_offsets_are_at_start(&rebuild->state)) {
		return CTL_OK;
	}
	say(rebuild, "it was resumed meanwhile: its offsets go back once more");
	status = step_drain(rebuild);
	return status ? status : step_rewind(rebuild);
}

static int step_resume(struct rebuild *rebuild)
{
	struct scope scope = scope_of(rebuild);
	json_t *operation = NULL;
	int status = operate(&rebuild->ctl, &scope, "resume", body_of(rebuild, &scope),
		OPERATE_ANSWER, NULL, &operation);

	json_decref(operation);
	return status == CTL_TIMED_OUT ? CTL_OK : status; /* it holds, whoever has not heard it */
}

static void show_progress(struct dlq_progress *progress, int64_t done, int64_t all,
	int64_t first_done, int64_t since_us)
{
	long long left_us =
		rebuild_left_us(done - first_done, all - done, clock_mono_us() - since_us);
	char note[64] = "";

	if (left_us >= 0) {
		snprintf(note, sizeof(note), "about %lld s left", left_us / 1000000 + 1);
	}
	dlq_progress_tell(progress, (size_t)done, (size_t)all, note);
}

void rebuild_watch(struct rebuild *rebuild)
{
	int64_t since_us = clock_mono_us(), first_done = -1, done = 0, all = 1;
	struct dlq_progress progress;
	struct err err = ERR_INIT;

	dlq_progress_init(&progress);
	for (;; nap()) {
		if (rebuild_offsets_look(&rebuild->state, rebuild->reader, &err) < 0) {
			dlq_progress_tell(&progress, (size_t)done, (size_t)all, err.text);
			continue;
		}
		rebuild_offsets_sum(&rebuild->state, &done, &all);
		first_done = first_done < 0 ? done : first_done;
		if (done >= all) {
			break;
		}
		show_progress(&progress, done, all, first_done, since_us);
	}
	dlq_progress_end(&progress);
}

static int step_watch(struct rebuild *rebuild)
{
	rebuild_watch(rebuild);
	return CTL_OK;
}

static const struct {
	int (*run)(struct rebuild *rebuild);
	const char *text;
} steps[REBUILD_STEPS] = {
	[REBUILD_DRAIN] = { step_drain, "draining; the workers leave the group" },
	[REBUILD_REWIND] = { step_rewind, "the group's offsets go back" },
	[REBUILD_SWITCH] = { step_switch, "rebuild.sql, and a new generation of the dedup scope" },
	[REBUILD_CHECK] = { step_check, NULL },
	[REBUILD_RESUME] = { step_resume, "resuming" },
	[REBUILD_WATCH] = { step_watch,
		"catching up; stop watching as you like, --continue watches again" },
};

static int finish(struct rebuild *rebuild)
{
	struct err err = ERR_INIT;
	int64_t done, all;

	rebuild_offsets_sum(&rebuild->state, &done, &all);
	if (rebuild_state_remove(&rebuild->state, &err) < 0) {
		return rebuild_complain(&err);
	}
	if (rebuild->asked->is_json) {
		printf("{\"state\":\"done\",\"consumer\":\"%s\",\"generation\":%u,\"records\":"
		       "%" PRId64 "}\n",
			rebuild_name(rebuild), rebuild->state.next.number, all);
	} else {
		printf("%s is rebuilt: it caught up with the %" PRId64
		       " records that were there at the start.\n",
			rebuild_name(rebuild), all);
	}
	return CTL_OK;
}

int rebuild_run(struct rebuild *rebuild, enum rebuild_step step)
{
	struct err err = ERR_INIT;

	for (; step < REBUILD_STEPS; step++) {
		int status;

		rebuild->state.step = step;
		if (rebuild_state_save(&rebuild->state, &err) < 0) {
			return rebuild_complain(&err);
		}
		if (step == REBUILD_WATCH && ctl_option(rebuild->asked, "--no-watch")) {
			return CTL_OK;
		}
		if (steps[step].text) {
			say(rebuild, steps[step].text);
		}
		status = steps[step].run(rebuild);
		if (status != CTL_OK) {
			fprintf(stderr,
				"oncectl rebuild: stopped; `oncectl rebuild %s --continue` goes "
				"on\n",
				rebuild_name(rebuild));
			return status;
		}
		FAILPOINT("rebuild_step");
	}
	return finish(rebuild);
}
