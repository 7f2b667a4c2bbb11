/*
 * dlq_discard - `oncectl dlq discard`: dead letters that nobody will replay, settled for good
 *
 * Runs in: oncectl. They stay where they are until retention takes them; a mark says who gave them
 * up and why.
 */
#include <stdio.h>

#include "dlq.h"
#include "dlq_json.h"
#include "dlq_run.h"
#include "dlq_sender.h"
#include "dlq_settle.h"
#include "dlq_tally.h"
#include "output.h"

enum { SETTLE_COUNT = 1000 };

const struct verb_option dlq_discard_options[] = {
	{ "--why", "TEXT", "for the audit; required" },
	{ "--yes", NULL, "do it; without, it is only told what would happen" },
	DLQ_FILTER_OPTIONS,
	{ 0 },
};

struct discarding {
	struct dlq_session *session;
	struct dlq_run run;
	struct dlq_sender sender;
	struct dlq_tally tally;
	size_t count;
	int status;
};

static bool plan_letter(void *arg, const struct dlq_letter *letter, enum dlq_state state)
{
	struct discarding *discarding = arg;
	const struct slice words[] = { letter->topic, letter->reason, letter->code };

	dlq_tally_add(&discarding->tally, words);
	return true;
}

static int settle(struct discarding *discarding)
{
	const struct dlq_mark mark = dlq_run_mark(&discarding->run, DLQ_DISCARDED, "");

	return dlq_settle(discarding->session, &discarding->sender, &mark);
}

static bool discard_letter(void *arg, const struct dlq_letter *letter, enum dlq_state state)
{
	struct discarding *discarding = arg;
	const struct kafka_reader_record *record = letter->record;

	if (dlq_run_is_interrupted()) {
		return false;
	}
	discarding->count++;
	dlq_sender_done(&discarding->sender, record->partition, record->offset);
	if (discarding->sender.done_count >= SETTLE_COUNT) {
		discarding->status = settle(discarding);
	}
	return discarding->status == CTL_OK;
}

static void tell_plan(struct discarding *discarding)
{
	struct buffer out = BUFFER_INIT;

	if (discarding->session->ctl->is_json) {
		_cleanup_(dlq_json_freep) json_t *json =
			json_pack("{s:I, s:o}", "discarded", (json_int_t)discarding->tally.total,
				"plan", dlq_tally_json(&discarding->tally));

		json_dumpf(json, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	dlq_tally_write(&discarding->tally, &out);
	fputs(out.len > 0 ? buffer_str(&out) : "no dead letter is meant\n", stdout);
	buffer_fini(&out);
}

static int discard(struct discarding *discarding)
{
	struct dlq_session *session = discarding->session;
	struct err err = ERR_INIT;
	int status,
		r = dlq_sender_open(
			&discarding->sender, session->config, session->book.count, &err);

	if (r < 0) {
		return dlq_session_fail(session, r, &err);
	}
	dlq_run_catch_signals();
	status = dlq_session_each(session, discard_letter, discarding);
	status = status ? status : discarding->status;
	status = status ? status : settle(discarding);
	status = status ? status : dlq_settle_finish(session);
	fprintf(stderr, "oncectl: discard %s by %s, %s: %zu of %zu%s\n", discarding->run.id,
		discarding->run.by, discarding->run.why, discarding->count, discarding->tally.total,
		status || discarding->count < discarding->tally.total
			? "; stopped early, the same command goes on"
			: "");
	return status ? status : dlq_run_is_interrupted() ? CTL_FAILED : CTL_OK;
}

static int plan_and_discard(struct discarding *discarding)
{
	static const char *const heads[] = { "FROM TOPIC", "REASON", "CODE" };
	int status;

	dlq_tally_init(&discarding->tally, heads, sizeof(heads) / sizeof(heads[0]));
	status = dlq_session_each(discarding->session, plan_letter, discarding);
	if (status) {
		return status;
	}
	tell_plan(discarding);
	if (ctl_option(discarding->session->ctl, "--yes")) {
		return output_flush() ? discard(discarding) : CTL_FAILED;
	}
	fprintf(stderr, "Nothing was discarded; --yes discards %zu.\n", discarding->tally.total);
	return CTL_OK;
}

int verb_dlq_discard(const struct ctl *ctl)
{
	_cleanup_(dlq_session_close) struct dlq_session session = DLQ_SESSION_INIT;
	struct discarding discarding = { .session = &session };
	const char *why = ctl_option(ctl, "--why");
	int status;

	if (!why || !why[0]) {
		fputs("oncectl dlq discard: needs --why TEXT: somebody will ask\n", stderr);
		return CTL_USAGE;
	}
	status = dlq_run_init(&discarding.run, ctl);
	status = status ? status : dlq_session_open(&session, ctl, DLQ_HAS_FILTER);
	status = status ? status : plan_and_discard(&discarding);
	dlq_tally_fini(&discarding.tally);
	dlq_sender_close(&discarding.sender);
	return status;
}
