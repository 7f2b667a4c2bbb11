/*
 * demo - `onced demo`: the main job at work on embedded parts, and its sums
 *
 * Runs in: a process of its own, one thread of ours. It starts an embedded broker and a real
 * daemon, produces orders, kills a worker in the middle, and holds what it finds in database and
 * dead-letter topic against what it produced. Leaves no process and no file.
 */
#pragma once

/* A whole run: 0 when every sum holds, 1 otherwise. */
int demo_run(void);
