/*
 * client - one request over the daemon's control socket
 *
 * Runs in: oncectl.
 */
#pragma once

#include "base/buffer.h"
#include "base/err.h"

/*
 * 0 and the body; 1: nobody answers there, or not to the end (err says what to look at); -errno:
 * refused, err says in the daemon's words why and what to do, or answered by something else.
 */
int client_get(
	const char *socket_path, const char *target, struct buffer *ret_body, struct err *err);

/* The same for a POST of this JSON; err says, too, when it may have been done all the same. */
int client_post(const char *socket_path, const char *target, const char *body,
	struct buffer *ret_body, struct err *err);

/* A name as a part of a path. */
void client_append_name(struct buffer *target, const char *name);

/* For --version. */
const char *client_library_version(void);
