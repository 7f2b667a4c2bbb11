/*
 * shortage - the end of a process that cannot go on for want of a thread or memory
 *
 * Runs in: every process, any thread. It ends by abort(), and a handler of that signal can tell it
 * from the abort() of code that broke.
 */
#pragma once

#include <stdbool.h>

/* The last words are the caller's. */
_Noreturn void shortage_abort(void);
/* Is that what ends this process? Safe in a signal handler. */
bool shortage_is_end(void);
