/*
 * ledger - what runners and the ledger's thread say to each other
 */
#pragma once

#include "worker/errand.h"

struct worker;

/* Blocks until there is one that may begin in this lane; NULL when the lanes are to stop. */
struct errand *ledger_take(struct worker *worker, struct page_lane *page_lane);
/* The handler is through. */
void ledger_put_back(struct worker *worker, struct errand *errand, struct page_lane *page_lane);
/* Under the lock: the worker is nobody's for himself any more. */
void ledger_wake_runners(struct worker *worker);
