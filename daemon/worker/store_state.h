/*
 * store_state - what everybody is told when the store goes and comes
 *
 * Runs in: worker, any thread. The page holds it, for metrics, status and probes; the log says it
 * once at each end. Down is down for any of its users, up is up for all.
 */
#pragma once

#include "base/err.h"
#include "os/page.h"

struct worker;

/* `user` tried, and could not. */
void store_state_down(struct worker *worker, enum page_store_user user, const struct err *err);
/* `user` tried, and could. */
void store_state_up(struct worker *worker, enum page_store_user user);
