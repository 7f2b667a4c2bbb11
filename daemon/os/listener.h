/*
 * listener - the control socket
 *
 * Runs in: supervisor. A UNIX stream socket, 0660: who may connect is decided by its owner and
 * group.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"

struct listener {
	int fd; /* non-blocking, close-on-exec; -1 when closed */
	char path[108];
	dev_t device; /* of the socket file, to remove only our own */
	ino_t inode;
};

#define LISTENER_INIT ((struct listener){ .fd = -1 })

/*
 * A socket file nobody listens on is replaced; one with a living server is left alone
 * (-EADDRINUSE). The directory of the path is created (0755) when only its last part is missing.
 */
int listener_open(struct listener *listener, const char *path, struct err *err);

/* Close, and remove the file if it is still ours. */
void listener_close(struct listener *listener);
