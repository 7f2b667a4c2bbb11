#include "dlq_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "config/value.h"
#include "event/scan.h"
#include "when.h"

int dlq_position_parse(const char *text, struct slice *ret_topic, int64_t *ret_partition,
	int64_t *ret_first, int64_t *ret_last)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *partition = strchr(copy, ':');
	char *first = partition ? strchr(partition + 1, ':') : NULL;
	char *last;

	if (!first || partition == copy) {
		return -EINVAL;
	}
	*ret_topic = slice_from(text, (size_t)(partition - copy));
	*partition++ = '\0';
	*first++ = '\0';
	last = strchr(first, '-');
	if (last) {
		*last++ = '\0';
	}
	if (value_parse_integer(partition, ret_partition) < 0 || *ret_partition > INT32_MAX ||
		value_parse_integer(first, ret_first) < 0 ||
		value_parse_integer(last ? last : first, ret_last) < 0) {
		return -EINVAL;
	}
	return 0;
}

static int parse_time(
	const char *option, const char *text, int64_t now_ms, int64_t *ret_ms, struct err *err)
{
	if (!text || when_parse(text, now_ms, ret_ms) == 0) {
		return 0;
	}
	return err_set(err, -EINVAL,
		"%s %s: neither a time (2026-01-02T03:04:05Z, 2026-01-02) nor how long ago (2h)",
		option, text);
}

static int parse_where(struct dlq_filter *filter, const char *text, struct err *err)
{
	const char *equals = strchr(text, '=');
	_cleanup_free_ char *path = xstrndup(text, equals ? (size_t)(equals - text) : 0);

	filter->paths = path_set_new();
	if (!equals || path_set_add(filter->paths, path) < 0) {
		return err_set(err, -EINVAL,
			"--where %s: not PATH=VALUE, as in payload.customer_id=4", text);
	}
	filter->where_value = equals + 1;
	return 0;
}

int dlq_filter_init(struct dlq_filter *filter, const struct dlq_filter_words *words, int64_t now_ms,
	struct err *err)
{
	*filter = (struct dlq_filter){
		.words = *words, .since_ms = INT64_MIN, .until_ms = INT64_MAX
	};
	if (parse_time("--since", words->since, now_ms, &filter->since_ms, err) < 0 ||
		parse_time("--until", words->until, now_ms, &filter->until_ms, err) < 0) {
		return -EINVAL;
	}
	if (words->where && parse_where(filter, words->where, err) < 0) {
		return -EINVAL;
	}
	if (words->position &&
		dlq_position_parse(words->position, &filter->topic, &filter->partition,
			&filter->first, &filter->last) < 0) {
		return err_set(err, -EINVAL,
			"--position %s: not TOPIC:PARTITION:OFFSET or "
			"TOPIC:PARTITION:OFFSET-OFFSET",
			words->position);
	}
	return 0;
}

void dlq_filter_fini(struct dlq_filter *filter)
{
	path_set_free(filter->paths);
	filter->paths = NULL;
}

/* A word is the text, or, of a class name, what stands behind its last dot. */
static bool is_word(struct slice text, const char *word, size_t length)
{
	size_t start = text.len - length;

	return text.len >= length && memcmp(text.data + start, word, length) == 0 &&
		(start == 0 || text.data[start - 1] == '.');
}

/* `words` is a list, separated by commas. */
static bool is_one_of(struct slice text, const char *words)
{
	for (;;) {
		size_t length = strcspn(words, ",");

		if (text.data && length > 0 && is_word(text, words, length)) {
			return true;
		}
		if (words[length] == '\0') {
			return false;
		}
		words += length + 1;
	}
}

static bool is_text(const struct json_ref *ref, const char *text)
{
	struct buffer plain = BUFFER_INIT;
	bool is_equal;

	if (ref->kind == JSON_KIND_ABSENT) {
		return false;
	}
	if (!ref->has_escapes) {
		return slice_equal_str(ref->text, text);
	}
	scan_unescape(ref->text, &plain);
	is_equal = slice_equal_str(slice_from(buffer_str(&plain), plain.len), text);
	buffer_fini(&plain);
	return is_equal;
}

static bool matches_where(const struct dlq_filter *filter, struct slice value)
{
	struct json_ref ref = { 0 };

	return scan_json(filter->paths, value, &ref, NULL) == SCAN_OK &&
		is_text(&ref, filter->where_value);
}

static bool matches_position(const struct dlq_filter *filter, const struct dlq_letter *letter)
{
	return slice_equal(letter->topic, filter->topic) &&
		letter->partition == filter->partition && letter->offset >= filter->first &&
		letter->offset <= filter->last;
}

static bool matches_id(const char *wanted, const struct dlq_letter *letter)
{
	char scratch[DLQ_EVENT_ID_MAX];

	return slice_equal_str(dlq_letter_event_id(letter, scratch), wanted);
}

bool dlq_filter_matches(const struct dlq_filter *filter, const struct dlq_letter *letter)
{
	const struct dlq_filter_words *words = &filter->words;
	int64_t when = dlq_letter_when(letter);

	/* one that names nobody's consumer would be nobody's, and open for ever */
	if (words->consumer && letter->format == DLQ_FORMAT_ONCED &&
		!slice_is_null(letter->consumer) &&
		!slice_equal_str(letter->consumer, words->consumer)) {
		return false;
	}
	return (!words->reason || is_one_of(letter->reason, words->reason)) &&
		(!words->code || is_one_of(letter->code, words->code)) &&
		when >= filter->since_ms && when <= filter->until_ms &&
		(!words->key || slice_equal_str(letter->record->key, words->key)) &&
		(!words->position || matches_position(filter, letter)) &&
		(!words->event_id || matches_id(words->event_id, letter)) &&
		(!words->where || matches_where(filter, letter->record->value));
}
