/*
 * ledger_finish - errands that ended, back into tracker and scheduler
 *
 * Runs in: worker, the ledger's thread.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/leases.h"
#include "worker/ledger_private.h"

/* Logged, and independent of the fetch buffer where it stays. */
static void before_finish(struct ledger *ledger, struct errand *errand)
{
	struct unit_work *work = errand_work(errand);
	bool is_staying = work->end == UNIT_RETRY || work->end == UNIT_HELD ||
		work->end == UNIT_DEAD || work->end == UNIT_DEFERRED ||
		(work->end == UNIT_AGAIN && !errand->unit.store_failed);

	if (errand->is_lost) {
		finish_log_lost(&ledger->lost_lines, work);
	}
	finish_log_wait(&ledger->retry_lines, &ledger->hold_lines, work);
	if (is_staying) {
		finish_detach(&errand->unit, work);
	}
}

static struct sched_return *more_returns(struct ledger *ledger, unsigned count)
{
	if (count > ledger->return_capacity) {
		ledger->return_capacity = 2 * (size_t)count;
		ledger->returns = xrealloc(
			ledger->returns, ledger->return_capacity * sizeof(*ledger->returns));
	}
	return ledger->returns;
}

/* Under the lock: the errand's record, and the run behind it. */
static void give_back(
	struct worker *worker, struct errand *errand, int64_t now_ms, struct sched_item **dead)
{
	int64_t begun_us = errand->unit.begun_us;
	const struct finish_time time = { now_ms, begun_us ? clock_mono_us() - begun_us : 0 };
	unsigned count = 1 + errand->behind_count;
	struct sched_return *returns = more_returns(worker->ledger, count);
	struct sched_item *more = NULL, **tail = &more;

	returns[0] = finish_one(worker, errand_work(errand), &time);
	for (unsigned i = 1; i < count; i++) {
		returns[i] = (struct sched_return){ .item = &errand->behind[i - 1]->item,
			.verdict = SCHED_AGAIN };
	}
	if (returns[0].verdict != SCHED_SETTLED) {
		errand_work(errand)->record = NULL; /* the scheduler's again */
	}
	sched_give_back(worker->sched, returns, count, &more);
	while (*tail) {
		tail = &(*tail)->next;
	}
	*tail = *dead;
	*dead = more;
}

/* A lane's errand is used once, the ledger's own again. */
static void put_away(struct worker *worker, struct errand *errand)
{
	record_free(errand_work(errand)->record);
	errand->record = NULL;
	if (ledger_takes(worker)) {
		errand_push(&worker->ledger->idle, errand);
	} else {
		errand_free(errand);
	}
}

static void finish_ended(struct worker *worker, struct errand_list *ended)
{
	struct ledger *ledger = worker->ledger;
	int64_t now_ms = clock_wall_ms();
	struct sched_item *dead = NULL;
	struct errand *errand;
	unsigned count = 0;
	bool wakes_main;

	if (!ended->head) {
		return;
	}
	for (errand = ended->head; errand; errand = errand->next) {
		before_finish(ledger, errand);
	}
	FAILPOINT("before_settle");
	pthread_mutex_lock(&worker->lock);
	for (errand = ended->head; errand; errand = errand->next) {
		ledger->ahead -= !errand->was_claimed;
		give_back(worker, errand, now_ms, &dead);
		count++;
	}
	wakes_main = finish_must_wake_main(worker, count);
	if (worker->lane_count && sched_is_ready(worker->sched)) {
		lanes_wake(worker, true);
	}
	pthread_cond_broadcast(&worker->returned);
	pthread_mutex_unlock(&worker->lock);
	lane_free_dead(dead);
	while ((errand = errand_pop(ended))) {
		put_away(worker, errand);
	}
	if (wakes_main) {
		worker->wiring->source->wake(worker->source);
	}
}

/* Wakes as many as there is work for, and none into our lock. */
static void hand_to_runners(struct worker *worker, struct errand_list *claimed)
{
	struct ledger *ledger = worker->ledger;
	unsigned count = 0;

	if (!claimed->head) {
		return;
	}
	for (struct errand *errand = claimed->head; errand; errand = errand->next) {
		count++;
	}
	pthread_mutex_lock(&worker->lock);
	errand_append(&ledger->ready, claimed);
	count = count < ledger->idle_runners ? count : ledger->idle_runners;
	pthread_mutex_unlock(&worker->lock);
	while (count-- > 0) {
		pthread_cond_signal(&ledger->ready_wake);
	}
}

void ledger_hand_out(struct worker *worker)
{
	struct ledger *ledger = worker->ledger;
	struct book *book = &ledger->book;

	finish_ended(worker, &book->ended);
	hand_to_runners(worker, &book->claimed);
	leases_tell_taken_over(worker, book->taken_over);
	page_add(&worker->page->leases_lost, book->lost);
	page_add(&worker->page->leases_forgotten, book->forgotten);
	book->taken_over = book->lost = book->forgotten = 0;
}
