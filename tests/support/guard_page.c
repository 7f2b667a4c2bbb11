/*
 * guard_page - bytes that end where the process may not read on
 */
#include "guard_page.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

void guard_page_init(struct guard_page *guard, size_t room)
{
	size_t page = page_size();

	guard->room = (room + page - 1) / page * page;
	guard->map = mmap(NULL, guard->room + page, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guard->map == MAP_FAILED || mprotect(guard->map + guard->room, page, PROT_NONE) < 0) {
		abort();
	}
}

void guard_page_fini(struct guard_page *guard)
{
	munmap(guard->map, guard->room + page_size());
}

const char *guard_page_place(struct guard_page *guard, const void *data, size_t len)
{
	char *to = guard->map + guard->room - len;

	if (len > guard->room) {
		abort();
	}
	if (len > 0) {
		memcpy(to, data, len);
	}
	return to;
}
