/*
 * client - one GET over the daemon's control socket
 *
 * Runs in: oncectl.
 */
#pragma once

#include "base/buffer.h"
#include "base/err.h"

/*
 * 0 and the body; 1: nobody answers there (err says what to look at); -errno: an answer, but not
 * the wanted one.
 */
int client_get(
	const char *socket_path, const char *target, struct buffer *ret_body, struct err *err);

/* For --version. */
const char *client_library_version(void);
