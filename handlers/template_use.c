#include "template_use.h"

int template_of_param(
	struct onced_setup *setup, const char *name, const char *text, struct template *ret)
{
	struct field_error error;

	if (template_parse(text, ret, &error) < 0) {
		return onced_setup_fail(setup, "%s, line %u, column %u: %s", name, error.line,
			error.column, error.text);
	}
	return 0;
}

int template_need_paths(struct onced_setup *setup, struct template *template)
{
	for (size_t i = 0; i < template->piece_count; i++) {
		struct template_piece *piece = &template->pieces[i];

		if (piece->literal || piece->field.root != FIELD_PATH) {
			continue;
		}
		piece->path = onced_need_path(setup, piece->field.name);
		if (piece->path < 0) {
			return -1;
		}
	}
	return 0;
}

int template_bind(const struct template_piece *piece, const struct onced_event *event,
	struct field_binding *binding, struct onced_outcome *outcome)
{
	if (field_bind(event, &piece->field, piece->path, false, binding, outcome) < 0) {
		return -1;
	}
	if (binding->value.kind == ONCED_VALUE_NULL && !piece->field.is_optional) {
		onced_outcome_set(outcome, ONCED_REJECT, "missing",
			"parameter %s is null in the event", piece->field.written);
		return -1;
	}
	return 0;
}
