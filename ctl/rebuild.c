/*
 * rebuild - `oncectl rebuild`: a projection anew from the log
 *
 * Runs in: oncectl. Its steps are a table (rebuild_run.c); what it needs to be taken up again is
 * in a file (rebuild_state.h) before a step begins. The daemon drains and resumes; offsets and the
 * store's generation are changed here, while nobody of the group works.
 */
#include "rebuild.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config_file.h"
#include "migration.h"
#include "rebuild_offsets.h"
#include "rebuild_run.h"
#include "when.h"

const struct verb_option rebuild_options[] = {
	{ "--from", "WHERE", "earliest, or a time: 2026-11-21T20:00:00Z" },
	{ "--reason", "TEXT", "why, for the log; required to begin" },
	{ "--yes", NULL, "do not ask" },
	{ "--continue", NULL, "go on with one that was stopped" },
	{ "--abort", NULL, "give one up that has not emptied anything yet" },
	{ "--watch", NULL, "only show how far it, or the consumer, is, until it caught up" },
	{ "--no-watch", NULL, "do not wait until it caught up" },
	{ "--owner", "NAME", "whom to ask about it (default: who calls)" },
	{ 0 },
};

static void rebuild_close(struct rebuild *rebuild)
{
	kafka_reader_close(rebuild->reader);
	if (rebuild->store) {
		rebuild->store->ops->close(rebuild->store);
	}
	rebuild_state_close(&rebuild->state);
	config_free(rebuild->config);
}

/* ---- what it needs ---- */

/* Another consumer of the scope would forget what it applied, and not read it again. */
static int check_scope(const struct rebuild *rebuild)
{
	const struct config_consumer *own = rebuild->state.consumer;

	for (size_t i = 0; i < rebuild->config->consumer_count; i++) {
		const struct config_consumer *other = &rebuild->config->consumers[i];

		if (other != own && strcmp(other->dedup_scope, own->dedup_scope) == 0 &&
			strcmp(config_store_of(rebuild->config, other),
				config_store_of(rebuild->config, own)) == 0) {
			fprintf(stderr,
				"oncectl rebuild: [consumer %s] shares the dedup.scope %s: it "
				"would apply again what comes to it twice; give one of them its "
				"own\n",
				other->name, own->dedup_scope);
			return CTL_FAILED;
		}
	}
	return CTL_OK;
}

static int open_store(struct rebuild *rebuild)
{
	struct err err = ERR_INIT;

	if (migration_open(rebuild->config, rebuild->state.consumer, 0, &rebuild->store, &err) <
		0) {
		return rebuild_complain(&err);
	}
	rebuild->has_generations = rebuild->store->ops->begin_generation != NULL;
	if (!rebuild->has_generations && rebuild->store->ops->keeps_claims) {
		fprintf(stderr,
			"oncectl rebuild: the store of %s (%s:) knows no generations, so that what "
			"it remembers would swallow the replay. Build beside it instead, with "
			"another dedup.scope: see docs/rebuild.md\n",
			rebuild_name(rebuild), rebuild->store->ops->scheme);
		return CTL_FAILED;
	}
	if (!rebuild->has_generations && rebuild->state.consumer->rebuild_sql) {
		fprintf(stderr, "oncectl rebuild: the store of %s has no tables for rebuild.sql\n",
			rebuild_name(rebuild));
		return CTL_FAILED;
	}
	return check_scope(rebuild);
}

static int rebuild_open(struct rebuild *rebuild, const struct ctl *ctl)
{
	struct err err = ERR_INIT;

	*rebuild = (struct rebuild){ .ctl = *ctl, .asked = ctl, .state = { .lock_fd = -1 } };
	rebuild->ctl.is_json = false;
	if (config_file_load(ctl, &rebuild->config) < 0) {
		return CTL_FAILED;
	}
	rebuild->state.config = rebuild->config;
	rebuild->state.consumer = config_file_consumer(rebuild->config, ctl->arguments[0]);
	if (!rebuild->state.consumer) {
		return CTL_USAGE;
	}
	if (kafka_reader_open(rebuild->config, rebuild->state.consumer->group_id, &rebuild->reader,
		    &err) < 0) {
		return rebuild_complain(&err);
	}
	return open_store(rebuild);
}

