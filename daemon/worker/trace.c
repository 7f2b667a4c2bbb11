#include "worker/trace.h"

/* As long as it is in the first version of W3C Trace Context, and in others mostly. */
enum { TRACEPARENT_LEN = 55 };

struct slice trace_of(struct record *record)
{
	const struct source_header *headers;
	int count = record_headers(record, &headers);

	for (int i = count - 1; i >= 0; i--) {
		if (slice_equal_str(headers[i].name, "traceparent")) {
			return headers[i].value.len == TRACEPARENT_LEN ? headers[i].value
								       : SLICE_NULL;
		}
	}
	return SLICE_NULL;
}
