/*
 * tcp - a listening TCP socket
 *
 * Runs in: supervisor.
 */
#pragma once

#include "base/err.h"

/*
 * Listen on an address as in base/address.h; on [::] also for IPv4. The descriptor is non-blocking
 * and close-on-exec. It or -errno with err.
 */
int tcp_listen(const char *address, struct err *err);
