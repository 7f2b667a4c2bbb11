/*
 * resolve - the addresses of hosts, asked beside the thread that wants them
 *
 * Runs in: the session's thread, and for each name a thread of its own: getaddrinfo() waits for
 * name servers as long as it likes. Who asked polls a descriptor for as long as it has, and leaves
 * the question open; its next attempt takes the answer, so that no more than one thread waits for a
 * session's name. Each attempt asks anew what was answered long ago, or with a failure: servers
 * move.
 */
#pragma once

#include <netdb.h>
#include <stdbool.h>

#include "base/err.h"

struct question;

/* The open questions of one session, the one asked last first; {} is none. One thread. */
struct resolver {
	struct question *open;
};

/* Each is a thread. Those asked longest ago go: a session's names may change (Sentinels). */
enum { RESOLVER_OPEN_MAX = 16 };

enum { RESOLVE_FAILED = 1, RESOLVE_OPEN = 2 };

/* Its open questions are answered to nobody. */
void resolver_fini(struct resolver *resolver);

/*
 * See to it that the question is open. A descriptor, borrowed until RESOLVER_OPEN_MAX others were
 * asked for or the answer was taken, that polls POLLIN when there is one; -1 with err.
 */
int resolver_ask(struct resolver *resolver, const char *host, struct err *err);

/*
 * The answer, for freeaddrinfo(), in the order to try them; the question is over. RESOLVE_FAILED
 * with err, which quotes the host: there is none. RESOLVE_OPEN with err: nobody has answered yet.
 */
int resolver_take(
	struct resolver *resolver, const char *host, struct addrinfo **ret, struct err *err);

/* Of what is an address already: no name server is asked. NULL: it is none. */
struct addrinfo *resolve_address(const char *host);

enum { RESOLVED_TEXT_MAX = 64 };
/* "192.0.2.1", "fe80::1%eth0". False: it cannot be said. */
bool resolved_text(const struct addrinfo *address, char ret[RESOLVED_TEXT_MAX]);
