/*
 * machine - who this host is
 *
 * Runs in: supervisor, at start. The machine id itself is not to be shown (machine-id(5)); what
 * leaves here is a keyed hash of it.
 */
#include "os/machine.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

static const sd_id128_t onced_application =
	SD_ID128_MAKE(8a, 1f, 3c, d4, 52, 0e, 4b, 7d, 9c, 66, 1d, 70, b2, e5, 94, 3a);

void machine_get(struct machine *ret)
{
	sd_id128_t id;

	memset(ret, 0, sizeof(*ret));
	if (sd_id128_get_machine_app_specific(onced_application, &id) >= 0) {
		sd_id128_to_string(id, ret->id);
	}
	if (gethostname(ret->host, sizeof(ret->host) - 1) < 0 || ret->host[0] == '\0') {
		snprintf(ret->host, sizeof(ret->host), "localhost");
	}
}
