/*
 * dlq_settle - make durable that letters are done
 *
 * The order is what makes a replay repeatable: acknowledged by the target, then marked, then
 * committed. Dying in between leaves letters open that were sent: they are sent again, and the
 * claim of their event recognises what took effect.
 */
#pragma once

#include "dlq_mark.h"
#include "dlq_sender.h"
#include "dlq_session.h"

/*
 * Waits for all acknowledgements, marks what is done, commits. CTL_OK, or another status after a
 * sentence on standard error.
 */
int dlq_settle(
	struct dlq_session *session, struct dlq_sender *sender, const struct dlq_mark *mark);

/*
 * The end of a run: reads on to where the topic ends now, its own marks included, so that the
 * group's lag is what is open.
 */
int dlq_settle_finish(struct dlq_session *session);
