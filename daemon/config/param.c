/*
 * param - the keys of a handler's own table, families among them
 */
#include <errno.h>
#include <string.h>

#include "config/internal.h"
#include "config/schema.h"

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

bool config_is_handler_key(const char *name)
{
	return schema_find(SECTION_HANDLER, name) != NULL;
}

/* ---- tables that the parser did not know ---- */

__attribute__((format(printf, 4, 5))) static void tell(struct config_errors *errors,
	const char *origin, const struct config_handler *handler, const char *format, ...)
{
	va_list args;

	if (origin) {
		buffer_printf(&errors->text, "%s: ", origin);
	}
	buffer_printf(&errors->text, "[handler %s] ", handler->name);
	va_start(args, format);
	buffer_vprintf(&errors->text, format, args);
	va_end(args);
	buffer_append_char(&errors->text, '\n');
	errors->count++;
}

static void tell_unknown(const struct config_handler *handler, const struct config_pair *pair,
	const struct config_param *params, const char *owner, struct config_errors *errors)
{
	struct nearest nearest = nearest_to(pair->name);
	struct pool pool = POOL_INIT;

	for (size_t i = 0; i < schema_key_count; i++) {
		if (schema_keys[i].section == SECTION_HANDLER) {
			nearest_offer(&nearest, schema_keys[i].name);
		}
	}
	config_offer_params(&nearest, params, &pool);
	if (nearest.best) {
		tell(errors, pair->origin, handler, "%.100s: unknown key; did you mean %s?",
			pair->name, nearest.best);
	} else {
		tell(errors, pair->origin, handler, "%.100s: unknown key; %s has none of that name",
			pair->name, owner);
	}
	pool_fini(&pool);
}

static bool has_param(const struct config_handler *handler, const struct config_param *param)
{
	for (size_t i = 0; i < handler->params.count; i++) {
		if (config_param_covers(param, handler->params.items[i].name)) {
			return true;
		}
	}
	return false;
}

int config_check_params(const struct config_handler *handler, const struct config_param *params,
	const char *owner, struct config_errors *errors)
{
	const struct config_pairs *pairs = &handler->params;
	unsigned before = errors->count;

	for (size_t i = 0; i < pairs->count; i++) {
		if (!config_find_param(params, pairs->items[i].name)) {
			tell_unknown(handler, &pairs->items[i], params, owner, errors);
		}
	}
	for (const struct config_param *param = params; param && param->name; param++) {
		if (param->is_required && !has_param(handler, param)) {
			tell(errors, pairs->count > 0 ? pairs->items[0].origin : NULL, handler,
				"%s is missing; %s needs it", param->name, owner);
		}
	}
	return errors->count > before ? -EINVAL : 0;
}
