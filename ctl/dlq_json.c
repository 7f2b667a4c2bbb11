#include "dlq_json.h"

#include "base/clock.h"
#include "base64.h"
#include "event/utf8.h"

json_t *dlq_json_bytes(struct slice bytes)
{
	struct buffer text = BUFFER_INIT;
	json_t *json;

	if (slice_is_null(bytes)) {
		return json_null();
	}
	if (utf8_is_valid(bytes)) {
		return json_stringn(bytes.data, bytes.len);
	}
	base64_write(bytes, &text);
	json = json_pack("{s:s}", "base64", buffer_str(&text));
	buffer_fini(&text);
	return json;
}

static json_t *headers_json(const struct kafka_reader_record *record)
{
	json_t *headers = json_array();

	for (size_t i = 0; i < record->header_count; i++) {
		json_array_append_new(headers,
			json_pack("[o, o]", dlq_json_bytes(record->headers[i].name),
				dlq_json_bytes(record->headers[i].value)));
	}
	return headers;
}

json_t *dlq_json_record(const char *topic, const struct kafka_reader_record *record)
{
	return json_pack("{s:s, s:i, s:I, s:I, s:o, s:o, s:o}", "topic", topic, "partition",
		(int)record->partition, "offset", (json_int_t)record->offset, "timestamp",
		(json_int_t)record->timestamp_ms, "key", dlq_json_bytes(record->key), "headers",
		headers_json(record), "value", dlq_json_bytes(record->value));
}

static json_t *number_json(int64_t value)
{
	return value < 0 ? json_null() : json_integer(value);
}

static json_t *time_json(int64_t wall_ms)
{
	char text[CLOCK_RFC3339_MAX];

	return wall_ms < 0 ? json_null() : json_string(clock_format_rfc3339(wall_ms, text));
}

json_t *dlq_json_letter(const char *topic, const struct dlq_letter *letter, enum dlq_state state)
{
	const struct kafka_reader_record *record = letter->record;
	char scratch[DLQ_EVENT_ID_MAX];
	json_t *json = json_pack("{s:s, s:i, s:I, s:s, s:s}", "topic", topic, "partition",
		(int)record->partition, "offset", (json_int_t)record->offset, "state",
		dlq_state_name(state), "format", dlq_format_name(letter->format));
	const struct {
		const char *name;
		json_t *value;
	} members[] = {
		{ "failed_at", time_json(dlq_letter_when(letter)) },
		{ "reason", dlq_json_bytes(letter->reason) },
		{ "code", dlq_json_bytes(letter->code) },
		{ "error", dlq_json_bytes(letter->error) },
		{ "event_id", dlq_json_bytes(dlq_letter_event_id(letter, scratch)) },
		{ "from_topic", dlq_json_bytes(letter->topic) },
		{ "from_partition", number_json(letter->partition) },
		{ "from_offset", number_json(letter->offset) },
		{ "from_timestamp", number_json(letter->timestamp_ms) },
		{ "attempts", number_json(letter->attempts) },
		{ "first_failure", time_json(letter->first_failure_ms) },
		{ "consumer", dlq_json_bytes(letter->consumer) },
		{ "handler", dlq_json_bytes(letter->handler) },
		{ "host", dlq_json_bytes(letter->host) },
		{ "replays", json_integer(letter->replays) },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		json_object_set_new(json, members[i].name, members[i].value);
	}
	return json;
}
