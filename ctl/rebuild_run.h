/*
 * rebuild_run - the steps of a rebuild, done one after the other
 *
 * Runs in: oncectl.
 */
#pragma once

#include <stdbool.h>

#include "kafka/reader.h"
#include "rebuild_state.h"
#include "verbs.h"

struct rebuild {
	struct ctl ctl; /* of the operations: they print nothing */
	const struct ctl *asked;
	struct config *config;
	struct rebuild_state state;
	struct store *store;
	struct kafka_reader *reader;
	bool has_generations;
};

/* The sentence on standard error. Returns CTL_FAILED. */
int rebuild_complain(const struct err *err);

/* Do what comes from `step` on, writing down each before it begins. An exit status. */
int rebuild_run(struct rebuild *rebuild, enum rebuild_step step);
/* Until what the state's places end with is committed, by whoever works. */
void rebuild_watch(struct rebuild *rebuild);

static inline const char *rebuild_name(const struct rebuild *rebuild)
{
	return rebuild->state.consumer->name;
}
