/*
 * connect - from a URL to the server that should be the master
 *
 * Runs in: the session's thread. With Sentinels the first that knows the master is believed, and
 * greet.c asks the server whether it is true; a Sentinel that knows better is asked next time, for
 * the list is turned.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/redis/redis.h"

int red_ask(struct red_session *session, struct buffer *out, const char *const *doing,
	redisReply **replies, size_t count, int64_t deadline_us, struct err *err)
{
	bool is_operators;

	if (red_link_exchange(
		    session, slice_from(out->data, out->len), replies, count, deadline_us, err)) {
		return 1;
	}
	for (size_t i = 0; i < count; i++) {
		if (doing[i] && replies[i]->type == REDIS_REPLY_ERROR) {
			red_failure_of_reply(replies[i], doing[i], &is_operators, err);
			red_replies_free(replies, count);
			return is_operators ? -EINVAL : 1;
		}
	}
	return 0;
}

/* To Sentinels and to the master that they name as to a server that the URL names. */
static int open_link(struct red_session *session, const struct red_endpoint *endpoint,
	const char *path, int64_t deadline_us, struct err *err)
{
	int r = red_link_open(session, endpoint, path, deadline_us, err);

	if (r == 0 && session->store->tls) {
		r = red_link_start_tls(session, endpoint->host, deadline_us, err);
	}
	return r;
}

/* ---- Sentinels ---- */

/* The login is one of its own, and so are the remedies. */
static void explain_login(const struct red_endpoint *sentinel, struct err *err)
{
	static const struct {
		const char *code, *what;
	} problems[] = {
		{ "NOAUTH", "wants a login: set store.sentinel.password" },
		{ "WRONGPASS",
			"refuses the login: store.sentinel.user or store.sentinel.password is "
			"wrong" },
		{ "NOPERM",
			"lets its user not ask for the master: give it +auth "
			"+sentinel|get-master-addr-by-name" },
	};

	for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
		if (strcmp(err->code, problems[i].code) == 0) {
			err_set(err, 0, "Sentinel %s:%d %s", sentinel->host, sentinel->port,
				problems[i].what);
		}
	}
}

/* Host and port; whatever answers there need not be a Sentinel. */
static bool is_address(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
		reply->element[0]->type == REDIS_REPLY_STRING &&
		reply->element[1]->type == REDIS_REPLY_STRING;
}

static int ask_sentinel(struct red_session *session, const struct red_endpoint *sentinel,
	struct red_endpoint *ret, int64_t deadline_us, struct err *err)
{
	const struct store_options *options = &session->store->options;
	const char *doing[] = { "AUTH", "SENTINEL get-master-addr-by-name" };
	size_t first = options->sentinel_password ? 0 : 1;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	redisReply *replies[2], *reply;
	int r = open_link(session, sentinel, NULL, deadline_us, err);

	if (r != 0) {
		return r;
	}
	if (first == 0) {
		red_login(&out, options->sentinel_user, options->sentinel_password);
	}
	red_words(&out, "SENTINEL", "get-master-addr-by-name", session->store->url.master, NULL);
	r = red_ask(session, &out, doing + first, replies, 2 - first, deadline_us, err);
	explicit_bzero(out.data, out.len); /* the password */
	if (r != 0) {
		explain_login(sentinel, err);
		return r;
	}
	reply = replies[1 - first];
	if (is_address(reply)) {
		ret->host = xstrdup(reply->element[0]->str);
		ret->port = (int)strtol(reply->element[1]->str, NULL, 10);
	} else {
		r = err_set(err, 1, "Sentinel %s:%d knows no master %s", sentinel->host,
			sentinel->port, session->store->url.master);
	}
	red_replies_free(replies, 2 - first);
	red_link_close(session);
	return r;
}

/* Each may be silent: none may use up the time of all. */
static int connect_by_sentinels(
	struct red_session *session, int64_t now_us, int64_t deadline_us, struct err *err)
{
	const struct red_url *url = &session->store->url;
	int64_t share_us = (deadline_us - now_us) / (int64_t)(url->endpoint_count + 1);
	int r = 1;

	for (size_t i = 0; i < url->endpoint_count; i++) {
		size_t turned = (i + session->sentinel) % url->endpoint_count;
		struct red_endpoint master = { NULL, 0 };

		r = ask_sentinel(session, &url->endpoints[turned], &master,
			now_us + (int64_t)(i + 1) * share_us, err);
		if (r == 0) {
			r = open_link(session, &master, NULL, deadline_us, err);
			free(master.host);
			break;
		}
	}
	session->sentinel++;
	return r;
}

int red_connect(struct red_session *session, int64_t now_us, int64_t deadline_us, struct err *err)
{
	const struct red_url *url = &session->store->url;

	if (url->master) {
		return connect_by_sentinels(session, now_us, deadline_us, err);
	}
	return open_link(session, &url->endpoints[0], url->path, deadline_us, err);
}
