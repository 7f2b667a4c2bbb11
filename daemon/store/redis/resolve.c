/*
 * resolve - the addresses of a host, by a deadline
 *
 * Runs in: the session's thread, and for each host that is no address a thread of its own:
 * getaddrinfo() waits for name servers as long as it likes. Who asked waits until the deadline and
 * leaves the question open; the session's next attempt for that host takes its answer, so that no
 * more than one thread waits for each of its hosts, be they Sentinels. Whoever of the two lets go
 * last frees it.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/redis/redis.h"

struct red_question {
	struct red_question *next; /* the session's */
	atomic_uint holders;
	char *host;
	int port;
	int done_fd; /* eventfd: the answer is there */
	atomic_bool is_done;
	int result; /* getaddrinfo's */
	struct addrinfo *found;
};

static void drop(struct red_question *question)
{
	if (atomic_fetch_sub(&question->holders, 1) > 1) {
		return;
	}
	if (question->found) {
		freeaddrinfo(question->found);
	}
	close(question->done_fd);
	free(question->host);
	free(question);
}

static int look_up(const char *host, int port, int flags, struct addrinfo **ret)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | flags };
	char service[8];

	snprintf(service, sizeof(service), "%d", port);
	return getaddrinfo(host, service, &hints, ret);
}

static void *ask(void *context)
{
	struct red_question *question = context;

	question->result = look_up(question->host, question->port, 0, &question->found);
	atomic_store(&question->is_done, true);
	(void)eventfd_write(question->done_fd, 1);
	drop(question);
	return NULL;
}

/* NULL: no descriptor or no thread for it. */
static struct red_question *question_new(const char *host, int port)
{
	struct red_question *question = NEW(struct red_question);
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	atomic_init(&question->holders, 2);
	question->host = xstrdup(host);
	question->port = port;
	question->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = question->done_fd < 0 ? errno : pthread_create(&thread, &attributes, ask, question);
	pthread_attr_destroy(&attributes);
	if (r == 0) {
		return question;
	}
	atomic_store(&question->holders, 1);
	drop(question);
	return NULL;
}

static bool is_of(const struct red_question *question, const struct red_endpoint *endpoint)
{
	return strcmp(question->host, endpoint->host) == 0 && question->port == endpoint->port;
}

static void drop_at(struct red_question **at)
{
	struct red_question *question = *at;

	*at = question->next;
	drop(question);
}

void red_questions_drop(struct red_session *session)
{
	while (session->questions) {
		drop_at(&session->questions);
	}
}

/* Answered, and nobody came for it: it may not be true any more. */
static void drop_answered(struct red_session *session)
{
	for (struct red_question **at = &session->questions; *at;) {
		if (atomic_load(&(*at)->is_done)) {
			drop_at(at);
		} else {
			at = &(*at)->next;
		}
	}
}

/* What was asked and not answered in time is asked on. NULL: it cannot be asked. */
static struct red_question **question_of(
	struct red_session *session, const struct red_endpoint *endpoint)
{
	struct red_question *question;

	for (struct red_question **at = &session->questions; *at; at = &(*at)->next) {
		if (is_of(*at, endpoint)) {
			return at;
		}
	}
	drop_answered(session);
	question = question_new(endpoint->host, endpoint->port);
	if (!question) {
		return NULL;
	}
	question->next = session->questions;
	session->questions = question;
	return &session->questions;
}

static int ask_name_servers(struct red_session *session, const struct red_endpoint *endpoint,
	int64_t deadline_us, struct addrinfo **ret, struct err *err)
{
	struct red_question **at = question_of(session, endpoint), *question;
	enum red_waited waited;
	int result;

	if (!at) {
		return err_set(err, 1, "cannot look up %s: no descriptor or no thread for it",
			endpoint->host);
	}
	question = *at;
	waited = red_wait(session, question->done_fd, POLLIN, deadline_us);
	if (!atomic_load(&question->is_done)) {
		return err_set(err, 1, "cannot look up %s: %s", endpoint->host,
			waited == RED_INTERRUPTED ? "the wait was ended"
						  : "no name server answered in time");
	}
	result = question->result;
	*ret = question->found;
	question->found = NULL;
	drop_at(at);
	return result == 0
		? 0
		: err_set(err, 1, "cannot look up %s: %s", endpoint->host, gai_strerror(result));
}

int red_resolve(struct red_session *session, const struct red_endpoint *endpoint,
	int64_t deadline_us, struct addrinfo **ret, struct err *err)
{
	return look_up(endpoint->host, endpoint->port, AI_NUMERICHOST, ret) == 0
		? 0
		: ask_name_servers(session, endpoint, deadline_us, ret, err);
}
