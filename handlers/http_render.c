/*
 * http_render - templates with the values of one event put in
 *
 * Runs in: worker, lane threads.
 */
#include "http_render.h"

#include <string.h>

#include "http_text.h"
#include "http_url.h"
#include "template_use.h"

/* An empty value would make another resource of the path: DELETE /orders/ for /orders/17. */
static int check_segment(const struct template_piece *piece, const struct field_binding *binding,
	struct onced_outcome *outcome)
{
	if (binding->value.text.len > 0 || piece->field.is_optional) {
		return 0;
	}
	onced_outcome_set(outcome, ONCED_REJECT, "url",
		"parameter %s is empty, and would make another path of the URL",
		piece->field.written);
	return -1;
}

int http_render_path(const struct template *template, const struct onced_event *event,
	struct compose *text, struct onced_outcome *outcome)
{
	bool is_query = false;

	for (size_t i = 0; i < template->piece_count; i++) {
		const struct template_piece *piece = &template->pieces[i];
		struct field_binding binding;

		if (piece->literal) {
			compose_literal(text, piece->literal);
			is_query |= strchr(piece->literal, '?') != NULL;
			continue;
		}
		if (template_bind(piece, event, &binding, outcome) < 0 ||
			(!is_query && check_segment(piece, &binding, outcome) < 0)) {
			return -1;
		}
		http_text_put_for_url(text, binding.value.text);
	}
	if (http_url_has_dots(compose_str(text))) {
		onced_outcome_set(outcome, ONCED_REJECT, "url",
			"a value makes . or .. of a part of the path, which would lead elsewhere");
		return -1;
	}
	return 0;
}

/* A tab is white space in a header; all other control characters end it, or more. */
static bool has_control(struct onced_bytes bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.data[i];

		if ((c < ' ' && c != '\t') || c == 0x7f) {
			return true;
		}
	}
	return false;
}

int http_render_header(const char *name, const struct template *template,
	const struct onced_event *event, struct compose *text, struct onced_outcome *outcome)
{
	for (size_t i = 0; i < template->piece_count; i++) {
		const struct template_piece *piece = &template->pieces[i];
		struct field_binding binding;

		if (piece->literal) {
			compose_literal(text, piece->literal);
			continue;
		}
		if (template_bind(piece, event, &binding, outcome) < 0) {
			return -1;
		}
		if (has_control(binding.value.text)) {
			onced_outcome_set(outcome, ONCED_REJECT, "header",
				"parameter %s has a line break or another control character in it, "
				"which the header %s cannot hold",
				piece->field.written, name);
			return -1;
		}
		compose_append(text, binding.value.text.data, binding.value.text.len);
	}
	return 0;
}