/* Is the generation in use the one that this rebuild begins? Without generations: its file says. */
static int look_switched(struct rebuild *rebuild, bool *ret_is_so)
{
	struct store_generation used;
	struct err err = ERR_INIT;

	*ret_is_so = rebuild->state.step > REBUILD_SWITCH;
	if (!rebuild->has_generations) {
		return CTL_OK;
	}
	if (rebuild->store->ops->look_generation(rebuild->store, &used, &err) < 0) {
		return rebuild_complain(&err);
	}
	*ret_is_so = used.number == rebuild->state.next.number &&
		strcmp(used.rebuild, rebuild->state.next.rebuild) == 0;
	return CTL_OK;
}

/* ---- begin ---- */

static int read_from(struct rebuild *rebuild, const char *from)
{
	struct rebuild_state *state = &rebuild->state;

	state->from_ms = -1;
	if (!from ||
		(strcmp(from, "earliest") != 0 &&
			(when_parse(from, clock_wall_ms(), &state->from_ms) < 0 ||
				state->from_ms < 0))) {
		fputs("oncectl rebuild: needs --from earliest, or a time like "
		      "2026-11-21T20:00:00Z (or --continue)\n",
			stderr);
		return CTL_USAGE;
	}
	snprintf(state->from, sizeof(state->from), "%s", from);
	return CTL_OK;
}

static int name_rebuild(struct rebuild *rebuild)
{
	struct store_generation used = { .number = 1 };
	uint64_t token = 0;
	struct err err = ERR_INIT;

	if (rebuild->has_generations &&
		rebuild->store->ops->look_generation(rebuild->store, &used, &err) < 0) {
		return rebuild_complain(&err);
	}
	if (getrandom(&token, sizeof(token), 0) != sizeof(token)) {
		perror("oncectl rebuild: getrandom");
		return CTL_FAILED;
	}
	rebuild->state.next.number = rebuild->has_generations ? used.number + 1 : 0;
	snprintf(rebuild->state.next.rebuild, sizeof(rebuild->state.next.rebuild),
		"%" PRId64 "-%016" PRIx64, clock_wall_ms() / 1000, token);
	return CTL_OK;
}

