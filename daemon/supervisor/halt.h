/*
 * halt - what is paused, as the supervisor keeps it
 *
 * Runs in: supervisor. The words are core/pause's. Here they are written to state.dir before
 * anybody is answered, told to workers before they start and whenever they change, and heard from
 * workers: what a breaker decided, and what was found in the store, where another host said it.
 */
#pragma once

#include "config/config.h"
#include "supervisor/tree.h"

/* At the start: read what was kept. */
void halt_load(struct consumer *consumer, const struct config *config);

/*
 * A new word: keep it, then tell it to all workers of the consumer. -errno with err: it could not
 * be written, and nothing has changed.
 */
int halt_say(struct consumer *consumer, const struct config *config, const struct pause *pause,
	struct err *err);

/* A worker says so. Workers are strangers: what cannot be a word is left out. */
void halt_hear(struct slot *slot, const struct config *config, const struct pause *pause);

/* Tell a worker everything; what its channel does not take now is told later. */
void halt_tell(struct slot *slot);
/* Once a second: what is still to be told. */
void halt_tick(struct consumer *consumer);

/* Have its workers left the group on an operator's word? Then none is started. */
bool halt_is_released(const struct consumer *consumer);
