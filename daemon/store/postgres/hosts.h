/*
 * hosts - the servers of a connection, their names looked up before libpq has to
 *
 * Runs in: the session's thread. libpq asks name servers in the middle of PQconnectPoll() and waits
 * for them; a host that has its `hostaddr` beside it is not asked for.
 */
#pragma once

#include "store/postgres/postgres.h"

enum { PG_PARAMETERS_MAX = 16 };

/* What PQconnectStartParams() is given; borrowed texts, NULL behind the last. */
struct pg_parameters {
	const char *names[PG_PARAMETERS_MAX], *values[PG_PARAMETERS_MAX];
	size_t count;
};

/* A value of NULL is left out. */
void pg_parameters_add(struct pg_parameters *parameters, const char *name, const char *value);

/*
 * Lists as libpq takes them, an element for each address that it may try; all empty where no name
 * had to be looked up.
 */
struct pg_hosts {
	struct buffer host, hostaddr, port;
	size_t count;
	size_t servers; /* that libpq may try, whoever looked them up */
};

#define PG_HOSTS_INIT ((struct pg_hosts){ BUFFER_INIT, BUFFER_INIT, BUFFER_INIT, 0, 0 })
void pg_hosts_fini(struct pg_hosts *hosts);

/*
 * Look up what libpq would look up with these parameters, and add it to them, borrowed from
 * `hosts`. The list begins as many elements further as the session's `turned` says. 0, also when
 * libpq should say what is wrong with its lists; 1 with err: none of its hosts has an address, or
 * the session was interrupted.
 */
int pg_hosts_look_up(struct pg_session *session, struct pg_parameters *parameters,
	struct pg_hosts *hosts, int64_t deadline_us, struct err *err);

/* Whose address this is, borrowed from `hosts`; the null slice: no host was looked up for it. */
struct slice pg_hosts_name(const struct pg_hosts *hosts, struct slice address);
