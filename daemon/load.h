/*
 * load - the configuration file, or words on standard error
 */
#pragma once

#include "config/config.h"

/* 0 and a tree the caller frees; else every error is printed and the exit status returned. */
int load_config(const char *path, struct config **ret);

/* The same for a process that runs already: what is wrong goes to `errors`. */
int load_again(const char *path, struct config **ret, struct config_errors *errors);
