/*
 * session - life of a session, and what sessions of a store know together
 *
 * Runs in: the session's thread; red_session_interrupt() in any.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/redis/redis.h"

/* Connect, greet, scripts, rights: together. */
#define READY_US ((int64_t)5 * 1000 * 1000)

int red_session_open(struct store *store, struct store_session **ret, struct err *err)
{
	struct red_session *session = NEW(struct red_session);

	session->base.ops = &store_redis_ops;
	session->store = (struct red_store *)store;
	session->decisions = ARENA_INIT;
	session->interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	if (session->interrupt_fd < 0) {
		int r = -errno;

		free(session);
		return err_set(err, r, "no descriptor for a session");
	}
	*ret = &session->base;
	return 0;
}

void red_session_close(struct store_session *session)
{
	struct red_session *red = red_session(session);

	if (!red) {
		return;
	}
	red_link_close(red);
	resolver_fini(&red->resolver);
	close(red->interrupt_fd);
	buffer_fini(&red->queue.bytes);
	free(red->queue.ops);
	arena_fini(&red->decisions);
	free(red);
}

int red_session_ready(struct store_session *session, struct err *err)
{
	struct red_session *red = red_session(session);
	int64_t now_us = clock_mono_us(), deadline_us = now_us + READY_US;
	int r;

	if (red->context) {
		red_look_for_evictions(red, deadline_us);
	}
	if (red->context) {
		return 0;
	}
	r = red_connect(red, now_us, deadline_us, err);
	r = r != 0 ? r : red_greet(red, deadline_us, err);
	r = r != 0 ? r : red_load_scripts(red, deadline_us, err);
	r = r != 0 ? r : red_check_rights(red, deadline_us, err);
	if (r != 0) {
		red_link_close(red);
	}
	return r;
}

void red_session_interrupt(struct store_session *session)
{
	const uint64_t one = 1;

	(void)!write(red_session(session)->interrupt_fd, &one, sizeof(one));
}

int64_t red_deadline_us(const struct red_session *session)
{
	return clock_mono_us() + session->store->options.lock_timeout_us;
}

/* ---- notices ---- */

void red_notice(struct red_store *store, bool is_loss, const char *format, ...)
{
	struct store_notice *notice;
	va_list args;

	pthread_mutex_lock(&store->lock);
	if (store->notice_count < RED_NOTICES_MAX) {
		notice = &store->notices[store->notice_count++];
		notice->is_loss = is_loss;
		va_start(args, format);
		vsnprintf(notice->text, sizeof(notice->text), format, args);
		va_end(args);
	}
	pthread_mutex_unlock(&store->lock);
}

bool red_take_notice(struct store_session *session, struct store_notice *ret)
{
	struct red_store *store = red_session(session)->store;
	bool has_one;

	pthread_mutex_lock(&store->lock);
	has_one = store->notice_count > 0;
	if (has_one) {
		*ret = store->notices[0];
		store->notice_count--;
		memmove(store->notices, store->notices + 1,
			store->notice_count * sizeof(store->notices[0]));
	}
	pthread_mutex_unlock(&store->lock);
	return has_one;
}
