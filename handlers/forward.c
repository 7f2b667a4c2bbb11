/*
 * forward - a handler that writes each event to another topic
 *
 * Runs in: worker, runners. One state a runner. The record is written as it came, but for what is
 * configured; onced's own headers stay behind: they say how this record fared here, and mean
 * nothing there. The event is done when all in-sync replicas have the copy.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builtins.h"
#include "compose.h"
#include "no_memory.h"
#include "template_use.h"

#define HEADERS_PREFIX "headers."
#define OWN_PREFIX "onced-"
enum { HEADERS_PREFIX_LEN = sizeof(HEADERS_PREFIX) - 1 };
enum { OWN_PREFIX_LEN = sizeof(OWN_PREFIX) - 1 };

static const struct onced_param_spec forward_params[] = {
	{
		.name = "topic",
		.help = "Where each event is written: the name of one topic. It must not be one "
			"that "
			"leads back here",
		.is_required = true,
	},
	{
		.name = "key",
		.help = "The key; may hold values of the event: {payload.customer_id}. Without it "
			"the record's own, byte for byte",
	},
	{
		.name = "value",
		.help = "The value; may hold values of the event: {payload}. Without it the "
			"record's own, byte for byte",
	},
	{
		.name = "headers.*",
		.help = "A header; may hold values of the event: {event_id}. It takes the place of "
			"all of that name. The record's other headers go along, but for those "
			"named "
			"onced-...",
	},
	{
		.name = "partition",
		.help = "`key`: the key decides, as it does in Java clients; `same`: the number of "
			"the partition the record comes from",
		.default_value = "key",
	},
	{ .name = NULL },
};

/* A text of the configuration, and what an event made of it. */
struct part {
	const char *name; /* of a header; borrowed from the setup's parameter */
	bool is_given;
	struct template template;
	struct compose text;
};

struct forward {
	int topic;
	bool is_same_partition;
	struct part key, value;
	struct part *headers;
	size_t header_count;
	/* of the record under way */
	struct onced_header *made;
	size_t made_count, made_capacity;
};

/* ---- settings ---- */

static int read_part(
	struct onced_setup *setup, const char *name, const char *text, struct part *part)
{
	if (!text) {
		return 0;
	}
	part->is_given = true;
	return template_of_param(setup, name, text, &part->template);
}

static int read_partition(struct onced_setup *setup, struct forward *forward)
{
	const char *word = onced_setup_param(setup, "partition");

	forward->is_same_partition = strcmp(word, "same") == 0;
	if (!forward->is_same_partition && strcmp(word, "key") != 0) {
		return onced_setup_fail(setup, "partition: `%s` is neither key nor same", word);
	}
	return 0;
}

static int add_header(
	struct onced_setup *setup, struct forward *forward, const struct onced_param *param)
{
	const char *name = param->name + HEADERS_PREFIX_LEN;
	struct part *headers;

	if (strncmp(name, OWN_PREFIX, OWN_PREFIX_LEN) == 0) {
		return onced_setup_fail(setup,
			HEADERS_PREFIX "%.60s cannot be set: headers named " OWN_PREFIX
				       "... are onced's own",
			name);
	}
	headers = realloc(forward->headers, (forward->header_count + 1) * sizeof(*headers));
	if (!headers) {
		return onced_setup_fail(setup, "out of memory");
	}
	forward->headers = headers;
	headers[forward->header_count] = (struct part){ .name = name };
	return read_part(setup, param->name, param->value, &headers[forward->header_count++]);
}

static int read_headers(struct onced_setup *setup, struct forward *forward)
{
	struct onced_param param;

	for (size_t i = 0; onced_setup_param_at(setup, i, &param); i++) {
		if (strncmp(param.name, HEADERS_PREFIX, HEADERS_PREFIX_LEN) == 0 &&
			add_header(setup, forward, &param) < 0) {
			return -1;
		}
	}
	return 0;
}

static int read_settings(struct onced_setup *setup, struct forward *forward)
{
	if (!onced_setup_param(setup, "topic")) {
		return onced_setup_fail(setup, "topic is required");
	}
	if (read_part(setup, "key", onced_setup_param(setup, "key"), &forward->key) < 0 ||
		read_part(setup, "value", onced_setup_param(setup, "value"), &forward->value) < 0 ||
		read_headers(setup, forward) < 0) {
		return -1;
	}
	return read_partition(setup, forward);
}

static void part_fini(struct part *part)
{
	template_fini(&part->template);
	compose_fini(&part->text);
}

static void forward_fini(struct forward *forward)
{
	part_fini(&forward->key);
	part_fini(&forward->value);
	for (size_t i = 0; i < forward->header_count; i++) {
		part_fini(&forward->headers[i]);
	}
	free(forward->headers);
	free(forward->made);
}

static int forward_check(struct onced_setup *setup)
{
	struct forward forward = { .topic = -1 };
	int r = read_settings(setup, &forward);

	forward_fini(&forward);
	return r;
}

static void forward_close(void *data)
{
	if (data) {
		forward_fini(data);
		free(data);
	}
}

static int need_paths(struct onced_setup *setup, struct forward *forward)
{
	int r = template_need_paths(setup, &forward->key.template);

	r = r < 0 ? r : template_need_paths(setup, &forward->value.template);
	for (size_t i = 0; r == 0 && i < forward->header_count; i++) {
		r = template_need_paths(setup, &forward->headers[i].template);
	}
	return r;
}

