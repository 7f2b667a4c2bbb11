#include "dlq_line.h"

#include <errno.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base64.h"
#include "dlq_json.h"

void dlq_line_write(const char *topic, const struct kafka_reader_record *record, struct buffer *out)
{
	_cleanup_(dlq_json_freep) json_t *json = dlq_json_record(topic, record);
	_cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);

	buffer_append_str(out, text);
	buffer_append_char(out, '\n');
}

static int bytes_from_json(const json_t *json, const char *what, struct arena *arena,
	struct slice *ret, struct err *err)
{
	const json_t *base64 = json_object_get(json, "base64");
	struct slice text;
	char *bytes;

	*ret = SLICE_NULL;
	if (!json || json_is_null(json)) {
		return 0;
	}
	if (json_is_string(json)) {
		*ret = arena_copy(
			arena, slice_from(json_string_value(json), json_string_length(json)));
		return 0;
	}
	if (!json_is_string(base64)) {
		return err_set(err, -EINVAL,
			"`%s` is neither a string, nor {\"base64\": …}, nor null", what);
	}
	text = slice_from(json_string_value(base64), json_string_length(base64));
	bytes = arena_alloc(arena, text.len + 1);
	ret->data = bytes;
	if (base64_read(text, bytes, &ret->len) < 0) {
		return err_set(err, -EINVAL, "`%s` is not base64", what);
	}
	return 0;
}

static int header_from_json(
	const json_t *json, struct arena *arena, struct source_header *ret, struct err *err)
{
	if (json_array_size(json) != 2) {
		return err_set(err, -EINVAL, "a header is not [name, value]");
	}
	if (bytes_from_json(json_array_get(json, 0), "header name", arena, &ret->name, err) < 0) {
		return -EINVAL;
	}
	if (slice_is_null(ret->name)) {
		return err_set(err, -EINVAL, "a header has no name");
	}
	return bytes_from_json(json_array_get(json, 1), "header value", arena, &ret->value, err);
}

static int headers_from_json(
	const json_t *json, struct arena *arena, struct kafka_reader_record *ret, struct err *err)
{
	struct source_header *headers =
		arena_alloc(arena, (json_array_size(json) + 1) * sizeof(*headers));

	if (json && !json_is_array(json)) {
		return err_set(err, -EINVAL, "`headers` is not an array");
	}
	ret->headers = headers;
	for (; ret->header_count < json_array_size(json); ret->header_count++) {
		if (header_from_json(json_array_get(json, ret->header_count), arena,
			    &headers[ret->header_count], err) < 0) {
			return -EINVAL;
		}
	}
	return 0;
}

static int number_from_json(
	const json_t *object, const char *name, int64_t max, int64_t *ret, struct err *err)
{
	const json_t *json = json_object_get(object, name);

	*ret = json_is_integer(json) ? json_integer_value(json) : -1;
	if ((json && !json_is_integer(json)) || *ret < -1 || *ret > max) {
		return err_set(
			err, -EINVAL, "`%s` is not a number from 0 to %lld", name, (long long)max);
	}
	return 0;
}

int dlq_line_read(
	struct slice line, struct arena *arena, struct kafka_reader_record *ret, struct err *err)
{
	json_error_t error;
	_cleanup_(dlq_json_freep) json_t *json =
		json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	int64_t partition;
	int r;

	*ret = (struct kafka_reader_record){ 0 };
	if (!json_is_object(json)) {
		return err_set(err, -EINVAL, "not a JSON object%s%s", json ? "" : ": ",
			json ? "" : error.text);
	}
	if (!json_object_get(json, "value")) {
		return err_set(err, -EINVAL, "no `value`; is this an exported dead letter?");
	}
	r = number_from_json(json, "partition", INT32_MAX, &partition, err);
	ret->partition = (int32_t)partition;
	r = r < 0 ? r : number_from_json(json, "offset", INT64_MAX, &ret->offset, err);
	r = r < 0 ? r : number_from_json(json, "timestamp", INT64_MAX, &ret->timestamp_ms, err);
	r = r < 0 ? r : bytes_from_json(json_object_get(json, "key"), "key", arena, &ret->key, err);
	r = r < 0
		? r
		: bytes_from_json(json_object_get(json, "value"), "value", arena, &ret->value, err);
	return r < 0 ? r : headers_from_json(json_object_get(json, "headers"), arena, ret, err);
}
