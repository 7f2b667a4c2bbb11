/*
 * migrate - `oncectl migrate`: bring the schema of each store up to date
 *
 * Runs in: oncectl, on its own connection; the daemon need not run.
 */
#include "migration.h"

#include <stdio.h>
#include <unistd.h>

#include "verbs.h"

/* One store after the other; the first that fails ends it. */
static int migrate_all(const struct config *config, unsigned *ret_applied, struct err *err)
{
	int r = 0;

	*ret_applied = 0;
	for (size_t i = 0; r == 0 && i < config->consumer_count; i++) {
		const struct config_consumer *consumer = &config->consumers[i];
		unsigned applied = 0;

		if (config_first_of_store(config, consumer) == consumer) {
			r = migration_run(config, consumer, &applied, err);
			*ret_applied += applied;
		}
	}
	return r;
}

int verb_migrate(const struct ctl *ctl)
{
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;
	_cleanup_(config_freep) struct config *config = NULL;
	struct err err = ERR_INIT;
	unsigned applied;

	/* Handlers' keys are the daemon's business. */
	if (config_load(ctl->config_path, environ, NULL, &config, &errors) < 0) {
		fputs(buffer_str(&errors.text), stderr);
		return CTL_FAILED;
	}
	if (config->consumer_count == 0) {
		fprintf(stderr, "oncectl: %s has no [consumer NAME]\n", ctl->config_path);
		return CTL_FAILED;
	}
	if (migrate_all(config, &applied, &err) < 0) {
		fprintf(stderr, "oncectl: %s\n", err.text);
		return CTL_FAILED;
	}
	if (ctl->is_json) {
		printf("{\"applied\":%u}\n", applied);
	} else if (applied == 0) {
		printf("The schema is up to date.\n");
	} else {
		printf("%u migration%s applied.\n", applied, applied == 1 ? "" : "s");
	}
	return CTL_OK;
}
