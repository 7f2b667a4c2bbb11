/*
 * http_trace - the event's trace context, for the service that is called
 */
#pragma once

#include "onced/handler.h"

/* The header `traceparent` of the W3C; false for one that is none: a new trace may begin there. */
bool http_trace_parent(const struct onced_event *event, struct onced_bytes *ret);

/* The header `tracestate` that goes with it; false when there is none, or none that can be sent. */
bool http_trace_state(const struct onced_event *event, struct onced_bytes *ret);
