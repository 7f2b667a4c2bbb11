/*
 * template_use - templates of a handler's parameters: read, asked for, and their fields filled in
 *
 * Runs in: worker; reading in the probe, too.
 */
#pragma once

#include "field_bind.h"
#include "template.h"

/*
 * Parse the value of parameter `name`. 0, or -1 after onced_setup_fail(); template_fini() in both
 * cases.
 */
int template_of_param(
	struct onced_setup *setup, const char *name, const char *text, struct template *ret);

/* Ask for the paths of its fields; in open(). 0, or -1 with the reason set. */
int template_need_paths(struct onced_setup *setup, struct template *template);

/*
 * The text of a piece that is a field: null only where the template says that it may be absent. 0;
 * -1 with the outcome set to REJECT, as by field_bind(), or "missing" for a null. The text lives as
 * long as `binding` and the event.
 */
int template_bind(const struct template_piece *piece, const struct onced_event *event,
	struct field_binding *binding, struct onced_outcome *outcome);
