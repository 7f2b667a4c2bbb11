/*
 * reserve - memory set aside for when there is none
 *
 * A process that must outlive a shortage (the supervisor) sets some aside; when an allocation of
 * base/memory fails, it is given back first and the allocation tried again. What is under way then
 * comes to its end, or to a place where it can be refused. The pages are never touched: it costs
 * address space and, where the kernel promises no more than it has, its promise. Processes that
 * end by exec or exit lose nothing by it. Any thread.
 */
#pragma once

#include <stdbool.h>

/* 8 MiB: several times what a reload of a hundred consumers allocates. */
enum { RESERVE_BYTES = 8 << 20 };

/* Set it aside, first or again; no change when it is there. -ENOMEM: not now. */
int reserve_fill(void);

/* Give it back to the system: true once; false when there is none. */
bool reserve_release(void);

/* It was set aside once and was needed since; not filled again yet. */
bool reserve_is_spent(void);
