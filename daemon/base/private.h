/*
 * private - what others may see of this process
 *
 * The environment a process was started with is shown by /proc/PID/environ for as long as it lives,
 * and crash handlers of a system write it down; a core file has all of its memory. Both hold
 * passwords. For the first lines of a program, while there is one thread.
 */
#pragma once

#include <stdbool.h>

/*
 * Move the environment to memory of our own and wipe what /proc shows. getenv() and environ say
 * what they said before; pointers taken earlier point to nothing.
 */
void private_environment(void);

/*
 * Whether a core file has this process's memory, or only its registers and what is mapped where.
 * Inherited by everything that is started from now on. What cannot be limited in this way (no
 * /proc to write to) leaves no core at all.
 */
void private_core(bool has_memory);
