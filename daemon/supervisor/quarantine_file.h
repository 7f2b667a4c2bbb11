/*
 * quarantine_file - counts of deaths that outlive the supervisor
 *
 * Runs in: supervisor. A text in state.dir, one a consumer, replaced as a whole.
 */
#pragma once

#include "core/quarantine.h"

/* 0; also when there is no such file. -errno. `ret_strangers`: lines that were left out. */
int quarantine_file_read(
	struct quarantine *quarantine, const char *path, unsigned *ret_strangers);
/* The file is the old one or the new one, whatever happens. An empty one is removed. */
int quarantine_file_write(const struct quarantine *quarantine, const char *path);
