/*
 * migrate - `oncectl migrate`: bring the schema of each store up to date, or say what that would do
 *
 * Runs in: oncectl, on its own connection; the daemon need not run.
 */
#include "migration.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "arguments.h"
#include "config_file.h"

const struct verb_option migrate_options[] = {
	{ "--status", NULL, "only say which migrations are there and which are not" },
	{ "--dry-run", NULL, "only print the SQL that would run" },
	{ "--partitions", "N",
		"PostgreSQL: the table of processed events in N hash\npartitions (2 to 256), for "
		"large "
		"installations" },
	{ 0 },
};

static int refuse(const struct err *err)
{
	fprintf(stderr, "oncectl: %s\n", err->text);
	return CTL_FAILED;
}

/* ---- looking ---- */

static void print_sql(const struct store_schema *schema, unsigned partitions)
{
	for (unsigned i = schema->version; i < schema->known; i++) {
		printf("-- %s\n%s\n", schema->migrations[i].name, schema->migrations[i].sql);
	}
	if (partitions) {
		printf("SELECT onced.partition_events(%u);\n", partitions);
	}
}

static void print_status(const struct ctl *ctl, const struct store_schema *schema)
{
	if (ctl->is_json) {
		printf("{\"version\":%u,\"known\":%u,\"pending\":[", schema->version,
			schema->known);
		for (unsigned i = schema->version; i < schema->known; i++) {
			printf("%s\"%s\"", i > schema->version ? "," : "",
				schema->migrations[i].name);
		}
		printf("]}\n");
		return;
	}
	for (unsigned i = 0; i < schema->known; i++) {
		printf("%-8s %s\n", i < schema->version ? "applied" : "pending",
			schema->migrations[i].name);
	}
	if (schema->version > schema->known) {
		printf("The database has schema version %u, this onced knows %u.\n",
			schema->version, schema->known);
	}
}

/* Status 1 for a schema that this program must not touch. */
static int look_at(const struct ctl *ctl, const struct config *config,
	const struct config_consumer *consumer, unsigned partitions)
{
	struct err err = ERR_INIT;
	struct store *store = NULL;
	struct store_schema schema = { 0 };
	int r = migration_open(config, consumer, 0, &store, &err);

	if (r == 0 && store->ops->look_schema) {
		r = store->ops->look_schema(store, &schema, &err);
	}
	if (store) {
		store->ops->close(store);
	}
	if (r < 0) {
		return refuse(&err);
	}
	if (ctl_option(ctl, "--dry-run")) {
		print_sql(&schema, partitions);
	} else {
		print_status(ctl, &schema);
	}
	return schema.version > schema.known ? CTL_FAILED : CTL_OK;
}

/* Each store once, in the order of the consumers. */
static int look(const struct ctl *ctl, const struct config *config, unsigned partitions)
{
	int status = CTL_OK;

	for (size_t i = 0; i < config->consumer_count; i++) {
		const struct config_consumer *consumer = &config->consumers[i];

		if (config_first_of_store(config, consumer) == consumer) {
			int found = look_at(ctl, config, consumer, partitions);
			status = status == CTL_OK ? found : status;
		}
	}
	return status;
}

/* ---- doing ---- */

/* One store after the other; the first that fails ends it. */
static int migrate_all(
	const struct config *config, unsigned partitions, unsigned *ret_applied, struct err *err)
{
	int r = 0;

	*ret_applied = 0;
	for (size_t i = 0; r == 0 && i < config->consumer_count; i++) {
		const struct config_consumer *consumer = &config->consumers[i];
		unsigned applied = 0;

		if (config_first_of_store(config, consumer) == consumer) {
			r = migration_run(config, consumer, partitions, &applied, err);
			*ret_applied += applied;
		}
	}
	return r;
}

static int run(const struct ctl *ctl, const struct config *config, unsigned partitions)
{
	struct err err = ERR_INIT;
	unsigned applied;

	if (migrate_all(config, partitions, &applied, &err) < 0) {
		return refuse(&err);
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

static int parse_partitions(const struct ctl *ctl, unsigned *ret)
{
	const char *text = ctl_option(ctl, "--partitions");
	char *end;
	unsigned long value;

	*ret = 0;
	if (!text) {
		return 0;
	}
	value = strtoul(text, &end, 10);
	if (*end || value < 2 || value > 256) {
		fprintf(stderr, "oncectl: --partitions %s: must be a number from 2 to 256\n", text);
		return -EINVAL;
	}
	*ret = (unsigned)value;
	return 0;
}

int verb_migrate(const struct ctl *ctl)
{
	_cleanup_(config_freep) struct config *config = NULL;
	unsigned partitions;

	if (parse_partitions(ctl, &partitions) < 0) {
		return CTL_USAGE;
	}
	if (config_file_load(ctl, &config) < 0) {
		return CTL_FAILED;
	}
	if (ctl_option(ctl, "--status") || ctl_option(ctl, "--dry-run")) {
		return look(ctl, config, partitions);
	}
	return run(ctl, config, partitions);
}
