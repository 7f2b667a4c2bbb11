/*
 * store_state - what everybody is told when the store goes and comes
 *
 * Runs in: worker, any thread.
 */
#include "worker/store_state.h"

#include "base/log.h"
#include "worker/generation.h"
#include "worker/worker_private.h"

void store_state_down(struct worker *worker, enum page_store_user user, const struct err *err)
{
	generation_note(worker, err);
	page_add(&worker->page->store_errors, 1);
	page_text_set(&worker->page->store_text, "%s", err->text);
	if (!atomic_fetch_or(&worker->page->store_is_down, (uint32_t)user)) {
		log_error("store not available: everything is held, nothing is burnt",
			LOG_ID(STORE_DOWN), LOG_STR("error", err->text),
			LOG_STR("code", err->code));
	}
}

void store_state_up(struct worker *worker, enum page_store_user user)
{
	uint32_t mine = (uint32_t)user;

	if ((atomic_load(&worker->page->store_is_down) & mine) &&
		atomic_fetch_and(&worker->page->store_is_down, ~mine) == mine) {
		page_text_set(&worker->page->store_text, "%s", "");
		log_notice("store is available again", LOG_ID(STORE_BACK));
	}
}
