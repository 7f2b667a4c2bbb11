#include "worker/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "worker/event.h"

int filter_init(struct filter *filter, const struct config_filter *config, struct path_set *paths,
	struct err *err)
{
	*filter = (struct filter){ .conditions = config->conditions, .count = config->count };
	filter->paths = xcalloc(config->count + 1, sizeof(*filter->paths));
	for (size_t i = 0; i < config->count; i++) {
		const struct config_condition *condition = &config->conditions[i];

		filter->paths[i] = -1;
		filter->wants_headers |= condition->field == CONFIG_FIELD_HEADER;
		if (condition->field != CONFIG_FIELD_JSON) {
			continue;
		}
		filter->paths[i] = path_set_add(paths, condition->name);
		if (filter->paths[i] < 0) {
			return err_set(err, -EINVAL, "filter: json:%s is not a JSON path",
				condition->name);
		}
	}
	return 0;
}

void filter_fini(struct filter *filter)
{
	free(filter->paths);
	*filter = (struct filter){ 0 };
}

/* ---- one condition ---- */

/* What was found where a condition looks. */
struct finding {
	bool is_present, is_listed;
};

static bool is_listed(const struct config_strings *values, struct slice text)
{
	for (size_t i = 0; i < values->count; i++) {
		if (slice_equal(text, slice_from_str(values->items[i]))) {
			return true;
		}
	}
	return false;
}

static struct finding find_in_key(
	const struct config_condition *condition, const struct onced_event *event)
{
	struct slice key = event->record->key;

	return (struct finding){ !slice_is_null(key),
		!slice_is_null(key) && is_listed(&condition->values, key) };
}

static struct finding find_in_headers(
	const struct config_condition *condition, const struct source_header *headers, int count)
{
	struct slice name = slice_from_str(condition->name);
	struct finding found = { false, false };

	for (int i = 0; i < count; i++) {
		if (!slice_equal(headers[i].name, name) || slice_is_null(headers[i].value)) {
			continue;
		}
		found.is_present = true;
		found.is_listed |= is_listed(&condition->values, headers[i].value);
	}
	return found;
}

static struct finding find_in_json(
	const struct config_condition *condition, struct onced_event *event, int path)
{
	const struct json_ref *ref = &event->refs[path];
	struct finding found = { true, false };
	struct buffer text = BUFFER_INIT;

	switch (ref->kind) {
	case JSON_KIND_ABSENT:
	case JSON_KIND_NULL:
		found.is_present = false;
		break;
	case JSON_KIND_OBJECT:
	case JSON_KIND_ARRAY:
		break;
	default:
		if (!ref->has_escapes) {
			found.is_listed = is_listed(&condition->values, ref->text);
			break;
		}
		scan_unescape(ref->text, &text);
		found.is_listed = is_listed(&condition->values, slice_from(text.data, text.len));
		buffer_fini(&text);
	}
	return found;
}

static bool holds(enum config_relation relation, struct finding found)
{
	switch (relation) {
	case CONFIG_IS:
		return found.is_listed;
	case CONFIG_IS_NOT:
		return !found.is_listed;
	case CONFIG_IS_PRESENT:
		return found.is_present;
	case CONFIG_IS_ABSENT:
		return !found.is_present;
	}
	return false;
}

/* ---- all ---- */

bool filter_passes(const struct filter *filter, struct onced_event *event, bool is_scanned)
{
	const struct source_header *headers = NULL;
	int header_count = filter->wants_headers ? record_headers(event->record, &headers) : 0;

	for (size_t i = 0; i < filter->count; i++) {
		const struct config_condition *condition = &filter->conditions[i];
		struct finding found;

		if (condition->field == CONFIG_FIELD_KEY) {
			found = find_in_key(condition, event);
		} else if (condition->field == CONFIG_FIELD_HEADER) {
			/* headers that cannot be parsed: undecodable too */
			if (header_count < 0) {
				continue;
			}
			found = find_in_headers(condition, headers, header_count);
		} else if (is_scanned) {
			found = find_in_json(condition, event, filter->paths[i]);
		} else {
			continue;
		}
		if (!holds(condition->relation, found)) {
			return false;
		}
	}
	return true;
}
