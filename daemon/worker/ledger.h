/*
 * ledger - what runners and the ledger's thread say to each other
 */
#pragma once

#include "worker/errand.h"

struct worker;

/* Blocks until there is one that may begin; NULL when the lanes are to stop. */
struct errand *ledger_take(struct worker *worker);
/* The handler is through. */
void ledger_put_back(struct worker *worker, struct errand *errand);
