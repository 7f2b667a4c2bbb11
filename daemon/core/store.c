/*
 * store - names for what a store answers
 */
#include "core/store.h"

const char *store_failure_name(enum store_failure failure)
{
	static const char *const names[] = {
		[STORE_OK] = "ok",
		[STORE_LOST] = "connection lost",
		[STORE_UNAVAILABLE] = "unavailable",
		[STORE_CONFLICT] = "conflict",
		[STORE_TIMEOUT] = "timeout",
		[STORE_STATEMENT] = "statement refused",
		[STORE_FORBIDDEN] = "statement forbidden",
		[STORE_ROWS] = "wrong number of rows",
		[STORE_ROLLED_BACK] = "rolled back",
	};
	return (size_t)failure < sizeof(names) / sizeof(names[0]) ? names[failure] : "unknown";
}
