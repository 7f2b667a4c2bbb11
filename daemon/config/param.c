/*
 * param - the keys of a handler's own table, families among them
 */
#include <string.h>

#include "config/internal.h"

bool config_param_is_family(const struct config_param *param)
{
	size_t len = strlen(param->name);

	return len > 2 && strcmp(param->name + len - 2, ".*") == 0;
}

/* The part of a family's name that its members share, the dot included. */
static size_t prefix_len(const struct config_param *family)
{
	return strlen(family->name) - 1;
}

bool config_param_covers(const struct config_param *param, const char *name)
{
	if (config_param_is_family(param)) {
		size_t len = prefix_len(param);

		return strncmp(name, param->name, len) == 0 && name[len];
	}
	return strcmp(name, param->name) == 0;
}

const struct config_param *config_find_param(const struct config_param *params, const char *name)
{
	for (; params && params->name; params++) {
		if (config_param_covers(params, name)) {
			return params;
		}
	}
	return NULL;
}

void config_offer_params(
	struct nearest *nearest, const struct config_param *params, struct pool *pool)
{
	const char *dot = strchr(nearest->wanted, '.');

	for (; params && params->name; params++) {
		nearest_offer(nearest, params->name);
		if (config_param_is_family(params) && dot && dot[1]) {
			nearest_offer(nearest,
				pool_printf(pool, "%.*s%s", (int)prefix_len(params), params->name,
					dot + 1));
		}
	}
}
