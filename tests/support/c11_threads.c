/*
 * c11_threads - the C library's <threads.h>, by functions that the thread sanitizer knows
 *
 * Preloaded into programs built with -Db_sanitize=thread. librdkafka starts its threads by
 * thrd_create(), which gcc's sanitizer does not see: such a thread crashes in the first function
 * that it does see. Locks are replaced as well, so that what is handed over by a queue of the
 * library counts as handed over.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "a mutex fits");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "a condition fits");

struct start {
	thrd_start_t run;
	void *argument;
};

static int answer(int r)
{
	switch (r) {
	case 0:
		return thrd_success;
	case EBUSY:
		return thrd_busy;
	case ETIMEDOUT:
		return thrd_timedout;
	default:
		return thrd_error;
	}
}

static pthread_mutex_t *mutex(mtx_t *mtx)
{
	return (pthread_mutex_t *)mtx;
}

static pthread_cond_t *condition(cnd_t *cnd)
{
	return (pthread_cond_t *)cnd;
}

static void *run(void *argument)
{
	struct start start = *(struct start *)argument;

	free(argument);
	return (void *)(intptr_t)start.run(start.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
	struct start *start = malloc(sizeof(*start));
	int r;

	if (!start) {
		return thrd_nomem;
	}
	*start = (struct start){ function, argument };
	r = pthread_create(thread, NULL, run, start);
	if (r) {
		free(start);
	}
	return answer(r);
}

int thrd_join(thrd_t thread, int *ret)
{
	void *result = NULL;
	int r = pthread_join(thread, &result);

	if (ret) {
		*ret = (int)(intptr_t)result;
	}
	return answer(r);
}

int mtx_init(mtx_t *mtx, int type)
{
	pthread_mutexattr_t attributes;
	int r;

	pthread_mutexattr_init(&attributes);
	if (type & mtx_recursive) {
		pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	}
	r = pthread_mutex_init(mutex(mtx), &attributes);
	pthread_mutexattr_destroy(&attributes);
	return answer(r);
}

int mtx_lock(mtx_t *mtx)
{
	return answer(pthread_mutex_lock(mutex(mtx)));
}

int mtx_trylock(mtx_t *mtx)
{
	return answer(pthread_mutex_trylock(mutex(mtx)));
}

int mtx_unlock(mtx_t *mtx)
{
	return answer(pthread_mutex_unlock(mutex(mtx)));
}

void mtx_destroy(mtx_t *mtx)
{
	pthread_mutex_destroy(mutex(mtx));
}

int cnd_init(cnd_t *cnd)
{
	return answer(pthread_cond_init(condition(cnd), NULL));
}

int cnd_signal(cnd_t *cnd)
{
	return answer(pthread_cond_signal(condition(cnd)));
}

int cnd_broadcast(cnd_t *cnd)
{
	return answer(pthread_cond_broadcast(condition(cnd)));
}

int cnd_wait(cnd_t *cnd, mtx_t *mtx)
{
	return answer(pthread_cond_wait(condition(cnd), mutex(mtx)));
}

int cnd_timedwait(cnd_t *restrict cnd, mtx_t *restrict mtx, const struct timespec *restrict until)
{
	return answer(pthread_cond_timedwait(condition(cnd), mutex(mtx), until));
}

void cnd_destroy(cnd_t *cnd)
{
	pthread_cond_destroy(condition(cnd));
}
