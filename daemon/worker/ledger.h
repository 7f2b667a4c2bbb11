/*
 * ledger - what runners and the ledger's thread say to each other
 */
#pragma once

#include "worker/errand.h"

struct worker;

/*
 * A runner gives back the errand whose handler is through (NULL: its first time) and gets another.
 * Blocks until there is one that may begin in this lane; NULL when the lanes are to stop.
 */
struct errand *ledger_exchange(
	struct worker *worker, struct errand *done, struct page_lane *page_lane);
/* Under the lock: the worker is nobody's for himself any more. */
void ledger_wake_runners(struct worker *worker);
