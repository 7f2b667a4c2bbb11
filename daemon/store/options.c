/*
 * options - a store's own copy of its options
 *
 * Runs in: any thread. Owns the strings; the password is wiped before its memory is given back.
 */
#include "store/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

void store_options_copy(struct store_options *ret, const struct store_options *options)
{
	*ret = *options;
	ret->url = copy(options->url);
	ret->user = copy(options->user);
	ret->password = copy(options->password);
	ret->sentinel_user = copy(options->sentinel_user);
	ret->sentinel_password = copy(options->sentinel_password);
	ret->scope = copy(options->scope ? options->scope : "");
	ret->consumer = copy(options->consumer ? options->consumer : "");
	ret->group_id = copy(options->group_id ? options->group_id : "");
	ret->cluster_id = copy(options->cluster_id ? options->cluster_id : "");
}

static void wipe_and_free(const char *secret)
{
	if (secret) {
		explicit_bzero((char *)secret, strlen(secret));
		free((char *)secret);
	}
}

void store_options_fini(struct store_options *options)
{
	wipe_and_free(options->url);
	wipe_and_free(options->password);
	wipe_and_free(options->sentinel_password);
	free((char *)options->user);
	free((char *)options->sentinel_user);
	free((char *)options->scope);
	free((char *)options->consumer);
	free((char *)options->group_id);
	free((char *)options->cluster_id);
}
