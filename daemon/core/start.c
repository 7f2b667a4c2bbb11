#include "core/start.h"

#include <stdlib.h>
#include <string.h>

static int64_t by_policy(const struct start_facts *facts, enum start_policy policy)
{
	switch (policy) {
	case START_EARLIEST:
		return facts->log_begin;
	case START_LATEST:
		return facts->log_end;
	case START_HOLD:
		break;
	}
	return -1;
}

struct start_decision start_decide(const struct start_facts *facts)
{
	bool has_committed = facts->committed >= 0;

	if (has_committed && facts->committed >= facts->log_begin &&
		facts->committed <= facts->log_end) {
		return (struct start_decision){ START_COMMITTED, facts->committed };
	}
	if (has_committed || facts->is_seen) {
		return (struct start_decision){ START_LOST, by_policy(facts, facts->lost) };
	}
	if (facts->known_count >= 0 && facts->partition >= facts->known_count) {
		return (struct start_decision){ START_ADDED, facts->log_begin };
	}
	return (struct start_decision){ START_INITIAL, by_policy(facts, facts->initial) };
}

int32_t start_parse_count(const char *metadata)
{
	char *end;
	long count;

	if (!metadata || strncmp(metadata, "n=", 2) != 0 || metadata[2] < '0' ||
		metadata[2] > '9') {
		return -1;
	}
	count = strtol(metadata + 2, &end, 10);
	return *end || count > INT32_MAX ? -1 : (int32_t)count;
}
