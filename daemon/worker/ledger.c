/*
 * ledger - a thread that claims events before and marks them after their effects elsewhere
 *
 * Runs in: worker. Owns the one store session that all runners share, and the book. An errand goes
 *
 *	scheduler -> claimed by the ledger -> ready -> a runner -> handled -> marked by the ledger
 *
 * Claims, marks and renewals that came together travel in one flight. It claims ahead of the
 * runners, as many events as there are runners; one that may not begin any more (its partition was
 * revoked, a pause, its lease is about to end) is given back unbegun. An errand that ended is
 * settled here, also when its epoch is dead.
 */
#include "worker/ledger.h"
#include "worker/generation.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/ledger_private.h"
#include "worker/store_state.h"

#define BACKOFF_FIRST_US ((int64_t)20 * 1000)
/* How often what is ready is looked through for what may not begin any more. */
#define LOOK_US ((int64_t)50 * 1000)
/* Lanes look again later: so many are ready for each runner meanwhile. */
enum { HAND_OVER_FACTOR = 4 };

bool ledger_takes(const struct worker *worker)
{
	return worker->ledger && worker->lane_count == 0;
}

void ledger_wake(struct worker *worker)
{
	pthread_cond_signal(&worker->ledger->wake);
}

/* ---- runners ---- */

/* Under the lock: the claim of a moment ago may be worth nothing now. */
static bool may_begin(const struct worker *worker, const struct errand *errand, int64_t now_us)
{
	const struct sched_item *item = &errand->record->item;

	return !worker->lanes_stop && sched_may_begin(worker->sched, item->slot, item->epoch) &&
		atomic_load_explicit(&errand->lease_until_us, memory_order_relaxed) > now_us;
}

static void withdraw(struct ledger *ledger, struct errand *errand)
{
	errand_withdraw(errand);
	errand_push(&ledger->handled, errand);
}

/* Under the lock. */
static struct errand *take_ready(struct worker *worker)
{
	struct ledger *ledger = worker->ledger;
	int64_t now_us = clock_mono_us();
	struct errand *errand;

	while ((errand = errand_pop(&ledger->ready))) {
		ledger->ahead--;
		if (may_begin(worker, errand, now_us)) {
			return errand;
		}
		withdraw(ledger, errand);
	}
	return NULL;
}

/* Under the lock, which a record that is to be alone may let go of for long. */
static bool begin(struct worker *worker, struct errand *errand, struct page_lane *page_lane)
{
	bool is_in;

	if (errand->record->item.is_alone) {
		pthread_cond_signal(&worker->ledger->wake); /* what others have done goes out */
	}
	is_in = runner_enter(worker, page_lane, errand->record);
	if (is_in && may_begin(worker, errand, clock_mono_us())) {
		return true;
	}
	if (is_in) {
		runner_leave(worker, page_lane);
	}
	withdraw(worker->ledger, errand);
	return false;
}

/* Under the lock. */
static struct errand *begin_next(struct worker *worker, struct page_lane *page_lane)
{
	struct errand *errand;

	while (!worker->alone_lane && (errand = take_ready(worker))) {
		if (begin(worker, errand, page_lane)) {
			return errand;
		}
	}
	return NULL;
}

struct errand *ledger_exchange(
	struct worker *worker, struct errand *done, struct page_lane *page_lane)
{
	struct ledger *ledger = worker->ledger;
	struct errand *next = NULL;

	pthread_mutex_lock(&worker->lock);
	if (done) {
		errand_push(&ledger->handled, done);
		runner_leave(worker, page_lane);
	}
	while (!worker->lanes_stop && !(next = begin_next(worker, page_lane))) {
		pthread_cond_signal(&ledger->wake);
		ledger->idle_runners++;
		pthread_cond_wait(&ledger->ready_wake, &worker->lock);
		ledger->idle_runners--;
	}
	pthread_mutex_unlock(&worker->lock);
	/* to mark the one and claim another, in one flight; not to wake up into our lock */
	pthread_cond_signal(&ledger->wake);
	return next;
}

void ledger_wake_runners(struct worker *worker)
{
	pthread_cond_broadcast(&worker->ledger->ready_wake);
}

