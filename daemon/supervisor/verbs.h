/*
 * verbs - what operators can ask for, behind the rows of control.c
 *
 * Runs in: supervisor. Each is called with checked arguments and answers.
 */
#pragma once

#include "supervisor/route.h"
#include "supervisor/tree.h"

/* control.c: all there is to ask; ends with path == NULL */
extern const struct route control_routes[];

/* verb_pause.c */
void verb_pause(struct call *call);
void verb_resume(struct call *call);
void verb_drain(struct call *call);

/* verb_reload.c */
void verb_reload(struct call *call);
void verb_reload_show(struct call *call);
void verb_reload_preview(struct call *call);

/* verb_log_level.c */
void verb_log_level(struct call *call);
void verb_log_level_show(struct call *call);

/* verb_order.c */
void verb_restart(struct call *call);
void verb_retry(struct call *call);
void verb_skip(struct call *call);
void verb_seek(struct call *call);
void verb_seek_note(struct call *call);
void verb_operation(struct call *call);

/* public.c */
void public_front(struct call *call);
void public_metrics(struct call *call);
void public_livez(struct call *call);
void public_readyz(struct call *call);
void public_status(struct call *call);

/* The consumer that the path names; NULL after an answer. */
struct consumer *verb_consumer(struct call *call);
/*
 * The topic and partition of the arguments; false after an answer. `ret_target` is the scope as an
 * operator writes it.
 */
bool verb_scope(struct call *call, const struct consumer *consumer, struct pause *ret,
	struct buffer *ret_target);
/* "ann (uid 1000)" */
void verb_who(const struct call *call, char ret[PAUSE_WHO_MAX]);
