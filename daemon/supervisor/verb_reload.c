/*
 * verb_reload - reload, how far it got, and what it would change
 *
 * Runs in: supervisor.
 */
#include <errno.h>

#include "supervisor/state.h"
#include "supervisor/verbs.h"

#include "supervisor/poison.h"

void verb_reload(struct call *call)
{
	struct supervisor *supervisor = call->context;
	struct err err = ERR_INIT;
	char who[PAUSE_WHO_MAX];
	int r;

	verb_who(call, who);
	r = reload_begin(supervisor, who, &err);
	if (r < 0) {
		call_refuse(call, r == -EBUSY ? 409 : 503, "try again in a moment", "%s", err.text);
		return;
	}
	call_answer(call, 202, reload_json(supervisor));
}

void verb_reload_show(struct call *call)
{
	call_answer(call, 200, reload_json(call->context));
}

void verb_reload_preview(struct call *call)
{
	call_answer(call, 200, reload_preview_json(call->context));
}
