#include "dlq_letter.h"

#include <stddef.h>
#include <string.h>

#include "base/buffer.h"
#include "event/scan.h"
#include "when.h"

enum field_kind { FIELD_TEXT, FIELD_DECIMAL, FIELD_TIME, FIELD_INT32, FIELD_INT64 };

struct field {
	const char *name;
	enum field_kind kind;
	size_t at; /* of a slice, or an int64_t, in struct dlq_letter */
};

#define FIELD(header, kind, member)                                                                \
	{                                                                                          \
		header, kind, offsetof(struct dlq_letter, member)                                  \
	}

static const struct field onced_fields[] = {
	FIELD("onced-reason", FIELD_TEXT, reason),
	FIELD("onced-code", FIELD_TEXT, code),
	FIELD("onced-error", FIELD_TEXT, error),
	FIELD("onced-attempts", FIELD_DECIMAL, attempts),
	FIELD("onced-first-failure", FIELD_TIME, first_failure_ms),
	FIELD("onced-last-failure", FIELD_TIME, last_failure_ms),
	FIELD("onced-topic", FIELD_TEXT, topic),
	FIELD("onced-partition", FIELD_DECIMAL, partition),
	FIELD("onced-offset", FIELD_DECIMAL, offset),
	FIELD("onced-timestamp", FIELD_DECIMAL, timestamp_ms),
	FIELD("onced-consumer", FIELD_TEXT, consumer),
	FIELD("onced-handler", FIELD_TEXT, handler),
	FIELD("onced-event-id", FIELD_TEXT, event_id),
	FIELD("onced-host", FIELD_TEXT, host),
	FIELD("onced-oversized", FIELD_TEXT, oversized),
	FIELD("onced-replay", FIELD_TEXT, replay),
	{ 0 },
};

/* Spring appends its headers at each failure: the last ones are about this one. */
static const struct field spring_fields[] = {
	FIELD("kafka_dlt-exception-fqcn", FIELD_TEXT, reason),
	FIELD("kafka_dlt-exception-cause-fqcn", FIELD_TEXT, code),
	FIELD("kafka_dlt-exception-message", FIELD_TEXT, error),
	FIELD("kafka_dlt-original-topic", FIELD_TEXT, topic),
	FIELD("kafka_dlt-original-partition", FIELD_INT32, partition),
	FIELD("kafka_dlt-original-offset", FIELD_INT64, offset),
	FIELD("kafka_dlt-original-timestamp", FIELD_INT64, timestamp_ms),
	FIELD("kafka_dlt-original-consumer-group", FIELD_TEXT, handler),
	FIELD("onced-replay", FIELD_TEXT, replay),
	{ 0 },
};

static const struct field connect_fields[] = {
	FIELD("__connect.errors.exception.class.name", FIELD_TEXT, reason),
	FIELD("__connect.errors.stage", FIELD_TEXT, code),
	FIELD("__connect.errors.exception.message", FIELD_TEXT, error),
	FIELD("__connect.errors.topic", FIELD_TEXT, topic),
	FIELD("__connect.errors.partition", FIELD_DECIMAL, partition),
	FIELD("__connect.errors.offset", FIELD_DECIMAL, offset),
	FIELD("__connect.errors.connector.name", FIELD_TEXT, handler),
	FIELD("onced-replay", FIELD_TEXT, replay),
	{ 0 },
};

static const struct field plain_fields[] = {
	FIELD("x-error", FIELD_TEXT, error),
	FIELD("x-original-topic", FIELD_TEXT, topic),
	FIELD("x-original-partition", FIELD_DECIMAL, partition),
	FIELD("x-original-offset", FIELD_DECIMAL, offset),
	FIELD("onced-replay", FIELD_TEXT, replay),
	{ 0 },
};

static const struct field unknown_fields[] = {
	FIELD("onced-replay", FIELD_TEXT, replay),
	{ 0 },
};

static const struct format {
	const char *name;
	const char *sign; /* the header by which it is known */
	const char *prefix; /* of all the headers it adds */
	const struct field *fields;
} formats[] = {
	[DLQ_FORMAT_ONCED] = { "onced", "onced-reason", "onced-", onced_fields },
	[DLQ_FORMAT_SPRING] = { "spring", "kafka_dlt-original-topic", "kafka_dlt-", spring_fields },
	[DLQ_FORMAT_CONNECT] = { "connect", "__connect.errors.topic", "__connect.errors.",
		connect_fields },
	[DLQ_FORMAT_PLAIN] = { "plain", "x-original-topic", NULL, plain_fields },
	[DLQ_FORMAT_UNKNOWN] = { "unknown", NULL, NULL, unknown_fields },
};

const char *dlq_format_name(enum dlq_format format)
{
	return formats[format].name;
}

/* -1 when there is none. */
static ptrdiff_t find_header(const struct kafka_reader_record *record, const char *name)
{
	for (size_t i = 0; i < record->header_count; i++) {
		if (slice_equal_str(record->headers[i].name, name)) {
			return (ptrdiff_t)i;
		}
	}
	return -1;
}

static enum dlq_format find_format(const struct kafka_reader_record *record)
{
	for (int format = 0; format < DLQ_FORMAT_UNKNOWN; format++) {
		if (find_header(record, formats[format].sign) >= 0) {
			return (enum dlq_format)format;
		}
	}
	return DLQ_FORMAT_UNKNOWN;
}

static bool read_decimal(struct slice text, int64_t *ret)
{
	int64_t value = 0;

	if (text.len == 0 || text.len > 19) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		int digit = text.data[i] - '0';

		if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, digit, &value)) {
			return false;
		}
	}
	*ret = value;
	return true;
}

