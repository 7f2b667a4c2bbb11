/*
 * role_info - commands that print and leave
 *
 * Runs in: a process of its own, no network.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "config/config.h"
#include "handler_find.h"
#include "handler_types.h"
#include "kafka/kafka.h"
#include "load.h"
#include "roles.h"
#include "store/stores.h"
#include "supervisor/http.h"
#include "worker/setup.h"

/* What was printed may be cut by a full disk: then it is no success. */
static int print(const struct buffer *text)
{
	if (fwrite(buffer_str(text), 1, text->len, stdout) != text->len || fflush(stdout) != 0) {
		perror("onced: standard output");
		return EXIT_STATUS_FAILURE;
	}
	return EXIT_STATUS_OK;
}

/* Handlers look at their own keys. Plugins are foreign code: they run only where that was asked. */
static int check_handlers(const struct config *config, bool loads_plugins)
{
	int status = EXIT_STATUS_OK;

	for (size_t i = 0; i < config->handler_count; i++) {
		const struct config_handler *handler = &config->handlers[i];
		struct onced_handler found;
		struct err err = ERR_INIT;

		if (!loads_plugins && strcmp(handler->type, HANDLER_TYPE_PLUGIN) == 0) {
			continue;
		}
		if (handler_find(handler, &found, &err) < 0 ||
			setup_check(handler, &found, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			status = EXIT_STATUS_CONFIG;
		}
	}
	return status;
}

/* No network: is the URL one that this build understands? */
static int check_store(const char *url)
{
	const struct store_ops *ops = stores_find(url);
	struct store_options options = {
		.url = url, .scope = "", .consumer = "", .group_id = "", .cluster_id = ""
	};
	struct err err = ERR_INIT;
	struct store *store;

	if (ops && ops->open(&options, &store, &err) == 0) {
		ops->close(store);
		return EXIT_STATUS_OK;
	}
	fprintf(stderr, "%s\n", ops ? err.text : "store: this build has no such store");
	return EXIT_STATUS_CONFIG;
}

/* What is given up, by word of the configuration. */
static void note_tiers(const struct config *config, struct buffer *out)
{
	for (size_t i = 0; i < config->consumer_count; i++) {
		const struct config_consumer *consumer = &config->consumers[i];

		for (size_t t = 0; t < consumer->tiers.count; t++) {
			buffer_printf(out, "%s%s",
				t > 0 ? ", " : "note: records that fail wait in ",
				consumer->tiers.items[t].topic);
		}
		if (consumer->tiers.count) {
			buffer_printf(out,
				", which must exist; [consumer %s] does not keep their order\n",
				consumer->name);
		}
	}
}

int role_check_config(const struct args *args)
{
	_cleanup_(config_freep) struct config *config = NULL;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	int r = load_config(args->config_path, &config);

	r = r > 0 ? r : check_handlers(config, args->loads_plugins);
	for (size_t i = 0; r <= 0 && i < config->consumer_count; i++) {
		r = check_store(config_store_of(config, &config->consumers[i]));
	}
	if (r > 0) {
		return r;
	}
	note_tiers(config, &out);
	buffer_printf(&out, "%s: good\n", args->config_path);
	return print(&out);
}

int role_dump_config(const struct args *args)
{
	_cleanup_(config_freep) struct config *config = NULL;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	int r = load_config(args->config_path, &config);

	if (r > 0) {
		return r;
	}
	config_dump(config, args->non_default_only, &out);
	return print(&out);
}

int role_write_sample(const struct args *args)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	config_write_sample(handler_types(), &out);
	return print(&out);
}

/* The part of a manual page that the tables know. */
int role_write_manual(const struct args *args)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	if (strcmp(args->name, "onced") == 0) {
		args_write_manual(&out);
	} else if (strcmp(args->name, "onced.ini") == 0) {
		config_write_manual(handler_types(), &out);
	} else {
		fprintf(stderr, "onced: --write-manual knows onced and onced.ini\n");
		return EXIT_STATUS_USAGE;
	}
	return print(&out);
}

int role_version(const struct args *args)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	char features[512];

	buffer_printf(&out, "onced %s\n", ONCED_VERSION);
	buffer_printf(&out, "librdkafka %s (%s)\n", kafka_version(),
		kafka_features(features, sizeof(features)));
	buffer_printf(&out, "libmicrohttpd %s\n", http_library_version());
	buffer_printf(&out, "jansson %s\n", jansson_version_str());
	return print(&out);
}

int role_help(const struct args *args)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	args_write_usage(&out);
	return print(&out);
}
