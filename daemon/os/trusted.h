/*
 * trusted - whether only we and root can have put a file where it is
 *
 * For files whose contents will run in our process. Every directory, symbolic link and file on the
 * way must belong to root or to the user we run as, and must not be writable by anybody else; a
 * directory in which nobody can replace what is ours (sticky, like /tmp) may be. What nobody else
 * can change between the check and the use needs no descriptor: the resolved path is as good.
 */
#pragma once

#include "base/err.h"

/*
 * Check `path` (absolute) down to a regular file. 0 and its path without links, to be freed; -EPERM
 * when somebody else could change it, -errno when it is not there, each with what to do about it.
 */
int trusted_file(const char *path, char **ret_real, struct err *err);
