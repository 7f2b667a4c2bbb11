/*
 * reserve - memory set aside for when there is none
 *
 * A mapping of its own and not a block of the heap, so that giving it back leaves room for any
 * allocation, of any size.
 */
#include "base/reserve.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

static _Atomic(void *) reserve;
static atomic_bool is_spent;

int reserve_fill(void)
{
	void *made;

	if (atomic_load(&reserve)) {
		return 0;
	}
	made = mmap(
		NULL, RESERVE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (made == MAP_FAILED) {
		return -ENOMEM;
	}
	made = atomic_exchange(&reserve, made);
	if (made) {
		(void)munmap(made, RESERVE_BYTES);
	}
	atomic_store(&is_spent, false);
	return 0;
}

bool reserve_release(void)
{
	void *mine = atomic_exchange(&reserve, NULL);

	if (!mine) {
		return false;
	}
	atomic_store(&is_spent, true);
	(void)munmap(mine, RESERVE_BYTES);
	return true;
}

bool reserve_is_spent(void)
{
	return atomic_load(&is_spent);
}
