/*
 * orphans - processes that the kernel gave us to bury
 *
 * Runs in: supervisor. As the first process of a container (or as a "child subreaper") we become
 * the parent of everybody whose parent died: what a command of a handler started in the
 * background, say. Nobody else waits for them, and the dead among them fill the table of processes.
 */
#pragma once

#include <stdbool.h>

#include "os/loop.h"

/* Whether orphans come to this process. */
bool orphans_come(void);

/*
 * Bury those that are dead: children that the loop does not watch. How many; -errno where the
 * kernel does not list children.
 */
int orphans_bury(const struct loop *loop);
