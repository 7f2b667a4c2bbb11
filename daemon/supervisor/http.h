/*
 * http - answers requests on a listening socket, inside the loop
 *
 * Runs in: supervisor, its only thread. libmicrohttpd without threads. It knows connections, peers
 * and bodies; what a request means is its answerer's business. At most 64 connections, 5 s for a
 * request, 16 KiB a request and 16 KiB of body.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "os/loop.h"

enum { HTTP_BODY_MAX = 16384 };

struct http;
struct MHD_Connection;

/* Who connected, by the kernel's word. */
struct http_peer {
	bool is_known; /* false on a socket that is no UNIX socket */
	uid_t uid;
	pid_t pid;
};

struct http_request {
	const char *method, *path; /* the path is decoded */
	const char *body; /* NUL-terminated, "" when there is none */
	size_t body_len;
	struct http_peer peer;
	/* A page in a browser asks, by the header that browsers add to what changes something. */
	bool is_from_page;
	struct MHD_Connection *connection;
};

/* Of the query, as in /path?name=value; NULL when it is not there. */
const char *http_request_argument(const struct http_request *request, const char *name);

/* How it is answered: status 0 is 200. */
struct http_answer {
	unsigned status;
	const char *content_type; /* NULL: application/json */
	const char *allow; /* of a 405 */
	const char *policy; /* Content-Security-Policy; NULL: none */
	struct buffer body;
};

#define HTTP_ANSWER_INIT ((struct http_answer){ .body = BUFFER_INIT })

/* Called once for each whole request; answers at once. */
typedef void (*http_answerer)(
	void *context, const struct http_request *request, struct http_answer *answer);

/* `listen_fd` stays the caller's. */
int http_open(struct loop *loop, int listen_fd, http_answerer answerer, void *context,
	struct http **ret, struct err *err);
void http_close(struct http *http);

/* Version of the library. */
const char *http_library_version(void);
