/*
 * http_peer - a scripted HTTP server of one thread, for tests of clients
 *
 * Listens on 127.0.0.1. Each request is read whole and kept; the script says what follows. Behind
 * the script's end every request is answered 200. One connection at a time: a client that opens
 * another one closes the first.
 */
#pragma once

#include <stddef.h>

enum { HTTP_PEER_REQUESTS_MAX = 32 };

enum http_peer_then {
	HTTP_PEER_KEEP, /* the connection is kept */
	HTTP_PEER_CLOSE, /* orderly, behind the answer */
	HTTP_PEER_RESET, /* by RST */
	HTTP_PEER_HANG, /* neither answers nor closes until the client goes */
};

/* What follows a request. */
struct http_peer_step {
	const char *answer; /* bytes as they are; NULL: nothing */
	enum http_peer_then then;
};

struct http_peer;

/* `script` ends with an empty step; it must live as long as the peer. Aborts where it cannot. */
struct http_peer *http_peer_start(const struct http_peer_step *script);
void http_peer_stop(struct http_peer *peer);

unsigned http_peer_port(const struct http_peer *peer);
/* How often somebody connected, and how many requests came. */
unsigned http_peer_connections(struct http_peer *peer);
unsigned http_peer_requests(struct http_peer *peer);
/* The i-th request, head and body, as it came. Lives until http_peer_stop(). */
const char *http_peer_request(struct http_peer *peer, unsigned i);
