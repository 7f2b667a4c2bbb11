/*
 * resolve - the addresses of hosts, asked beside the thread that wants them
 *
 * Who asks and the thread that waits both hold the question; whoever lets go last frees it.
 */
#include "store/resolve.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"

/* A name server that takes longer than a connect may is waited for by the attempts after it. */
#define FRESH_US ((int64_t)30 * 1000 * 1000)

struct question {
	atomic_uint holders;
	struct question *next; /* the resolver's */
	char *host;
	int done_fd; /* eventfd: the answer is there */
	atomic_bool is_done; /* what follows is written before it */
	int64_t done_us; /* monotonic */
	int result; /* getaddrinfo's */
	struct addrinfo *found;
};

static int look_up(const char *host, int flags, struct addrinfo **ret)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags
	};

	return getaddrinfo(host, NULL, &hints, ret);
}

static void question_drop(struct question *question)
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

static void *ask(void *context)
{
	struct question *question = context;

	question->result = look_up(question->host, 0, &question->found);
	question->done_us = clock_mono_us();
	atomic_store(&question->is_done, true);
	(void)eventfd_write(question->done_fd, 1);
	question_drop(question);
	return NULL;
}

/* NULL: no descriptor or no thread for it. */
static struct question *question_new(const char *host)
{
	struct question *question = NEW(struct question);
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	atomic_init(&question->holders, 2);
	question->host = xstrdup(host);
	question->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = question->done_fd < 0 ? errno : pthread_create(&thread, &attributes, ask, question);
	pthread_attr_destroy(&attributes);
	if (r == 0) {
		return question;
	}
	atomic_store(&question->holders, 1);
	question_drop(question);
	return NULL;
}

/* ---- those of a session ---- */

/* Where it hangs; where it points to NULL there is none. */
static struct question **find(struct resolver *resolver, const char *host)
{
	struct question **at = &resolver->open;

	while (*at && strcmp((*at)->host, host) != 0) {
		at = &(*at)->next;
	}
	return at;
}

static struct question *unlink_at(struct question **at)
{
	struct question *question = *at;

	*at = question->next;
	return question;
}

static void drop_beyond(struct resolver *resolver, unsigned keep)
{
	struct question **at = &resolver->open;

	for (; keep > 0 && *at; keep--) {
		at = &(*at)->next;
	}
	while (*at) {
		question_drop(unlink_at(at));
	}
}

void resolver_fini(struct resolver *resolver)
{
	drop_beyond(resolver, 0);
}

static bool is_worth_taking(const struct question *question)
{
	return !atomic_load(&question->is_done) ||
		(question->result == 0 && clock_mono_us() - question->done_us < FRESH_US);
}

int resolver_ask(struct resolver *resolver, const char *host, struct err *err)
{
	struct question **at = find(resolver, host);
	struct question *question = *at ? unlink_at(at) : NULL;

	if (question && !is_worth_taking(question)) {
		question_drop(TAKE(question));
	}
	if (!question) {
		question = question_new(host);
	}
	if (!question) {
		return err_set(
			err, -1, "cannot look up \"%s\": no descriptor or no thread for it", host);
	}
	drop_beyond(resolver, RESOLVER_OPEN_MAX - 1);
	question->next = resolver->open;
	resolver->open = question;
	return question->done_fd;
}

int resolver_take(
	struct resolver *resolver, const char *host, struct addrinfo **ret, struct err *err)
{
	struct question **at = find(resolver, host), *question = *at;
	int result;

	if (!question || !atomic_load(&question->is_done)) {
		return err_set(err, RESOLVE_OPEN,
			"cannot look up \"%s\": no name server answered in time", host);
	}
	result = question->result;
	*ret = TAKE(question->found);
	question_drop(unlink_at(at));
	return result == 0 ? 0
			   : err_set(err, RESOLVE_FAILED, "cannot look up \"%s\": %s", host,
				     gai_strerror(result));
}

struct addrinfo *resolve_address(const char *host)
{
	struct addrinfo *found = NULL;

	return look_up(host, AI_NUMERICHOST, &found) == 0 ? found : NULL;
}

bool resolved_text(const struct addrinfo *address, char ret[RESOLVED_TEXT_MAX])
{
	return getnameinfo(address->ai_addr, address->ai_addrlen, ret, RESOLVED_TEXT_MAX, NULL, 0,
		       NI_NUMERICHOST) == 0;
}
