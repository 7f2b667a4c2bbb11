/*
 * rights - may we do there what we shall want to?
 *
 * Runs in: the session's thread, at each connect. A user without a right would be found out by the
 * first batch, held without end; here each command is tried once, on keys of nobody, and the one
 * that is refused is named. Who owns the dedup scope is asked in the same breath.
 */
#include <errno.h>
#include <string.h>

#include "store/redis/redis.h"

/* Keys that no event has: they are gone again when all goes well, and expire when not. */
static const char probe_row[] = "onced:id:probe", probe_hash[] = "onced:attempts:probe",
		  probe_pauses[] = "onced:pauses:"; /* no consumer has no name */

enum { ASKED = 13 };

static const char *const doing[ASKED] = {
	"EVALSHA (to lease: TIME, SET, GET)",
	"EVALSHA (to renew a lease: TIME, SET, GET)",
	"EVALSHA (to release a lease: DEL)",
	"EVALSHA (to mark an event: MGET, SET)",
	"EVALSHA (to release a lease: DEL)",
	"HSET",
	"PEXPIRE",
	"HGETALL",
	"HDEL",
	"EVALSHA (to write a pause: HGET, HSET)",
	"DEL",
	"SET",
	"GET",
};

static void add_scripts(struct red_session *session, struct buffer *out)
{
	static const char nobody[] = "................", briefly[] = "60000";
	static const char no_stamp[] = "........";

	red_script_command(session, out, RED_SCRIPT_LEASE, 2, 5);
	for (const char *const *part = (const char *const[]){ "onced:id:probe-marker", probe_row,
		     nobody, "1", briefly, "probe", no_stamp, NULL };
		*part; part++) {
		red_part_str(out, *part);
	}
	for (const char *const *what = (const char *const[]){ "R", "C", NULL }; *what; what++) {
		red_script_command(session, out, RED_SCRIPT_END, 1, 5);
		red_part_str(out, probe_row);
		red_part_str(out, nobody);
		red_part_str(out, briefly);
		red_part_str(out, *what);
		red_part_str(out, "1");
		red_part_str(out, no_stamp);
	}
	red_script_command(session, out, RED_SCRIPT_DONE, 1, 2);
	red_part_str(out, probe_row);
	red_part_str(out, nobody);
	red_part_str(out, briefly);
	red_script_command(session, out, RED_SCRIPT_END, 1, 5);
	red_part_str(out, probe_row);
	red_part_str(out, nobody);
	red_part_str(out, briefly);
	red_part_str(out, "C");
	red_part_str(out, "1");
	red_part_str(out, no_stamp);
}

static void add_hashes(struct red_session *session, struct buffer *out)
{
	red_words(out, "HSET", probe_hash, "0.0", "0 0 0", NULL);
	red_words(out, "PEXPIRE", probe_hash, "60000", NULL);
	red_words(out, "HGETALL", probe_hash, NULL);
	red_words(out, "HDEL", probe_hash, "0.0", NULL);
	red_script_command(session, out, RED_SCRIPT_PAUSE, 1, 3);
	for (const char *const *part =
			(const char *const[]){ probe_pauses, "", "0", "0 0 0", NULL };
		*part; part++) {
		red_part_str(out, *part);
	}
	red_words(out, "DEL", probe_pauses, "onced:id:probe-marker", probe_row, NULL);
}

static void scope_key(struct red_session *session, struct buffer *ret)
{
	buffer_append_str(ret, "onced:scope:");
	buffer_append_str(ret, session->store->options.scope);
}

static int check_scope(const struct red_store *store, const redisReply *reply, struct err *err)
{
	const struct store_options *options = &store->options;

	if (reply->type != REDIS_REPLY_STRING) {
		return err_set(err, 1, "the dedup scope was removed while it was being bound");
	}
	if (strcmp(reply->str, options->group_id) != 0) {
		return err_set(err, -EINVAL,
			"dedup scope %s belongs to group %s, not to %s: give this consumer a "
			"dedup.scope of its own",
			options->scope, reply->str, options->group_id);
	}
	return 0;
}

int red_check_rights(struct red_session *session, int64_t deadline_us, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT, scope = BUFFER_INIT;
	redisReply *replies[ASKED];
	int r;

	scope_key(session, &scope);
	add_scripts(session, &out);
	add_hashes(session, &out);
	red_words(&out, "SET", buffer_str(&scope), session->store->options.group_id, "NX", NULL);
	red_words(&out, "GET", buffer_str(&scope), NULL);
	r = red_ask(session, &out, doing, replies, ASKED, deadline_us, err);
	if (r == 0) {
		r = check_scope(session->store, replies[ASKED - 1], err);
		red_replies_free(replies, ASKED);
	}
	return r;
}
