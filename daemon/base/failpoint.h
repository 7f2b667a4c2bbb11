/*
 * failpoint - named places where a test may stop or delay the program
 *
 * Compiled in only with -Dfailpoints=true; else FAILPOINT() is nothing. ONCED_FAILPOINT holds
 * entries "name:action[:n]" separated by commas: `kill` sends SIGKILL to this process at the n-th
 * pass (default the first), `stop` SIGSTOP, `exit` leaves with status 1, `delay` sleeps n
 * milliseconds at every pass. With ONCED_FAILPOINT_ONCE=FILE an action is taken by the process that
 * creates FILE, so that a restarted worker does not die again.
 */
#pragma once

#ifdef ONCED_FAILPOINTS
void failpoint_pass(const char *name);
#define FAILPOINT(name) failpoint_pass(name)
#else
#define FAILPOINT(name) ((void)0)
#endif
