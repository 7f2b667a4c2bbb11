/*
 * schema_tiers - the delays of `retry.topics`, and the topics they stand for
 */
#include <errno.h>
#include <string.h>

#include "config/schema_type.h"
#include "config/value.h"

enum { TIERS_MAX = 16 };

static int parse_delay(const struct schema_key *key, const char *text, int64_t *ret_us)
{
	return value_parse_duration(text, ret_us) < 0 || *ret_us < key->min || *ret_us > key->max
		? -EINVAL
		: 0;
}

int schema_parse_tiers(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	struct config_strings items;
	struct config_tier *tiers;
	int r;

	if (strcmp(text, "off") == 0) {
		*(struct config_tiers *)field = (struct config_tiers){ NULL, 0 };
		return 0;
	}
	r = schema_split_items(context->pool, text, &items, err);
	if (r < 0) {
		return r;
	}
	if (items.count > TIERS_MAX) {
		return err_set(err, -EINVAL, "must not have more than %d delays", TIERS_MAX);
	}
	tiers = pool_alloc(context->pool, items.count * sizeof(*tiers));
	for (size_t i = 0; i < items.count; i++) {
		tiers[i].topic = NULL;
		if (parse_delay(key, items.items[i], &tiers[i].delay_us) < 0) {
			return err_set(err, -EINVAL,
				"\"%.100s\" is not a delay from 10ms to 7d, like 10s, 1m or 10m",
				items.items[i]);
		}
		if (i > 0 && tiers[i].delay_us <= tiers[i - 1].delay_us) {
			return err_set(
				err, -EINVAL, "each delay must be longer than the one before");
		}
	}
	*(struct config_tiers *)field = (struct config_tiers){ tiers, items.count };
	return 0;
}

bool schema_write_tiers(const struct schema_key *key, const void *field, struct buffer *out)
{
	const struct config_tiers *tiers = field;

	for (size_t i = 0; i < tiers->count; i++) {
		buffer_append_str(out, i > 0 ? ", " : "");
		value_write_duration(out, tiers->items[i].delay_us);
	}
	if (tiers->count == 0) {
		buffer_append_str(out, "off");
	}
	return true;
}

void schema_name_tier(struct pool *pool, struct config_consumer *consumer, size_t i)
{
	_cleanup_(buffer_fini) struct buffer delay = BUFFER_INIT;
	struct config_tier *tier = &consumer->tiers.items[i];

	value_write_duration(&delay, tier->delay_us);
	tier->topic = consumer->tier_prefix
		? pool_printf(pool, "%s.%s", consumer->tier_prefix, buffer_str(&delay))
		: pool_printf(pool, "%s.retry.%s", consumer->group_id, buffer_str(&delay));
}
