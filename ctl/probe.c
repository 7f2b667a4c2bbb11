/*
 * probe - ask the daemon whether it lives, or takes part, and say so by the exit status
 *
 * Runs in: oncectl. For health checks of containers, which have no shell and may have no port.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "client.h"
#include "verbs.h"

int verb_probe(const struct ctl *ctl)
{
	const char *target = ctl_option(ctl, "--ready") ? "/readyz" : "/livez";
	_cleanup_(buffer_fini) struct buffer answer = BUFFER_INIT;
	struct err err = ERR_INIT;
	int r = client_get(ctl->socket_path, target, &answer, &err);

	if (r) {
		/* A sentence of the daemon's says more than a status. */
		fprintf(stderr, "oncectl: %s\n",
			r < 0 && answer.len > 0 ? buffer_str(&answer) : err.text);
		return r > 0 ? CTL_NOT_REACHABLE : CTL_FAILED;
	}
	fputs(buffer_str(&answer), stdout);
	return CTL_OK;
}
