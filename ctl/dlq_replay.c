/*
 * dlq_replay - `oncectl dlq replay`: dead letters back to where they came from
 *
 * Runs in: oncectl. Without --yes it only tells what would happen.
 */
#include "dlq_replay.h"

#include <stdio.h>
#include <string.h>

#include "config/value.h"
#include "dlq.h"
#include "dlq_json.h"
#include "dlq_settle.h"
#include "output.h"

enum { FAILURES_MAX = 10, REPLAYS_MAX = 3, WAIT_US = 300 * 1000000 };

const struct verb_option dlq_replay_options[] = {
	{ "--yes", NULL, "do it; without, it is only told what would happen" },
	{ "--why", "TEXT", "for the audit" },
	{ "--to", "TOPIC", "there, instead of where each came from" },
	{ "--rate", "N", "no more than N records a second" },
	{ "--max-failures", "N", "stop when so many failed again (10)" },
	{ "--max-replays", "N", "leave out what was replayed so often (3)" },
	{ "--no-wait", NULL, "send without waiting for the consumer to settle" },
	{ "--wait", "TIME", "give up when the consumer does not move for so long (5m)" },
	DLQ_FILTER_OPTIONS,
	{ 0 },
};

/* ---- what would happen ---- */

const char *dlq_replay_refusal(struct dlq_replay *replay, const struct dlq_letter *letter,
	struct dlq_target **ret, int *ret_error)
{
	struct slice topic = replay->to ? slice_from_str(replay->to) : letter->topic;
	struct err err = ERR_INIT;

	*ret_error = 0;
	if (topic.len == 0) {
		return "left: its origin is unknown (--to)";
	}
	if (!slice_is_null(letter->oversized)) {
		return "left: its value was too large for the dead-letter topic";
	}
	if (letter->replays >= replay->replays_max) {
		return "left: replayed too often (--max-replays)";
	}
	*ret_error = dlq_targets_find(&replay->targets, replay->sender.sink, topic, ret, &err);
	if (*ret_error < 0) {
		dlq_session_fail(replay->session, *ret_error, &err);
		return "left";
	}
	return (*ret)->partition_count == 0 ? "left: there is no such topic" : NULL;
}

static bool plan_letter(void *arg, const struct dlq_letter *letter, enum dlq_state state)
{
	struct dlq_replay *replay = arg;
	struct dlq_target *target = NULL;
	char replays[24];
	int error;
	const char *refusal = dlq_replay_refusal(replay, letter, &target, &error);
	const struct slice words[] = {
		slice_from_str(refusal ? refusal : "sent"),
		replay->to ? slice_from_str(replay->to) : letter->topic,
		letter->reason,
		letter->code,
		{ replays,
			(size_t)snprintf(
				replays, sizeof(replays), "%lld", (long long)letter->replays) },
	};

	dlq_tally_add(&replay->plan, words);
	replay->planned += refusal == NULL;
	replay->status = error < 0 ? CTL_NOT_REACHABLE : replay->status;
	return error == 0;
}

static void warn_of_others(struct dlq_replay *replay)
{
	struct buffer groups = BUFFER_INIT;
	struct err err = ERR_INIT;

	if (dlq_targets_other_groups(&replay->targets, replay->session->config,
		    replay->session->reader, &groups, &err) < 0) {
		fprintf(stderr, "oncectl: which groups read there is not known: %s\n", err.text);
	} else if (groups.len > 0) {
		fprintf(stderr,
			"oncectl: other groups have read there, too, and will get the records "
			"again: %s\n",
			buffer_str(&groups));
	}
	buffer_fini(&groups);
}

