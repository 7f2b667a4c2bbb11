/*
 * memfd - bytes handed to another process that nobody can change afterwards
 *
 * Runs in: supervisor. Carries a worker's resolved configuration, secrets included: never a file.
 */
#pragma once

#include <stddef.h>

/* A sealed, close-on-exec descriptor at offset 0 with a copy of the bytes, or -errno. */
int memfd_sealed(const char *name, const void *data, size_t len);