/* ---- what comes in ---- */

static struct errand *new_errand(struct worker *worker)
{
	struct errand *errand = errand_pop(&worker->ledger->idle);
	struct unit_options options;

	if (!errand) {
		options = lane_unit_options(worker, 0);
		options.page_lane = NULL; /* a runner's, while it runs */
		errand = errand_new(&options, worker->ledger->session);
	}
	return errand;
}

bool ledger_has_room(const struct worker *worker)
{
	return worker->ledger->ahead < HAND_OVER_FACTOR * worker->runner_count;
}

void ledger_hand_over(struct worker *worker, struct record **run, unsigned count)
{
	struct ledger *ledger = worker->ledger;
	struct unit_options options = lane_unit_options(worker, 0);
	struct errand *errand;

	options.page_lane = NULL;
	errand = errand_new(&options, ledger->session);
	errand->record = run[0];
	errand->behind_count = count - 1;
	errand->behind = xcalloc(count, sizeof(*errand->behind));
	for (unsigned i = 1; i < count; i++) {
		record_detach(run[i]);
		errand->behind[i - 1] = run[i];
	}
	pthread_mutex_lock(&worker->lock);
	errand_push(&ledger->fresh, errand);
	ledger->ahead++;
	pthread_cond_signal(&ledger->wake);
	pthread_mutex_unlock(&worker->lock);
}

/* Under the lock: as many as the runners will soon want. */
static void take_records(struct worker *worker)
{
	struct ledger *ledger = worker->ledger;
	struct sched_item *item;

	while (ledger->ahead < worker->runner_count && !worker->lanes_stop &&
		sched_take(worker->sched, &item, 1) == 1) {
		struct errand *errand = new_errand(worker);
		errand->record = (struct record *)item;
		lane_unmark_waiting(worker, errand->record);
		errand_push(&ledger->fresh, errand);
		ledger->ahead++;
	}
}

/* Under the lock: runners may be busy for long, and what waits for them must not be kept. */
static void look_through_ready(struct worker *worker)
{
	struct ledger *ledger = worker->ledger;
	struct errand_list all = ledger->ready;
	int64_t now_us = clock_mono_us();
	struct errand *errand;

	if (now_us < ledger->next_look_us && !worker->lanes_stop) {
		return;
	}
	ledger->next_look_us = now_us + LOOK_US / 2;
	ledger->ready = (struct errand_list){ NULL, NULL };
	while ((errand = errand_pop(&all))) {
		if (may_begin(worker, errand, now_us)) {
			errand_push(&ledger->ready, errand);
		} else {
			ledger->ahead--;
			withdraw(ledger, errand);
		}
	}
}

static bool has_input(const struct worker *worker)
{
	const struct ledger *ledger = worker->ledger;

	return ledger->fresh.head || ledger->handled.head || ledger->is_last ||
		(ledger_takes(worker) && ledger->ahead < worker->runner_count &&
			!worker->lanes_stop && sched_is_ready(worker->sched));
}

/* Under the lock. */
static void wait_for_input(struct worker *worker)
{
	struct ledger *ledger = worker->ledger;
	int64_t now_us = clock_mono_us(), pace_us = lanes_pace(worker);

	while (!has_input(worker) && !book_has_work(&ledger->book, now_us)) {
		int64_t wait_us = book_due_us(&ledger->book) - now_us;
		if (wait_us > pace_us) {
			wait_us = pace_us;
		}
		if (!ledger->ready.head && wait_us > INT64_C(3600000000)) {
			pthread_cond_wait(&ledger->wake, &worker->lock);
		} else {
			lane_wait_us(worker, &ledger->wake,
				ledger->ready.head && wait_us > LOOK_US ? LOOK_US : wait_us);
		}
		look_through_ready(worker);
		pace_us = lanes_pace(worker);
		now_us = clock_mono_us();
	}
}

