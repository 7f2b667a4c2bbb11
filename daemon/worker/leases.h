/*
 * leases - what is said of leases, by lanes and by the ledger
 */
#pragma once

#include "worker/worker_private.h"

/* So many were taken over from another owner: counted, and said. */
void leases_tell_taken_over(struct worker *worker, unsigned count);
