/*
 * library - shared libraries that are loaded into this process
 *
 * Runs in: worker, probe and commands; never in the supervisor. A library is never unloaded: what
 * it left behind (threads, exit handlers) would run into nothing.
 */
#pragma once

#include "base/err.h"

/*
 * Load the library at `path` if only root and we could have put it there (see trusted.h), with all
 * its symbols resolved now and none of them shown to other libraries. Its constructors run. 0 and a
 * handle for library_symbol(); -errno with the sentence.
 */
int library_load(const char *path, void **ret_library, struct err *err);

/* The address of an object, or NULL. */
const void *library_symbol(void *library, const char *name);
