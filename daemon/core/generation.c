/*
 * generation - which generation a store's sessions work in, and whose scope it is
 */
#include "core/generation.h"

#include <errno.h>
#include <string.h>

int generation_keep(atomic_uint *in_use, unsigned found, const char *scope, struct err *err)
{
	unsigned known = 0;

	if (atomic_compare_exchange_strong(in_use, &known, found) || known == found) {
		return 0;
	}
	err_set(err, -EINVAL,
		"dedup scope %s has generation %u since a rebuild, this process began with %u",
		scope, found, known);
	snprintf(err->code, sizeof(err->code), "%s", STORE_CODE_STALE);
	return -EINVAL;
}

int generation_check_group(const char *found, const char *ours, const char *scope, struct err *err)
{
	if (strcmp(found, ours) == 0) {
		return 0;
	}
	return err_set(err, -EINVAL,
		"dedup scope %s belongs to group %s, not to %s: give this consumer a dedup.scope "
		"of its own",
		scope, found, ours);
}
