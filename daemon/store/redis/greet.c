/*
 * greet - who answers, and may it be used?
 *
 * Runs in: the session's thread, at each connect. Login and database first; then INFO says version,
 * role, and whether keys may be thrown away. What makes the store useless is refused with a
 * sentence, what makes it forgetful is told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/redis/redis.h"

enum { VERSION_MIN = 5, VERSION_KEEPTTL = 6 };

#define LOOK_US ((int64_t)10 * 1000 * 1000)
#define TELL_AGAIN_US ((int64_t)60 * 1000 * 1000)

/* The value of a line "name:value"; empty where there is none. */
static struct slice find(const char *info, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = info; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ':') {
			return slice_from(line + len + 1, strcspn(line + len + 1, "\r\n"));
		}
	}
	return SLICE_LITERAL("");
}

static void copy(char *to, size_t size, struct slice from)
{
	snprintf(to, size, "%.*s", (int)from.len, from.data);
}

/* ---- login ---- */

struct words {
	struct buffer out;
	const char *doing[4];
	size_t count;
};

static void add_login(const struct red_store *store, struct words *words)
{
	const char *user = store->options.user ? store->options.user : store->url.user;
	const char *password =
		store->options.password ? store->options.password : store->url.password;

	if (!password) {
		return;
	}
	red_login(&words->out, user, password);
	words->doing[words->count++] = "AUTH";
}

static void add_database(const struct red_store *store, struct words *words)
{
	if (store->url.db) {
		red_command(&words->out, 2);
		red_part_str(&words->out, "SELECT");
		red_part_int(&words->out, store->url.db);
		words->doing[words->count++] = "SELECT";
	}
}

/* ---- judging ---- */

/* 0: not told. */
static long version_of(const char *info)
{
	struct slice version = find(info, "redis_version");

	return version.len ? strtol(version.data, NULL, 10) : 0;
}

static int check_kind(const char *info, struct err *err)
{
	struct slice version = find(info, "redis_version"), role = find(info, "role");
	struct slice host = find(info, "master_host"), port = find(info, "master_port");

	if (version.len && version_of(info) < VERSION_MIN) {
		return err_set(err, -EINVAL, "this is Redis %.*s, onced needs %d or newer",
			(int)version.len, version.data, VERSION_MIN);
	}
	if (slice_equal_str(find(info, "redis_mode"), "cluster")) {
		return err_set(err, -EINVAL,
			"this is a node of Redis Cluster, which is not supported: a batch spans "
			"hash slots; use a single Redis, with replicas and Sentinels");
	}
	if (slice_equal_str(find(info, "redis_mode"), "sentinel")) {
		return err_set(err, -EINVAL,
			"this is a Sentinel: write redis+sentinel://HOST:PORT/MASTER");
	}
	if (slice_equal_str(role, "slave")) {
		return err_set(err, -EINVAL,
			"this Redis is a replica of %.*s:%.*s and takes no writes: name the "
			"master, or its Sentinels (redis+sentinel://...)",
			(int)host.len, host.data, (int)port.len, port.data);
	}
	if (slice_equal_str(find(info, "loading"), "1")) {
		return err_set(err, 1, "Redis is loading its data");
	}
	return 0;
}

static void tell_policy(struct red_store *store, const char *info)
{
	struct slice policy = find(info, "maxmemory_policy");
	bool is_told;

	if (policy.len == 0 || slice_equal_str(policy, "noeviction")) {
		return;
	}
	pthread_mutex_lock(&store->lock);
	is_told = store->is_policy_told;
	store->is_policy_told = true;
	pthread_mutex_unlock(&store->lock);
	if (!is_told) {
		red_notice(store, false,
			"maxmemory-policy is %.*s: when Redis is full it throws ids away without "
			"a word, and their events may be applied again; set noeviction, then "
			"events wait instead",
			(int)policy.len, policy.data);
	}
}

/* A restarted server, or a promoted replica, may lack what was written last. */
static void tell_server(struct red_store *store, const char *info)
{
	char server[RED_ID_SIZE], replica_id[RED_ID_SIZE];
	bool has_changed;

	copy(server, sizeof(server), find(info, "run_id"));
	copy(replica_id, sizeof(replica_id), find(info, "master_replid"));
	pthread_mutex_lock(&store->lock);
	has_changed = store->server[0] &&
		(strcmp(store->server, server) != 0 || strcmp(store->replica_id, replica_id) != 0);
	memcpy(store->server, server, sizeof(server));
	memcpy(store->replica_id, replica_id, sizeof(replica_id));
	if (has_changed) {
		store->evicted = 0;
	}
	pthread_mutex_unlock(&store->lock);
	if (has_changed) {
		red_notice(store, true,
			"another Redis answers than before (restarted or failed over): what was "
			"marked last may be forgotten, and applied again");
	}
}

static void tell_evictions(struct red_store *store, const char *info, bool is_first)
{
	struct slice text = find(info, "evicted_keys");
	long long evicted = text.len ? strtoll(text.data, NULL, 10) : 0, more;
	int64_t now_us = clock_mono_us();
	bool is_due;

	pthread_mutex_lock(&store->lock);
	more = is_first ? 0 : evicted - store->evicted;
	is_due = more > 0 &&
		(!store->evicted_told_us || now_us - store->evicted_told_us > TELL_AGAIN_US);
	if (is_first || is_due || more < 0) {
		store->evicted = evicted;
	}
	if (is_due) {
		store->evicted_told_us = now_us;
	}
	pthread_mutex_unlock(&store->lock);
	if (is_due) {
		red_notice(store, true,
			"Redis was full and threw %lld keys away: events whose ids were among them "
			"may be applied again",
			more);
	}
}

int red_greet(struct red_session *session, int64_t deadline_us, struct err *err)
{
	struct red_store *store = session->store;
	struct words words = { .out = BUFFER_INIT };
	redisReply *replies[4];
	const char *info;
	bool is_first;
	int r;

	add_login(store, &words);
	add_database(store, &words);
	red_words(&words.out, "INFO", NULL);
	words.doing[words.count++] = "INFO";
	r = red_ask(session, &words.out, words.doing, replies, words.count, deadline_us, err);
	explicit_bzero(words.out.data, words.out.len); /* the password */
	buffer_fini(&words.out);
	if (r != 0) {
		return r;
	}
	info = replies[words.count - 1]->str ? replies[words.count - 1]->str : "";
	r = check_kind(info, err);
	if (r == 0) {
		pthread_mutex_lock(&store->lock);
		is_first = store->server[0] == '\0';
		pthread_mutex_unlock(&store->lock);
		session->has_keepttl = version_of(info) >= VERSION_KEEPTTL;
		tell_policy(store, info);
		tell_server(store, info);
		tell_evictions(store, info, is_first);
	}
	red_replies_free(replies, words.count);
	return r;
}

void red_look_for_evictions(struct red_session *session, int64_t deadline_us)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	int64_t now_us = clock_mono_us();
	struct err ignored;
	redisReply *reply;

	if (!session->context || now_us - session->looked_us < LOOK_US) {
		return;
	}
	session->looked_us = now_us;
	red_words(&out, "INFO", "stats", NULL);
	if (red_link_exchange(session, slice_from(out.data, out.len), &reply, 1, deadline_us,
		    &ignored) == STORE_OK) {
		if (reply->type == REDIS_REPLY_STRING) {
			tell_evictions(session->store, reply->str, false);
		}
		red_replies_free(&reply, 1);
	}
}
