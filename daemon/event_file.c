/*
 * event_file - records from a file instead of Kafka, one JSON object a line
 */
#include "event_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "event/scan.h"

/* Members of a line that describes a record; the order is that of the paths. */
enum { KEY, VALUE, HEADERS, TOPIC, PARTITION, OFFSET, TIMESTAMP, WHOLE, PATHS };

static const char *const names[PATHS] = { "key", "value", "headers", "topic", "partition", "offset",
	"timestamp", "" };

int event_file_open(struct event_file *file, const char *path, struct err *err)
{
	*file = (struct event_file){ .path = path,
		.file = fopen(path, "re"),
		.paths = path_set_new(),
		.arena = ARENA_INIT };
	for (int i = 0; i < PATHS; i++) {
		path_set_add(file->paths, names[i]);
	}
	if (!file->file) {
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	}
	return 0;
}

void event_file_close(struct event_file *file)
{
	if (file->file) {
		fclose(file->file);
	}
	free(file->text);
	path_set_free(file->paths);
	arena_fini(&file->arena);
}

static int refuse(const struct event_file *file, const char *what, struct err *err)
{
	return err_set(err, -EINVAL, "%s:%u: %s", file->path, file->line, what);
}

/* ---- members ---- */

/* A string's bytes, any other value's JSON text, nothing for null and absent. */
static struct slice bytes_of(struct event_file *file, const struct json_ref *ref)
{
	struct buffer text = BUFFER_INIT;
	struct slice bytes;

	if (ref->kind == JSON_KIND_ABSENT || ref->kind == JSON_KIND_NULL) {
		return SLICE_NULL;
	}
	if (!ref->has_escapes) {
		return ref->text;
	}
	scan_unescape(ref->text, &text);
	bytes = arena_copy(&file->arena, slice_from(text.data, text.len));
	buffer_fini(&text);
	return bytes;
}

static int number_of(const struct event_file *file, const struct json_ref *refs, int which,
	int64_t max, int64_t *number, struct err *err)
{
	const struct json_ref *ref = &refs[which];
	char text[32], what[96], *end = text;
	int64_t value;

	if (ref->kind == JSON_KIND_ABSENT || ref->kind == JSON_KIND_NULL) {
		return 0;
	}
	snprintf(text, sizeof(text), "%.*s", (int)ref->text.len, ref->text.data);
	errno = 0;
	value = strtoll(text, &end, 10);
	if (ref->kind != JSON_KIND_NUMBER || errno || *end || value < 0 || value > max) {
		snprintf(what, sizeof(what), "%s must be a whole number from 0 to %" PRId64,
			names[which], max);
		return refuse(file, what, err);
	}
	*number = value;
	return 0;
}

static int topic_of(
	struct event_file *file, const struct json_ref *ref, const char **topic, struct err *err)
{
	struct slice bytes;

	if (ref->kind == JSON_KIND_ABSENT || ref->kind == JSON_KIND_NULL) {
		return 0;
	}
	if (ref->kind != JSON_KIND_STRING || ref->text.len == 0) {
		return refuse(file, "topic must be a string", err);
	}
	bytes = bytes_of(file, ref);
	*topic = arena_printf(&file->arena, "%.*s", (int)bytes.len, bytes.data);
	return 0;
}

static int add_headers(
	struct event_file *file, json_t *headers, struct event_line *line, struct err *err)
{
	const char *name;
	json_t *value;

	line->headers =
		arena_alloc(&file->arena, (json_object_size(headers) + 1) * sizeof(*line->headers));
	json_object_foreach(headers, name, value)
	{
		struct source_header *header = &line->headers[line->header_count++];

		if (!json_is_string(value) && !json_is_null(value)) {
			return refuse(file, "each of headers must be a string or null", err);
		}
		header->name = arena_copy(&file->arena, slice_from_str(name));
		header->value = SLICE_NULL;
		if (json_is_string(value)) {
			header->value = arena_copy(&file->arena,
				slice_from(json_string_value(value), json_string_length(value)));
		}
	}
	return 0;
}

static int headers_of(struct event_file *file, const struct json_ref *ref, struct event_line *line,
	struct err *err)
{
	json_t *headers;
	int r;

	if (ref->kind == JSON_KIND_ABSENT || ref->kind == JSON_KIND_NULL) {
		return 0;
	}
	if (ref->kind != JSON_KIND_OBJECT) {
		return refuse(file, "headers must be an object", err);
	}
	headers = json_loadb(ref->text.data, ref->text.len, JSON_ALLOW_NUL, NULL);
	if (!headers) {
		return refuse(file, "headers cannot be read", err);
	}
	r = add_headers(file, headers, line, err);
	json_decref(headers);
	return r;
}

static int describe(struct event_file *file, const struct json_ref *refs, struct event_line *line,
	struct err *err)
{
	int64_t partition = 0;
	int r = number_of(file, refs, PARTITION, INT32_MAX, &partition, err);

	line->partition = (int32_t)partition;
	r = r ? r : number_of(file, refs, OFFSET, INT64_MAX, &line->offset, err);
	r = r ? r : number_of(file, refs, TIMESTAMP, INT64_MAX, &line->timestamp_ms, err);
	r = r ? r : topic_of(file, &refs[TOPIC], &line->topic, err);
	r = r ? r : headers_of(file, &refs[HEADERS], line, err);
	line->key = bytes_of(file, &refs[KEY]);
	line->value = bytes_of(file, &refs[VALUE]);
	return r;
}

/* ---- lines ---- */

static int read_line(
	struct event_file *file, struct slice text, struct event_line *ret, struct err *err)
{
	struct json_ref refs[PATHS];
	enum scan_result result;
	char what[160];
	size_t offset = 0;

	arena_reset(&file->arena);
	*ret = (struct event_line){ .number = file->line, .offset = -1, .timestamp_ms = -1 };
	result = scan_json(file->paths, text, refs, &offset);
	if (result != SCAN_OK) {
		snprintf(what, sizeof(what), "the line %s (byte %zu)", scan_result_text(result),
			offset);
		return refuse(file, what, err);
	}
	if (refs[WHOLE].kind != JSON_KIND_OBJECT) {
		return refuse(file, "the line is no JSON object", err);
	}
	if (refs[VALUE].kind != JSON_KIND_ABSENT) {
		return describe(file, refs, ret, err);
	}
	ret->value = text;
	return 0;
}

int event_file_next(struct event_file *file, struct event_line *ret, struct err *err)
{
	ssize_t len;

	errno = 0;
	while ((len = getline(&file->text, &file->capacity, file->file)) >= 0) {
		file->line++;
		while (len > 0 && strchr(" \t\r\n", file->text[len - 1])) {
			len--;
		}
		if (len > 0) {
			return read_line(file, slice_from(file->text, (size_t)len), ret, err);
		}
	}
	if (ferror(file->file)) {
		return err_set(err, -EIO, "%s: %s", file->path, strerror(errno));
	}
	return 1;
}
