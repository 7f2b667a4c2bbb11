/*
 * config_file - the configuration, for verbs that work on the store themselves
 *
 * Runs in: oncectl. Handlers' keys are the daemon's business and not looked at.
 */
#include "config_file.h"

#include <stdio.h>
#include <unistd.h>

int config_file_load(const struct ctl *ctl, struct config **ret)
{
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;

	if (config_load(ctl->config_path, environ, NULL, ret, &errors) < 0) {
		fputs(buffer_str(&errors.text), stderr);
		return -1;
	}
	if ((*ret)->consumer_count == 0) {
		fprintf(stderr, "oncectl: %s has no [consumer NAME]\n", ctl->config_path);
		return -1;
	}
	return 0;
}

const struct config_consumer *config_file_consumer(const struct config *config, const char *name)
{
	const struct config_consumer *consumer;

	if (!name && config->consumer_count == 1) {
		return &config->consumers[0];
	}
	if (!name) {
		fprintf(stderr, "oncectl: there are several consumers: say --consumer NAME\n");
		return NULL;
	}
	consumer = config_find_consumer(config, name);
	if (!consumer) {
		fprintf(stderr, "oncectl: no [consumer %s]\n", name);
	}
	return consumer;
}
