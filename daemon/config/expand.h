/*
 * expand - what a value says about where its text comes from
 *
 * ${NAME} anywhere is replaced from the environment, once; $$ is a dollar sign; any other dollar
 * sign stands for itself. A value that starts with @ is the contents of a file: @/path, or
 * @cred:NAME in $CREDENTIALS_DIRECTORY; @@ at the start is an at sign. Reads files.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "config/pool.h"

/*
 * 0 with the text (in `pool`) and whether it came from a file, which makes it a secret. Negative
 * with a sentence in `err`, which never quotes what was read. `environment` as environ.
 */
int expand_value(struct pool *pool, const char *raw, char *const *environment, char **ret,
	bool *ret_is_secret, struct err *err);

/* NULL when `name` is not set. */
const char *expand_getenv(char *const *environment, const char *name, size_t name_len);
