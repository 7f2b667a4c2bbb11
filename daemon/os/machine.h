/*
 * machine - who this host is
 *
 * Runs in: supervisor, at start.
 */
#pragma once

enum { MACHINE_ID_SIZE = 33, MACHINE_HOST_SIZE = 65 };

struct machine {
	/* 32 hex digits made from /etc/machine-id for onced alone; "" without one */
	char id[MACHINE_ID_SIZE];
	char host[MACHINE_HOST_SIZE]; /* host name, "localhost" when there is none */
};

void machine_get(struct machine *ret);