/* Returns true when this is the last time. */
static bool collect(struct worker *worker, bool is_store_up)
{
	struct ledger *ledger = worker->ledger;
	struct errand_list fresh, handled;
	struct errand *errand;
	bool is_last;

	pthread_mutex_lock(&worker->lock);
	if (is_store_up) {
		wait_for_input(worker);
	}
	look_through_ready(worker);
	if (is_store_up && ledger_takes(worker)) {
		take_records(worker);
	}
	fresh = ledger->fresh;
	handled = ledger->handled;
	ledger->fresh = ledger->handled = (struct errand_list){ NULL, NULL };
	is_last = ledger->is_last;
	pthread_mutex_unlock(&worker->lock);
	while ((errand = errand_pop(&handled))) {
		book_end(&ledger->book, errand);
	}
	while ((errand = errand_pop(&fresh))) {
		errand_begin(errand, errand->record);
		book_claim(&ledger->book, errand);
	}
	return is_last;
}

/* ---- the thread ---- */

static void back_off(struct worker *worker)
{
	struct ledger *ledger = worker->ledger;
	int64_t max_us = worker->wiring->config->store_reconnect_max_us;

	ledger->backoff_us = ledger->backoff_us ? 2 * ledger->backoff_us : BACKOFF_FIRST_US;
	if (ledger->backoff_us > max_us) {
		ledger->backoff_us = max_us;
	}
	pthread_mutex_lock(&worker->lock);
	if (!ledger->is_last) {
		lane_wait_us(worker, &worker->lanes_end, ledger->backoff_us);
	}
	pthread_mutex_unlock(&worker->lock);
}

static void store_failed(struct worker *worker, const struct err *err)
{
	store_state_down(worker, PAGE_STORE_OF_LANES, err);
	book_give_up_claims(&worker->ledger->book);
	ledger_hand_out(worker);
	back_off(worker);
}

/* False: the store is away, and what was to be claimed went back. */
static bool fly(struct worker *worker)
{
	struct ledger *ledger = worker->ledger;
	struct err err = ERR_INIT;
	enum store_failure failure;

	err_set(&err, 1, "the store was not reached since the start");
	if (!ledger->is_scope_known || generation_ready(worker, ledger->session, &err) != 0) {
		ledger->is_refused = false;
		store_failed(worker, &err);
		return false;
	}
	failure = book_fly(&ledger->book);
	finish_hear_store(worker, ledger->session);
	ledger_hand_out(worker);
	if (failure == STORE_LOST || failure == STORE_UNAVAILABLE) {
		ledger->is_refused = true;
		store_failed(worker, &ledger->book.err);
		return false;
	}
	if (failure) {
		log_warning("the store refuses claims or marks", LOG_ID(STORE_REFUSES),
			LOG_STR("error", ledger->book.err.text),
			LOG_STR("code", ledger->book.err.code));
		back_off(worker);
		return true;
	}
	if (ledger->backoff_us && (ledger->book.has_flown || !ledger->is_refused)) {
		ledger->backoff_us = 0;
		ledger->is_refused = false;
		store_state_up(worker, PAGE_STORE_OF_LANES);
	}
	return true;
}

/* The keys of what is claimed say which generation of the scope they are of. */
static void learn_scope(struct worker *worker)
{
	struct ledger *ledger = worker->ledger;
	struct err err = ERR_INIT;
	bool is_last = false;

	while (!is_last && !ledger->is_scope_known) {
		ledger->is_scope_known = generation_ready(worker, ledger->session, &err) == 0;
		if (!ledger->is_scope_known) {
			store_failed(worker, &err);
		}
		pthread_mutex_lock(&worker->lock);
		is_last = ledger->is_last;
		pthread_mutex_unlock(&worker->lock);
	}
}

void *ledger_main(void *argument)
{
	struct worker *worker = argument;
	struct ledger *ledger = worker->ledger;
	bool is_store_up = true, is_last = false;

	learn_scope(worker);
	while (!is_last) {
		is_last = collect(worker, is_store_up);
		is_store_up = fly(worker);
	}
	book_give_up_claims(&ledger->book);
	book_give_up_ends(&ledger->book);
	ledger_hand_out(worker);
	pthread_mutex_lock(&worker->lock);
	ledger->is_over = true;
	pthread_cond_broadcast(&ledger->ready_wake);
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}
