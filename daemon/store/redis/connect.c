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

static int start_tls(struct red_session *session, const char *host, struct err *err)
{
	const struct red_store *store = session->store;
	int r = store->tls ? red_tls_start(store->tls, session->context, host, err) : 0;

	if (r != 0) {
		red_link_close(session);
	}
	return r;
}

static int ask_sentinel(struct red_session *session, const struct red_endpoint *sentinel,
	struct red_endpoint *ret, int64_t deadline_us, struct err *err)
{
	static const char *const doing[] = { "SENTINEL get-master-addr-by-name" };
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	redisReply *reply;
	int r = red_link_open(session, sentinel, NULL, deadline_us, err);

	if (r != 0) {
		return r;
	}
	red_words(&out, "SENTINEL", "get-master-addr-by-name", session->store->url.master, NULL);
	if (red_ask(session, &out, doing, &reply, 1, deadline_us, err) != 0) {
		return 1;
	}
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
		ret->host = xstrdup(reply->element[0]->str);
		ret->port = (int)strtol(reply->element[1]->str, NULL, 10);
	} else {
		r = err_set(err, 1, "Sentinel %s:%d knows no master %s", sentinel->host,
			sentinel->port, session->store->url.master);
	}
	red_replies_free(&reply, 1);
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
			r = red_link_open(session, &master, NULL, deadline_us, err);
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
	int r;

	if (url->master) {
		return connect_by_sentinels(session, now_us, deadline_us, err);
	}
	r = red_link_open(session, &url->endpoints[0], url->path, deadline_us, err);
	return r == 0 ? start_tls(session, url->endpoints[0].host, err) : r;
}