static int forward_open(struct onced_setup *setup, void **ret_state)
{
	struct forward *forward = calloc(1, sizeof(*forward));

	if (!forward) {
		(void)onced_setup_fail(setup, "out of memory");
		return -ENOMEM;
	}
	*ret_state = forward;
	if (read_settings(setup, forward) < 0 || need_paths(setup, forward) < 0) {
		return -1;
	}
	forward->topic = onced_need_topic(setup, onced_setup_param(setup, "topic"));
	return forward->topic < 0 ? -1 : 0;
}

/* ---- one event ---- */

/* Bytes that need not be text where nothing else stands beside them; false: no such field. */
static bool find_bytes(
	const struct field *field, const struct onced_event *event, struct onced_bytes *ret)
{
	*ret = (struct onced_bytes){ NULL, 0 };
	switch (field->root) {
	case FIELD_KEY:
		*ret = onced_event_key(event);
		return true;
	case FIELD_VALUE:
		*ret = onced_event_value(event);
		return true;
	case FIELD_HEADER:
		(void)onced_event_header(event, field->name, ret);
		return true;
	default:
		return false;
	}
}

/* A field alone: exact, and null where it may be. */
static int fill_alone(struct part *part, const struct onced_event *event, struct onced_bytes *ret,
	struct onced_outcome *outcome)
{
	const struct template_piece *piece = &part->template.pieces[0];
	struct field_binding binding;

	if (find_bytes(&piece->field, event, ret) && (ret->data || piece->field.is_optional)) {
		return 0;
	}
	if (template_bind(piece, event, &binding, outcome) < 0) {
		return -1;
	}
	*ret = (struct onced_bytes){ NULL, 0 };
	if (binding.value.kind != ONCED_VALUE_NULL) {
		compose_clear(&part->text);
		compose_append(&part->text, binding.value.text.data, binding.value.text.len);
		*ret = (struct onced_bytes){ compose_str(&part->text), part->text.len };
	}
	return 0;
}

static int fill(struct part *part, const struct onced_event *event, struct onced_bytes *ret,
	struct onced_outcome *outcome)
{
	const struct template *template = &part->template;

	if (template->piece_count == 1 && !template->pieces[0].literal) {
		return fill_alone(part, event, ret, outcome);
	}
	compose_clear(&part->text);
	for (size_t i = 0; i < template->piece_count; i++) {
		const struct template_piece *piece = &template->pieces[i];
		struct field_binding binding;

		if (piece->literal) {
			compose_literal(&part->text, piece->literal);
			continue;
		}
		if (template_bind(piece, event, &binding, outcome) < 0) {
			return -1;
		}
		compose_append(&part->text, binding.value.text.data, binding.value.text.len);
	}
	*ret = (struct onced_bytes){ compose_str(&part->text), part->text.len };
	return 0;
}

static bool is_own(struct onced_bytes name)
{
	return name.len >= OWN_PREFIX_LEN && memcmp(name.data, OWN_PREFIX, OWN_PREFIX_LEN) == 0;
}

static bool is_replaced(const struct forward *forward, struct onced_bytes name)
{
	for (size_t i = 0; i < forward->header_count; i++) {
		const char *ours = forward->headers[i].name;
		if (strlen(ours) == name.len && memcmp(ours, name.data, name.len) == 0) {
			return true;
		}
	}
	return false;
}

static void make_room(struct forward *forward, size_t count)
{
	if (count <= forward->made_capacity) {
		return;
	}
	forward->made_capacity = 2 * count;
	free(forward->made);
	forward->made = malloc(forward->made_capacity * sizeof(*forward->made));
	if (!forward->made) {
		no_memory(forward->made_capacity * sizeof(*forward->made));
	}
}

/* The record's headers in their order, behind them ours; one that came to null is left out. */
static int make_headers(
	struct forward *forward, const struct onced_event *event, struct onced_outcome *outcome)
{
	struct onced_header header;

	make_room(forward, onced_event_header_count(event) + forward->header_count);
	forward->made_count = 0;
	for (size_t i = 0; onced_event_header_at(event, i, &header.name, &header.value); i++) {
		if (!is_own(header.name) && !is_replaced(forward, header.name)) {
			forward->made[forward->made_count++] = header;
		}
	}
	for (size_t i = 0; i < forward->header_count; i++) {
		struct part *part = &forward->headers[i];

		if (fill(part, event, &header.value, outcome) < 0) {
			return -1;
		}
		if (header.value.data) {
			header.name = (struct onced_bytes){ part->name, strlen(part->name) };
			forward->made[forward->made_count++] = header;
		}
	}
	return 0;
}

static void forward_handle(
	void *data, const struct onced_event *event, struct onced_outcome *outcome)
{
	struct forward *forward = data;
	struct onced_record record = {
		.partition = forward->is_same_partition ? onced_event_partition(event) : -1,
		.timestamp_ms = onced_event_timestamp_ms(event),
		.key = onced_event_key(event),
		.value = onced_event_value(event),
	};

	if ((forward->key.is_given && fill(&forward->key, event, &record.key, outcome) < 0) ||
		(forward->value.is_given &&
			fill(&forward->value, event, &record.value, outcome) < 0) ||
		make_headers(forward, event, outcome) < 0) {
		return;
	}
	record.headers = forward->made;
	record.header_count = forward->made_count;
	(void)onced_publish(event, forward->topic, &record, outcome);
}

const struct onced_handler forward_handler = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(struct onced_handler),
	.name = "forward",
	.help = "Write each event to another topic of the same cluster.",
	.params = forward_params,
	.effect = ONCED_EFFECT_ELSEWHERE,
	.check = forward_check,
	.open = forward_open,
	.handle = forward_handle,
	.close = forward_close,
};
