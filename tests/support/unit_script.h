/*
 * unit_script - the handler of unit_bench: it does what the event says
 */
#pragma once

#include "unit_bench.h"

/* The bench of the running test: the handler finds it by this. */
extern struct unit_bench *unit_script_bench;

extern const struct onced_handler unit_script_handler;
extern const struct onced_handler unit_script_batches; /* the same by handle_batch() */
