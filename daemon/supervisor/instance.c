/*
 * instance - under which name a worker joins its group
 *
 * Runs in: supervisor, at start.
 */
#include "supervisor/instance.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/sha256.h"

#include "supervisor/poison.h"

enum {
	ID_MAX = 249, /* Kafka's bound, as for topics */
	HASH_BYTES = 6, /* hosts of one group: 2^48 is plenty against chance */
};

static void hash_text(struct sha256 *hash, const char *text)
{
	sha256_update(hash, text ? text : "", (text ? strlen(text) : 0) + 1);
}

/* The host name is in it because cloned images and containers share a machine id. */
static void write_host_hash(const struct instance_host *host, struct buffer *out)
{
	struct sha256 hash;
	uint8_t digest[32];

	sha256_init(&hash);
	hash_text(&hash, host->machine_id);
	hash_text(&hash, host->host);
	hash_text(&hash, host->unit_instance);
	hash_text(&hash, host->state_dir);
	sha256_final(&hash, digest);
	for (int i = 0; i < HASH_BYTES; i++) {
		buffer_printf(out, "%02x", digest[i]);
	}
}

/*
 * The template with %H, %c and %n filled in; the configuration has checked that there are no
 * others.
 */
static void expand(const struct config_consumer *consumer, const struct instance_host *host,
	unsigned slot, struct buffer *out)
{
	for (const char *p = consumer->instance_id; *p; p++) {
		if (p[0] == '%' && p[1] == 'H') {
			buffer_append_str(out, host->host);
		} else if (p[0] == '%' && p[1] == 'c') {
			buffer_append_str(out, consumer->name);
		} else if (p[0] == '%' && p[1] == 'n') {
			buffer_printf(out, "%u", slot);
		} else {
			buffer_append_char(out, *p);
			continue;
		}
		p++;
	}
}

static int check(const struct config_consumer *consumer, const char *id, struct err *err)
{
	if (strlen(id) > ID_MAX) {
		return err_set(err, -EINVAL, "[consumer %s] instance.id: %zu bytes, %d is the most",
			consumer->name, strlen(id), ID_MAX);
	}
	for (const char *p = id; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p)) {
			return err_set(err, -EINVAL,
				"[consumer %s] instance.id: %s is not made of letters, digits, "
				"'.', "
				"'_' and '-' alone (%%H, %%c and %%n are filled in)",
				consumer->name, id);
		}
	}
	return 0;
}

static bool is_dynamic(const struct config_consumer *consumer, const struct instance_host *host)
{
	const char *id = consumer->instance_id;

	if (consumer->groups || (id && strcmp(id, "off") == 0)) {
		return true;
	}
	return (!id || strcmp(id, "auto") == 0) &&
		(host->is_kubernetes || host->machine_id[0] == '\0' ||
			config_consumer_is_assigned_by_brokers(consumer));
}

int instance_id_make(const struct config_consumer *consumer, const struct instance_host *host,
	unsigned slot, char ret[INSTANCE_ID_SIZE], struct err *err)
{
	_cleanup_(buffer_fini) struct buffer id = BUFFER_INIT;
	int r;

	ret[0] = '\0';
	if (is_dynamic(consumer, host)) {
		return 0;
	}
	if (!consumer->instance_id || strcmp(consumer->instance_id, "auto") == 0) {
		buffer_append_str(&id, "onced-");
		write_host_hash(host, &id);
		buffer_printf(&id, "-%s-%u", consumer->name, slot);
	} else {
		expand(consumer, host, slot, &id);
	}
	r = check(consumer, buffer_str(&id), err);
	if (r < 0) {
		return r;
	}
	snprintf(ret, INSTANCE_ID_SIZE, "%s", buffer_str(&id));
	return 0;
}

static bool collide(const struct slot *a, const struct slot *b)
{
	return a != b && a->instance_id[0] != '\0' && strcmp(a->instance_id, b->instance_id) == 0 &&
		strcmp(a->consumer->config->group_id, b->consumer->config->group_id) == 0;
}

static const struct slot *find_collision(const struct tree *tree, const struct slot *slot)
{
	for (size_t i = 0; i < tree->consumer_count; i++) {
		for (size_t j = 0; j < tree->consumers[i]->slot_count; j++) {
			if (collide(slot, tree->consumers[i]->slots[j])) {
				return tree->consumers[i]->slots[j];
			}
		}
	}
	return NULL;
}

static int assign(
	struct tree *tree, struct slot *slot, const struct instance_host *host, struct err *err)
{
	const struct slot *other;
	int r = instance_id_make(
		slot->consumer->config, host, slot->number, slot->instance_id, err);

	if (r < 0) {
		return r;
	}
	other = find_collision(tree, slot);
	if (!other) {
		return 0;
	}
	return err_set(err, -EINVAL,
		"workers %s/%u and %s/%u of group %s would both be instance %s and fence each "
		"other; "
		"use %%c and %%n in instance.id",
		other->consumer->config->name, other->number, slot->consumer->config->name,
		slot->number, slot->consumer->config->group_id, slot->instance_id);
}

int instance_assign(struct tree *tree, const struct instance_host *host, struct err *err)
{
	for (size_t i = 0; i < tree->consumer_count; i++) {
		for (size_t j = 0; j < tree->consumers[i]->slot_count; j++) {
			int r = assign(tree, tree->consumers[i]->slots[j], host, err);

			if (r < 0) {
				return r;
			}
		}
	}
	return 0;
}
