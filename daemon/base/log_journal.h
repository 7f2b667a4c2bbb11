/*
 * log_journal - the way to journald
 *
 * Any thread. The native protocol, spoken by ourselves: sd_journal_sendv() waits for a journal that
 * does not read, and a log must not. Inside base only.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

/* Does a descriptor with this status lead to the journal? $JOURNAL_STREAM says which one does. */
bool log_journal_has(const struct stat *status);

/* A datagram socket, connected to journald; -1 where there is none. */
int log_journal_open(void);
