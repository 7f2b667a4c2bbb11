/*
 * trace - the trace that a record belongs to, for the log
 */
#pragma once

#include "worker/record.h"

/* The header `traceparent`, null when there is none, or it is no such thing. */
struct slice trace_of(struct record *record);
