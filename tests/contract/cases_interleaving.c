/*
 * cases_interleaving - sessions that want the same event, in every order of their steps
 *
 * Each session claims, makes the effect if the event is new to it, and commits or dies. Every
 * interleaving of two sessions' steps is played, with each way to end, and a sample of three
 * sessions'. A step that waits for a lock is let wait; what its session is told to do meanwhile
 * comes after it. Postgres alone: with SQLite there is one writer at a time.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cases.h"

enum { ACTORS_MAX = 3, STEPS = 3, SAMPLE = 199 };
#define WAIT_US ((int64_t)30 * 1000 * 1000)

struct actor {
	struct store_session *session;
	bool dies;
	struct store_claim claim;
	atomic_uint told, done; /* steps */
	pthread_t thread;
};

static void make_effect(struct actor *actor)
{
	if (actor->claim.verdict == CLAIM_NEW) {
		queue_effect(actor->session, "a", "made", 1);
		flush_expect(actor->session, STORE_OK);
	}
}

static void step(struct actor *actor, unsigned number)
{
	if (number == 0) {
		begin_claim(actor->session, &actor->claim, 1);
	} else if (number == 1) {
		make_effect(actor);
	} else if (actor->dies) {
		actor->session->ops->session_close(actor->session);
		actor->session = NULL;
	} else {
		commit(actor->session);
	}
}

static void *act(void *arg)
{
	struct actor *actor = arg;

	for (unsigned i = 0; i < STEPS; i++) {
		while (atomic_load(&actor->told) <= i) {
			poll(NULL, 0, 1);
		}
		step(actor, i);
		atomic_store(&actor->done, i + 1);
	}
	return NULL;
}

static bool is_waiting(struct bench *bench)
{
	return side_number(bench->side,
		       "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
		       " AND application_name = 'onced orders'") > 0;
}

/* Until it did what it was told, or waits for a lock. */
static void tell(struct bench *bench, struct actor *actor)
{
	int64_t deadline_us = clock_mono_us() + WAIT_US;
	unsigned told = atomic_fetch_add(&actor->told, 1) + 1;

	while (atomic_load(&actor->done) < told && !is_waiting(bench)) {
		assert_true(clock_mono_us() < deadline_us);
	}
}

static bool may_be_told(const struct actor *actor)
{
	return atomic_load(&actor->told) < STEPS;
}

/* `order` names an actor a digit, each STEPS times; `deaths` a bit for each. */
static void play(struct bench *bench, const char *order, unsigned actor_count, unsigned deaths)
{
	struct actor actors[ACTORS_MAX] = { 0 };
	bool is_any_committed = deaths != (1u << actor_count) - 1;

	side_run(bench->side, "TRUNCATE onced.processed_events; DELETE FROM effects");
	for (unsigned i = 0; i < actor_count; i++) {
		actors[i].session = bench_open_session(bench->store);
		actors[i].claim = claim_of("a", (int64_t)i + 1);
		actors[i].dies = deaths >> i & 1;
		pthread_create(&actors[i].thread, NULL, act, &actors[i]);
	}
	for (; *order; order++) {
		assert_true(may_be_told(&actors[*order - '0']));
		tell(bench, &actors[*order - '0']);
	}
	for (unsigned i = 0; i < actor_count; i++) {
		pthread_join(actors[i].thread, NULL);
		if (actors[i].session) {
			actors[i].session->ops->session_close(actors[i].session);
		}
	}
	expect_effects(bench, is_any_committed);
	assert_int_equal(side_number(bench->side,
				 "SELECT count(*) FROM onced.processed_events WHERE outcome = 0"),
		is_any_committed);
}

struct playing {
	struct bench *bench;
	unsigned actors, every, count;
	char order[ACTORS_MAX * STEPS + 1];
};

/* All orders that go on from the first `len` steps. */
static void play_all(struct playing *playing, unsigned len)
{
	unsigned told[ACTORS_MAX] = { 0 };

	for (unsigned i = 0; i < len; i++) {
		told[playing->order[i] - '0']++;
	}
	if (len == playing->actors * STEPS) {
		for (unsigned deaths = 0; deaths < 1u << playing->actors; deaths++) {
			if (playing->count++ % playing->every == 0) {
				play(playing->bench, playing->order, playing->actors, deaths);
			}
		}
		return;
	}
	for (unsigned i = 0; i < playing->actors; i++) {
		if (told[i] < STEPS) {
			playing->order[len] = (char)('0' + i);
			playing->order[len + 1] = '\0';
			play_all(playing, len + 1);
		}
	}
}

static void two_sessions_in_every_order_make_one_effect(void **state)
{
	struct playing playing = { .bench = *state, .actors = 2, .every = 1 };

	play_all(&playing, 0);
	assert_int_equal(playing.count, 20 * 4);
}

static void three_sessions_in_many_orders_make_one_effect(void **state)
{
	struct playing playing = { .bench = *state, .actors = 3, .every = SAMPLE };

	play_all(&playing, 0);
	assert_int_equal(playing.count, 1680 * 8);
}

static const struct CMUnitTest cases[] = {
	CASE(two_sessions_in_every_order_make_one_effect),
	CASE(three_sessions_in_many_orders_make_one_effect),
};
CASE_LIST(postgres_interleaving_cases, cases);