static void tell_plan(struct dlq_replay *replay)
{
	struct buffer out = BUFFER_INIT;

	if (replay->session->ctl->is_json) {
		_cleanup_(dlq_json_freep) json_t *json = json_pack("{s:I, s:o}", "sent",
			(json_int_t)replay->planned, "plan", dlq_tally_json(&replay->plan));

		json_dumpf(json, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	dlq_tally_write(&replay->plan, &out);
	fputs(out.len > 0 ? buffer_str(&out) : "no dead letter is meant\n", stdout);
	buffer_fini(&out);
}

/* ---- the verb ---- */

static int read_number(
	const struct dlq_session *session, const char *option, int64_t min, int64_t *ret)
{
	const char *text = ctl_option(session->ctl, option);

	if (!text || (value_parse_integer(text, ret) == 0 && *ret >= min)) {
		return CTL_OK;
	}
	fprintf(stderr, "oncectl %s: %s %s is not a number from %lld\n", session->ctl->verb->name,
		option, text, (long long)min);
	return CTL_USAGE;
}

static int read_options(struct dlq_replay *replay)
{
	const struct dlq_session *session = replay->session;
	const char *wait = ctl_option(session->ctl, "--wait");
	int64_t failures_max = FAILURES_MAX;

	replay->to = ctl_option(session->ctl, "--to");
	replay->waits = !ctl_option(session->ctl, "--no-wait") && session->consumer;
	replay->replays_max = REPLAYS_MAX;
	replay->wait_us = WAIT_US;
	if (replay->to && strcmp(replay->to, session->topic) == 0) {
		fprintf(stderr,
			"oncectl %s: --to %s is where the dead letters lie: there they would only "
			"lose where they came from\n",
			session->ctl->verb->name, replay->to);
		return CTL_USAGE;
	}
	if (wait && value_parse_duration(wait, &replay->wait_us) < 0) {
		fprintf(stderr, "oncectl %s: --wait %s is not a time as 30s or 5m\n",
			session->ctl->verb->name, wait);
		return CTL_USAGE;
	}
	if (read_number(session, "--rate", 1, &replay->rate) ||
		read_number(session, "--max-replays", 1, &replay->replays_max) ||
		read_number(session, "--max-failures", 1, &failures_max)) {
		return CTL_USAGE;
	}
	dlq_window_init(&replay->window, (size_t)failures_max);
	return dlq_run_init(&replay->run, session->ctl);
}

static int open_clients(struct dlq_replay *replay)
{
	struct dlq_session *session = replay->session;
	struct err err = ERR_INIT;
	int r = dlq_sender_open(&replay->sender, session->config, session->book.count, &err);

	replay->sender.on_stored = dlq_targets_stored;
	replay->sender.on_stored_arg = &replay->targets;
	if (r == 0) {
		r = dlq_targets_open(&replay->targets, session->config, session->consumer, &err);
	}
	if (r == 0 && session->consumer && session->consumer->dlq_topic) {
		r = dlq_watch_open(&replay->watch, session->config, session->consumer->dlq_topic,
			replay->run.id, &err);
	}
	return r < 0 ? dlq_session_fail(session, r, &err) : CTL_OK;
}

static int plan_and_run(struct dlq_replay *replay)
{
	static const char *const heads[] = { "WOULD BE", "TO", "REASON", "CODE",
		"REPLAYED BEFORE" };
	int status;

	dlq_tally_init(&replay->plan, heads, sizeof(heads) / sizeof(heads[0]));
	status = dlq_session_each(replay->session, plan_letter, replay);
	status = status ? status : replay->status;
	if (status) {
		return status;
	}
	tell_plan(replay);
	if (replay->planned > 0) {
		warn_of_others(replay);
	}
	if (!ctl_option(replay->session->ctl, "--yes")) {
		fprintf(stderr, "Nothing was sent; --yes sends %zu.\n", replay->planned);
		return CTL_OK;
	}
	if (!output_flush()) {
		return CTL_FAILED; /* nobody would know what was meant */
	}
	return replay->planned > 0 ? dlq_replay_run(replay) : dlq_settle_finish(replay->session);
}

int verb_dlq_replay(const struct ctl *ctl)
{
	_cleanup_(dlq_session_close) struct dlq_session session = DLQ_SESSION_INIT;
	struct dlq_replay replay = { .session = &session };
	int status = dlq_session_open(&session, ctl, DLQ_HAS_FILTER);

	status = status ? status : read_options(&replay);
	status = status ? status : open_clients(&replay);
	status = status ? status : plan_and_run(&replay);
	dlq_tally_fini(&replay.plan);
	dlq_watch_close(&replay.watch);
	dlq_targets_close(&replay.targets);
	dlq_sender_close(&replay.sender);
	return status;
}
