#include "dlq_mark.h"

#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "dlq_json.h"

/* [[first, last], …] */
static json_t *make_ranges(const int64_t *offsets, size_t count)
{
	json_t *ranges = json_array();

	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && offsets[end] <= offsets[end - 1] + 1;) {
			end++;
		}
		json_array_append_new(ranges,
			json_pack("[I, I]", (json_int_t)offsets[i], (json_int_t)offsets[end - 1]));
	}
	return ranges;
}

void dlq_mark_write(
	const struct dlq_mark *mark, const int64_t *offsets, size_t count, struct buffer *out)
{
	char at[CLOCK_RFC3339_MAX];
	_cleanup_(dlq_json_freep) json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}",
		"mark", dlq_state_name(mark->state), "id", mark->id, "at",
		clock_format_rfc3339(mark->at_ms, at), "by", mark->by, "why", mark->why, "to",
		mark->to, "offsets", make_ranges(offsets, count));
	_cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);

	buffer_append_str(out, text);
}

bool dlq_mark_is(const struct kafka_reader_record *record)
{
	/* a letter has more, and the first of them may be anybody's */
	return record->header_count == 1 &&
		slice_equal_str(record->headers[0].name, DLQ_MARK_HEADER);
}

static bool read_state(const char *name, enum dlq_state *ret)
{
	for (int state = DLQ_REPLAYED; state <= DLQ_DISCARDED; state++) {
		if (name && strcmp(name, dlq_state_name((enum dlq_state)state)) == 0) {
			*ret = (enum dlq_state)state;
			return true;
		}
	}
	return false;
}

bool dlq_mark_range(const json_t *range, int64_t *ret_first, int64_t *ret_last)
{
	const json_t *first = json_array_get(range, 0), *last = json_array_get(range, 1);

	*ret_first = json_integer_value(first);
	*ret_last = json_integer_value(last);
	return json_array_size(range) == 2 && json_is_integer(first) && json_is_integer(last);
}

bool dlq_mark_apply(const struct kafka_reader_record *record, struct dlq_book *book)
{
	_cleanup_(dlq_json_freep) json_t *json = json_loadb(
		record->value.data ? record->value.data : "", record->value.len, 0, NULL);
	const json_t *ranges = json_object_get(json, "offsets");
	enum dlq_state state;
	int64_t first, last;

	if (!read_state(json_string_value(json_object_get(json, "mark")), &state) ||
		!json_is_array(ranges)) {
		return false;
	}
	for (size_t i = 0; i < json_array_size(ranges); i++) {
		if (dlq_mark_range(json_array_get(ranges, i), &first, &last)) {
			/* a mark is about what lies before it */
			last = last < record->offset ? last : record->offset - 1;
			dlq_book_set(book, (size_t)record->partition, first, last, state);
		}
	}
	return true;
}
