#include "worker/errand.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/memory.h"
#include "worker/unit_private.h"

static const struct unit_range only = { 0, 1 };

void errand_push(struct errand_list *list, struct errand *errand)
{
	errand->next = NULL;
	if (list->tail) {
		list->tail->next = errand;
	} else {
		list->head = errand;
	}
	list->tail = errand;
}

struct errand *errand_pop(struct errand_list *list)
{
	struct errand *errand = list->head;

	if (errand) {
		list->head = errand->next;
		list->tail = list->head ? list->tail : NULL;
		errand->next = NULL;
	}
	return errand;
}

void errand_append(struct errand_list *list, struct errand_list *from)
{
	if (!from->head) {
		return;
	}
	if (list->tail) {
		list->tail->next = from->head;
	} else {
		list->head = from->head;
	}
	list->tail = from->tail;
	*from = (struct errand_list){ NULL, NULL };
}

struct errand *errand_new(const struct unit_options *options, struct store_session *session)
{
	struct errand *errand = NEW(struct errand);
	struct unit_options one = *options;

	one.batch_max = 1;
	unit_init(&errand->unit, &one, session);
	return errand;
}

void errand_free(struct errand *errand)
{
	if (!errand) {
		return;
	}
	unit_fini(&errand->unit);
	free(errand->behind);
	free(errand);
}

void errand_begin(struct errand *errand, struct record *record)
{
	errand->record = record;
	errand->is_leased = errand->is_uncertain = false;
	errand->is_lost = errand->was_claimed = errand->is_in_hand = false;
	atomic_store_explicit(&errand->lease_until_us, INT64_MAX, memory_order_relaxed);
	unit_open(&errand->unit, &errand->record, 1);
}

void errand_run(struct errand *errand, unsigned lane, struct page_lane *page_lane)
{
	errand->unit.options.lane = lane;
	errand->unit.options.page_lane = page_lane;
	errand->unit.begun_us = clock_mono_us();
	FAILPOINT("before_effect");
	unit_call_handlers(&errand->unit, only);
	FAILPOINT("after_effect");
	unit_stage(&errand->unit, PAGE_STAGE_IDLE, NULL);
	errand->unit.options.page_lane = NULL;
}

void errand_withdraw(struct errand *errand)
{
	errand_work(errand)->fate = UNIT_AGAIN;
}
