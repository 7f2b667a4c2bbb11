/*
 * http_trace - the event's trace context, for the service that is called
 *
 * Runs in: worker, lane threads. Rules: https://www.w3.org/TR/trace-context/. What does not keep to
 * them is not passed on: a producer's bytes are not to write headers here.
 */
#include "http_trace.h"

#include <string.h>

enum {
	VERSION_LEN = 2,
	TRACE_LEN = 32,
	PARENT_LEN = 16,
	FLAGS_LEN = 2,
	TRACEPARENT_LEN = VERSION_LEN + 1 + TRACE_LEN + 1 + PARENT_LEN + 1 + FLAGS_LEN,
	TRACEPARENT_MAX = 256,
	TRACESTATE_MAX = 512,
};

/* `len` digits in lower case, not all of them zero unless `may_be_zero`. */
static bool is_hex(const char *s, size_t len, bool may_be_zero)
{
	bool is_zero = true;

	for (size_t i = 0; i < len; i++) {
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f'))) {
			return false;
		}
		is_zero &= s[i] == '0';
	}
	return may_be_zero || !is_zero;
}

static bool is_visible(struct onced_bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < ' ' || text.data[i] > '~') {
			return false;
		}
	}
	return true;
}

static bool is_parent(struct onced_bytes value)
{
	const char *version = value.data, *trace = version + VERSION_LEN + 1;
	const char *parent = trace + TRACE_LEN + 1, *flags = parent + PARENT_LEN + 1;

	return value.len >= TRACEPARENT_LEN && value.len <= TRACEPARENT_MAX && is_visible(value) &&
		is_hex(version, VERSION_LEN, true) && memcmp(version, "ff", VERSION_LEN) != 0 &&
		trace[-1] == '-' && is_hex(trace, TRACE_LEN, false) && parent[-1] == '-' &&
		is_hex(parent, PARENT_LEN, false) && flags[-1] == '-' &&
		is_hex(flags, FLAGS_LEN, true) &&
		/* later versions may say more */
		(value.len == TRACEPARENT_LEN ||
			(memcmp(version, "00", VERSION_LEN) != 0 && flags[FLAGS_LEN] == '-'));
}

bool http_trace_parent(const struct onced_event *event, struct onced_bytes *ret)
{
	return onced_event_header(event, "traceparent", ret) && ret->data && is_parent(*ret);
}

bool http_trace_state(const struct onced_event *event, struct onced_bytes *ret)
{
	return onced_event_header(event, "tracestate", ret) && ret->data && ret->len > 0 &&
		ret->len <= TRACESTATE_MAX && is_visible(*ret);
}
