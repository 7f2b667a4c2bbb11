#include "worker/decision.h"

#include <stdio.h>

#include "core/store.h"

_Static_assert(
	DECISION_TEXT_MAX + DECISION_CODE_MAX + 100 < STORE_DECISION_MAX, "it fits the store");

size_t decision_text_length(const char *text)
{
	size_t length = strnlen(text, DECISION_TEXT_MAX + 1);

	if (length <= DECISION_TEXT_MAX) {
		return length;
	}
	for (length = DECISION_TEXT_MAX; length > DECISION_TEXT_MAX - 4; length--) {
		if (((unsigned char)text[length] & 0xc0) != 0x80) {
			return length;
		}
	}
	return DECISION_TEXT_MAX; /* no UTF-8: any place is as good */
}

struct slice decision_write(const struct decision *decision, struct arena *arena)
{
	return slice_from_str(arena_printf(arena, "%s %u %lld %lld %zu %s %s",
		page_reason_names[decision->reason], decision->attempts,
		(long long)decision->first_failure_ms, (long long)decision->last_failure_ms,
		strlen(decision->code), decision->code, decision->text));
}

static int find_reason(const char *name)
{
	for (int i = 0; i < PAGE_REASONS; i++) {
		if (strcmp(page_reason_names[i], name) == 0) {
			return i;
		}
	}
	return -1;
}

bool decision_read(struct slice written, struct arena *arena, struct decision *ret)
{
	char *line, reason[16];
	long long first_ms, last_ms;
	unsigned attempts;
	size_t code_length;
	int at = 0, index;

	if (slice_is_null(written)) {
		return false;
	}
	line = arena_printf(arena, "%.*s", (int)written.len, written.data);
	if (sscanf(line, "%15s %u %lld %lld %zu%n", reason, &attempts, &first_ms, &last_ms,
		    &code_length, &at) != 5) {
		return false;
	}
	index = find_reason(reason);
	if (index < 0 || line[at] != ' ' || code_length >= DECISION_CODE_MAX ||
		strnlen(line + at + 1, code_length + 1) <= code_length ||
		line[at + 1 + (int)code_length] != ' ') {
		return false;
	}
	line[at + 1 + (int)code_length] = '\0';
	*ret = (struct decision){ (enum page_reason)index, attempts, first_ms, last_ms,
		line + at + 1, line + at + 2 + code_length };
	return true;
}
