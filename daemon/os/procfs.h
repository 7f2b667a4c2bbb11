/*
 * procfs - what the kernel says about a process and about memory that ran out
 *
 * Runs in: supervisor. Reads of /proc and /sys that do not wait.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Stopped by a signal or a debugger: its time stands still. False when nobody can tell. */
bool procfs_is_stopped(pid_t pid);

/* Resident memory; -errno. */
int64_t procfs_resident_bytes(pid_t pid);

/*
 * How often the kernel killed for memory in our control group so far (version 2, else 1); -ENOENT
 * where no group says it.
 */
int64_t procfs_oom_kills(void);
