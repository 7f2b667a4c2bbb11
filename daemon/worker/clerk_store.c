/*
 * clerk_store - what the clerk brings to the store and fetches from it
 *
 * Runs in: worker, the clerk's thread. Whether the store answers is told to everybody: when a
 * partition cannot be opened, or nothing is in hand, no lane would find out.
 */
#include "base/clock.h"
#include "worker/clerk_private.h"
#include "worker/generation.h"
#include "worker/store_state.h"

#define SEEN_INTERVAL_US ((int64_t)5 * 1000 * 1000)

bool clerk_store_is_ready(struct clerk *clerk, struct err *err)
{
	bool is_ready = generation_ready(clerk->worker, clerk->session, err) == 0;

	if (!is_ready) {
		store_state_down(clerk->worker, PAGE_STORE_OF_CLERK, err);
	}
	finish_hear_store(clerk->worker, clerk->session);
	return is_ready;
}

void clerk_hear_answer(struct clerk *clerk, int result, const struct err *err)
{
	if (result == STORE_OK) {
		store_state_up(clerk->worker, PAGE_STORE_OF_CLERK);
	} else {
		store_state_down(clerk->worker, PAGE_STORE_OF_CLERK, err);
	}
}

bool clerk_waits_for_store(const struct clerk *clerk)
{
	return atomic_load(&clerk->worker->page->store_is_down) & PAGE_STORE_OF_CLERK;
}

void clerk_note_later(struct clerk_entry *entry, int64_t committed)
{
	if (committed >= 0 && entry->committed < 0) {
		entry->committed = committed;
		entry->next_seen_us = clock_mono_us() + SEEN_INTERVAL_US;
	}
}

void clerk_note_seen(struct clerk *clerk, int64_t now_us)
{
	const struct store_ops *store = clerk->worker->wiring->store;
	struct err err = ERR_INIT;

	for (uint32_t i = 0;; i++) {
		pthread_mutex_lock(&clerk->lock);
		bool is_end = i >= clerk->entry_count;
		struct clerk_entry *entry = &clerk->entries[i];
		bool is_due = !is_end && entry->committed >= 0 &&
			(now_us >= entry->next_seen_us || clerk->is_stopping);
		int64_t committed = is_due ? entry->committed : -1;
		pthread_mutex_unlock(&clerk->lock);
		if (is_end) {
			return;
		}
		if (!is_due) {
			continue;
		}
		if (!clerk_store_is_ready(clerk, &err) ||
			store->put_seen(clerk->session, slice_from_str(entry->topic),
				entry->partition, committed, &err)) {
			return; /* later */
		}
		pthread_mutex_lock(&clerk->lock);
		entry->next_seen_us = now_us + SEEN_INTERVAL_US;
		if (entry->committed == committed) {
			entry->committed = -1;
		}
		pthread_mutex_unlock(&clerk->lock);
	}
}

/* Put what waits to be put; what cannot be put now stays. */
static bool put_pauses(struct clerk *clerk)
{
	const struct store_ops *store = clerk->worker->wiring->store;
	struct pauses waiting;
	struct err err = ERR_INIT;
	size_t done = 0;

	pthread_mutex_lock(&clerk->lock);
	waiting = clerk->pauses_to_put;
	clerk->pauses_to_put = (struct pauses){ 0 };
	pthread_mutex_unlock(&clerk->lock);
	while (done < waiting.count &&
		store->put_pause(clerk->session, &waiting.items[done], &err) == STORE_OK) {
		done++;
	}
	pthread_mutex_lock(&clerk->lock);
	for (size_t i = done; i < waiting.count; i++) {
		(void)pauses_put(&clerk->pauses_to_put, &waiting.items[i]);
	}
	pthread_mutex_unlock(&clerk->lock);
	bool is_all = done == waiting.count;
	pauses_fini(&waiting);
	return is_all;
}

void clerk_carry_pauses(struct clerk *clerk)
{
	const struct store_ops *store = clerk->worker->wiring->store;
	struct pauses found = { 0 };
	struct err err = ERR_INIT;
	int64_t now_ms = 0;

	if (!clerk_store_is_ready(clerk, &err) || !put_pauses(clerk)) {
		return;
	}
	/* a session that broke while idle is no news: the next question tells */
	if (store->load_pauses(clerk->session, &found, &now_ms, &err) == STORE_OK) {
		clerk_hear_answer(clerk, STORE_OK, NULL);
		pthread_mutex_lock(&clerk->lock);
		for (size_t i = 0; i < found.count; i++) {
			(void)pauses_put(&clerk->pauses_found, &found.items[i]);
		}
		clerk->store_ahead_ms = now_ms ? now_ms - clock_wall_ms() : 0;
		pthread_mutex_unlock(&clerk->lock);
	}
	pauses_fini(&found);
}

bool clerk_has_pauses_to_put(struct clerk *clerk)
{
	bool has_any;

	pthread_mutex_lock(&clerk->lock);
	has_any = clerk->pauses_to_put.count > 0;
	pthread_mutex_unlock(&clerk->lock);
	return has_any;
}
