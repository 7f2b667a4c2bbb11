/*
 * hand - which events this worker has in hand
 *
 * Runs in: worker, any thread; it has a lock of its own. A lease says that an event is this
 * worker's, and so all of its lanes and its ledger are one owner: who of them is at work on it they
 * tell each other here. Only for stores where lanes lease.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "os/page.h"

struct hand;

struct hand *hand_new(void);
void hand_free(struct hand *hand); /* accepts NULL */

/* False: somebody here is at work on it. `key` of STORE_KEY_SIZE bytes. */
bool hand_take(struct hand *hand, const uint8_t *key);
void hand_put(struct hand *hand, const uint8_t *key);

/*
 * The token of this slot's leases, made once and kept by the page, so that the next worker of the
 * slot is the same owner.
 */
void hand_make_owner(struct page *page);
