/*
 * statedir - the files of a state directory, by name
 *
 * Runs in: supervisor, worker. One supervisor owns the directory (supervisor.lock); each worker
 * holds worker-CONSUMER-SLOT.lock as long as it lives, so that a new supervisor sees the orphans of
 * an old one.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* The caller frees. */
char *statedir_supervisor_lock(const char *dir);
char *statedir_worker_lock(const char *dir, const char *consumer, unsigned slot);
/* What is known of records that killed workers. */
char *statedir_quarantine(const char *dir, const char *consumer);
/* What is paused. */
char *statedir_pauses(const char *dir, const char *consumer);
char *statedir_page(const char *dir, const char *consumer, unsigned slot);

/* Create the directory (0700) when only its last part is missing; check that it can be written. */
int statedir_prepare(const char *dir, struct err *err);

/*
 * How many worker locks are held now; `visit` (may be NULL) is called with the path and holder of
 * each. -errno.
 */
int statedir_orphans(const char *dir, void (*visit)(void *context, const char *path, pid_t holder),
	void *context);
