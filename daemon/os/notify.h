/*
 * notify - what the service manager is told
 *
 * Runs in: supervisor. Without NOTIFY_SOCKET every call does nothing. The watchdog is fed by the
 * loop.
 */
#pragma once

#include <stdint.h>

void notify_ready(const char *status);
void notify_status(const char *status);

/* A reload began at this monotonic time; notify_ready() ends it. */
void notify_reloading(int64_t now_us);

/* The shutdown began and may take `extend_us` from now. */
void notify_stopping(int64_t extend_us);

/* The start may take `extend_us` from now. */
void notify_extend(int64_t extend_us);