static bool is_confirmed(const struct rebuild *rebuild)
{
	const char *sql = rebuild->state.consumer->rebuild_sql;
	int64_t done, all;
	char answer[8] = "";

	rebuild_offsets_sum(&rebuild->state, &done, &all);
	fprintf(stderr,
		"%s is drained, begins again from %s and applies %" PRId64 " records anew.\n%s\n",
		rebuild_name(rebuild), rebuild->state.from, all,
		sql && rebuild->has_generations
			? "Before that, this runs in its database:"
			: "There is no rebuild.sql: what was applied stays, and is applied again "
			  "on top.");
	if (sql && rebuild->has_generations) {
		fprintf(stderr, "%s\n", sql);
	}
	if (ctl_option(rebuild->asked, "--yes")) {
		return true;
	}
	if (!isatty(STDIN_FILENO)) {
		fputs("oncectl rebuild: nobody to ask: say --yes\n", stderr);
		return false;
	}
	fputs("Go on? [y/N] ", stderr);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static void write_audit(const struct rebuild *rebuild, const char *what)
{
	log_init(STDERR_FILENO, rebuild->config->log_format, LOG_LEVEL_INFO, "oncectl",
		rebuild_name(rebuild), -1);
	log_notice(what, LOG_STR("rebuild", rebuild->state.next.rebuild),
		LOG_INT("generation", (int64_t)rebuild->state.next.number),
		LOG_STR("from", rebuild->state.from), LOG_INT("uid", (int64_t)getuid()),
		LOG_STR("reason", rebuild->state.reason));
	log_flush();
}

static int begin(struct rebuild *rebuild)
{
	const char *reason = ctl_option(rebuild->asked, "--reason");
	struct err err = ERR_INIT;
	int status;

	if (rebuild->state.is_there) {
		fprintf(stderr,
			"oncectl rebuild: one of %s is under way, for: %s\n--continue goes on, "
			"--abort gives it up\n",
			rebuild_name(rebuild), rebuild->state.reason);
		return CTL_FAILED;
	}
	if (!reason || !reason[0]) {
		fputs("oncectl rebuild: say why: --reason TEXT\n", stderr);
		return CTL_USAGE;
	}
	snprintf(rebuild->state.reason, sizeof(rebuild->state.reason), "%s", reason);
	status = read_from(rebuild, ctl_option(rebuild->asked, "--from"));
	status = status ? status : name_rebuild(rebuild);
	if (status) {
		return status;
	}
	if (rebuild_offsets_find(&rebuild->state, rebuild->reader, &err) < 0) {
		return rebuild_complain(&err);
	}
	if (!is_confirmed(rebuild)) {
		return CTL_FAILED;
	}
	write_audit(rebuild, "a rebuild begins");
	return rebuild_run(rebuild, REBUILD_DRAIN);
}

/* ---- take up, give up, watch ---- */

static int nothing_under_way(const struct rebuild *rebuild)
{
	fprintf(stderr, "oncectl rebuild: none of %s is under way\n", rebuild_name(rebuild));
	return CTL_FAILED;
}

static int take_up(struct rebuild *rebuild)
{
	bool is_switched;
	int status;

	if (!rebuild->state.is_there) {
		return nothing_under_way(rebuild);
	}
	status = look_switched(rebuild, &is_switched);
	if (status) {
		return status;
	}
	write_audit(rebuild, "a rebuild is taken up");
	return rebuild_run(rebuild, rebuild_step_again(rebuild->state.step, is_switched));
}

static int give_up(struct rebuild *rebuild)
{
	struct err err = ERR_INIT;
	bool is_switched;
	int status;

	if (!rebuild->state.is_there) {
		return nothing_under_way(rebuild);
	}
	status = look_switched(rebuild, &is_switched);
	if (status) {
		return status;
	}
	if (!rebuild_may_abort(is_switched)) {
		fputs("oncectl rebuild: rebuild.sql ran already: there is no way back, "
		      "--continue goes on\n",
			stderr);
		return CTL_FAILED;
	}
	if (rebuild_offsets_restore(&rebuild->state, rebuild->reader, &err) < 0) {
		fprintf(stderr,
			"oncectl rebuild: group %s: %s\nIts offsets went back, and ids that were "
			"forgotten would take effect again: release its workers (oncectl drain %s "
			"--release), then --abort\n",
			rebuild->state.consumer->group_id, err.text, rebuild_name(rebuild));
		return CTL_FAILED;
	}
	write_audit(rebuild, "a rebuild is given up");
	if (rebuild_state_remove(&rebuild->state, &err) < 0) {
		return rebuild_complain(&err);
	}
	printf("Given up; the group's offsets are what they were. `oncectl resume %s` if it is "
	       "still drained.\n",
		rebuild_name(rebuild));
	return CTL_OK;
}

/* Without a rebuild: until all that is in the logs now is committed. */
static int watch(struct rebuild *rebuild)
{
	struct err err = ERR_INIT;

	if (!rebuild->state.is_there) {
		rebuild->state.from_ms = -1;
		if (rebuild_offsets_find(&rebuild->state, rebuild->reader, &err) < 0) {
			return rebuild_complain(&err);
		}
	}
	rebuild_watch(rebuild);
	printf("%s has caught up.\n", rebuild_name(rebuild));
	return CTL_OK;
}

int verb_rebuild(const struct ctl *ctl)
{
	_cleanup_(rebuild_close) struct rebuild rebuild = { .state = { .lock_fd = -1 } };
	struct err err = ERR_INIT;
	int modes = (ctl_option(ctl, "--from") != NULL) + (ctl_option(ctl, "--continue") != NULL) +
		(ctl_option(ctl, "--abort") != NULL) + (ctl_option(ctl, "--watch") != NULL);
	int status;

	if (modes != 1) {
		fputs("oncectl rebuild: one of --from, --continue, --abort and --watch\n", stderr);
		return CTL_USAGE;
	}
	status = rebuild_open(&rebuild, ctl);
	if (status) {
		return status;
	}
	if (ctl_option(ctl, "--watch")) {
		return watch(&rebuild);
	}
	if (rebuild_state_open(&rebuild.state, &err) < 0) {
		return rebuild_complain(&err);
	}
	return ctl_option(ctl, "--continue") ? take_up(&rebuild)
		: ctl_option(ctl, "--abort") ? give_up(&rebuild)
					     : begin(&rebuild);
}
