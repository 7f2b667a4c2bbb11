/*
 * shortage - the end of a process that cannot go on for want of a thread or memory
 */
#include "base/shortage.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_bool is_end;

_Noreturn void shortage_abort(void)
{
	atomic_store(&is_end, true);
	abort();
}

bool shortage_is_end(void)
{
	return atomic_load(&is_end);
}