static bool read_big_endian(struct slice bytes, size_t size, int64_t *ret)
{
	uint64_t value = 0;

	if (bytes.len != size) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		value = value << 8 | (unsigned char)bytes.data[i];
	}
	if (value > (size == sizeof(int32_t) ? INT32_MAX : INT64_MAX)) {
		return false; /* no position, no time is negative */
	}
	*ret = (int64_t)value;
	return true;
}

static bool read_time(struct slice text, int64_t *ret_ms)
{
	char copy[64];

	if (text.len >= sizeof(copy)) {
		return false;
	}
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return strlen(copy) == text.len && strchr(copy, 'T') && when_parse(copy, 0, ret_ms) == 0;
}

static bool read_field(const struct field *field, struct slice value, struct dlq_letter *letter)
{
	void *place = (char *)letter + field->at;

	switch (field->kind) {
	case FIELD_TEXT:
		*(struct slice *)place = value;
		return true;
	case FIELD_DECIMAL:
		return read_decimal(value, place);
	case FIELD_TIME:
		return read_time(value, place);
	case FIELD_INT32:
		return read_big_endian(value, sizeof(int32_t), place);
	case FIELD_INT64:
		return read_big_endian(value, sizeof(int64_t), place);
	}
	return false;
}

static void read_header(struct dlq_letter *letter, const struct source_header *header)
{
	for (const struct field *f = formats[letter->format].fields; f->name; f++) {
		if (!slice_equal_str(header->name, f->name) || slice_is_null(header->value)) {
			continue;
		}
		if (!read_field(f, header->value, letter)) {
			letter->fault = f->name;
		}
		return;
	}
}

void dlq_letter_read(const struct kafka_reader_record *record, struct dlq_letter *ret)
{
	*ret = (struct dlq_letter){
		.record = record,
		.format = find_format(record),
		.partition = -1,
		.offset = -1,
		.timestamp_ms = -1,
		.attempts = -1,
		.first_failure_ms = -1,
		.last_failure_ms = -1,
	};
	for (size_t i = 0; i < record->header_count; i++) {
		read_header(ret, &record->headers[i]);
	}
	ret->replay = dlq_replay_read(ret->replay, &ret->replays);
}

int64_t dlq_letter_when(const struct dlq_letter *letter)
{
	return letter->last_failure_ms >= 0 ? letter->last_failure_ms
					    : letter->record->timestamp_ms;
}

/* ---- the event's id, by the default rules ---- */

/* The member event_id, a string or a number. */
static struct slice find_member(struct slice value, char *scratch)
{
	struct path_set *paths = path_set_new();
	struct buffer text = BUFFER_INIT;
	struct slice id = SLICE_NULL;
	struct json_ref ref = { 0 };

	path_set_add(paths, "event_id");
	if (scan_json(paths, value, &ref, NULL) == SCAN_OK &&
		(ref.kind == JSON_KIND_STRING || ref.kind == JSON_KIND_NUMBER)) {
		scan_unescape(ref.text, &text);
	}
	if (text.len > 0 && text.len <= DLQ_EVENT_ID_MAX) {
		memcpy(scratch, text.data, text.len);
		id = slice_from(scratch, text.len);
	}
	buffer_fini(&text);
	path_set_free(paths);
	return id;
}

struct slice dlq_letter_event_id(
	const struct dlq_letter *letter, char scratch[static DLQ_EVENT_ID_MAX])
{
	static const char *const names[] = { "ce_id", "event_id" };

	if (!slice_is_null(letter->event_id) || letter->format == DLQ_FORMAT_ONCED) {
		return letter->event_id;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ptrdiff_t at = find_header(letter->record, names[i]);

		if (at >= 0 && letter->record->headers[at].value.len > 0) {
			return letter->record->headers[at].value;
		}
	}
	return find_member(letter->record->value, scratch);
}

/* ---- whose a header is ---- */

static bool begins_with(struct slice text, const char *prefix)
{
	return text.len >= strlen(prefix) && memcmp(text.data, prefix, strlen(prefix)) == 0;
}

static bool is_plain(struct slice name)
{
	for (const struct field *f = plain_fields; f->name; f++) {
		if (slice_equal_str(name, f->name)) {
			return true;
		}
	}
	return false;
}

static bool is_behind_own(const struct kafka_reader_record *record, size_t i)
{
	while (i-- > 0) {
		if (begins_with(record->headers[i].name, formats[DLQ_FORMAT_ONCED].prefix)) {
			return true;
		}
	}
	return false;
}

bool dlq_letter_adds(const struct dlq_letter *letter, size_t i)
{
	struct slice name = letter->record->headers[i].name;

	if (begins_with(name, formats[DLQ_FORMAT_ONCED].prefix)) {
		return true;
	}
	switch (letter->format) {
	case DLQ_FORMAT_ONCED:
		/* dlq.headers = plain: behind ours; in front of them they are the record's own */
		return is_plain(name) && is_behind_own(letter->record, i);
	case DLQ_FORMAT_PLAIN:
		return is_plain(name);
	case DLQ_FORMAT_SPRING:
	case DLQ_FORMAT_CONNECT:
		return begins_with(name, formats[letter->format].prefix);
	case DLQ_FORMAT_UNKNOWN:
		break;
	}
	return false;
}

struct slice dlq_replay_read(struct slice value, int64_t *ret_count)
{
	static const char middle[] = " n=";
	const char *at =
		value.len > 0 ? memmem(value.data, value.len, middle, strlen(middle)) : NULL;
	struct slice count;

	*ret_count = 0;
	if (!at) {
		return SLICE_NULL;
	}
	count = slice_from(
		at + strlen(middle), (size_t)(value.data + value.len - at) - strlen(middle));
	if (!read_decimal(count, ret_count)) {
		return SLICE_NULL;
	}
	return slice_from(value.data, (size_t)(at - value.data));
}
