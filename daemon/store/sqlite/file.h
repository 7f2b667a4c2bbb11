/*
 * file - plain SQL on an SQLite file, outside any store session
 *
 * Runs in: the demonstration's main process, one thread. For tables of the user's, before and after
 * the daemon works on them.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"

struct lite_file;

/* Open, or create. -EIO with the sentence. */
int lite_file_open(const char *path, struct lite_file **ret, struct err *err);

/* Accepts NULL. */
void lite_file_close(struct lite_file *file);
CLEANUP_DEFINE(struct lite_file, lite_file_close)

/*
 * Run one or more statements; `on_row` (may be NULL) gets each row as text, a null value as NULL. A
 * writer that holds the file is waited for, some seconds. -EIO with the sentence.
 */
int lite_file_run(struct lite_file *file, const char *sql,
	void (*on_row)(void *arg, char *const *values), void *arg, struct err *err);
