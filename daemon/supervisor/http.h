/*
 * http - answers GET requests on a listening socket, inside the loop
 *
 * Runs in: supervisor, its only thread. libmicrohttpd without threads. An answer is written whole
 * by its route; at most 64 connections, 5 s of silence, 16 KiB a request.
 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "os/loop.h"

struct http;

/* Ends with path == NULL. */
struct http_route {
	const char *path, *content_type;
	void (*write)(void *context, struct buffer *out);
};

/* `listen_fd` stays the caller's. `routes` is borrowed. */
int http_open(struct loop *loop, int listen_fd, const struct http_route *routes, void *context,
	struct http **ret, struct err *err);
void http_close(struct http *http);

/* Version of the library. */
const char *http_library_version(void);
