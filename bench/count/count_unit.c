/*
 * count_unit - one unit of work: decode, key, claim, SQL handler, effects, settle
 *
 * Batches of 500 order records against a store that says yes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "handler_types.h"
#include "handlers/builtins.h"
#include "orders.h"
#include "worker/unit.h"
#include "yes_store.h"

enum { BATCH_MAX = 500 };

static const char configuration[] =
	"[onced]\nstore = postgresql:///shop\n"
	"[kafka]\nbootstrap.servers = 127.0.0.1:9092\n"
	"[consumer orders]\ntopics = orders\nhandler = insert_order\ndlq.topic = orders.dlq\n"
	"[handler insert_order]\ntype = sql\n"
	"statement = INSERT INTO orders (event_id, order_id, customer, amount, currency, "
	"placed_us)\n"
	"    VALUES (:event_id, :payload.order_id, :payload.customer, :payload.amount,\n"
	"    :payload.currency, :payload.placed_us)\n";

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s\n", what);
		exit(1);
	}
}

static struct config *load(void)
{
	char path[] = "/tmp/onced-count-XXXXXX";
	char *environment[] = { NULL };
	struct config_errors errors = CONFIG_ERRORS_INIT;
	struct config *config = NULL;
	int fd = mkstemp(path);

	must(fd >= 0 && write(fd, configuration, sizeof(configuration) - 1) > 0, "cannot write");
	must(config_load(path, environment, handler_types(), &config, &errors) == 0,
		buffer_str(&errors.text));
	unlink(path);
	close(fd);
	config_errors_fini(&errors);
	return config;
}

static void no_release(struct source *source, void *handle)
{
}

static int no_headers(void *handle, struct source_header *headers, size_t max)
{
	return 0;
}

static const struct source_ops source_ops = { .release = no_release, .headers = no_headers };

static const struct unit_place *place_of(void *context, uint32_t slot)
{
	static const struct unit_place places[ORDER_PARTITIONS] = { { "orders", 0, 0 },
		{ "orders", 1, 1 }, { "orders", 2, 2 }, { "orders", 3, 3 } };

	return &places[slot];
}

static struct record *make_record(unsigned number)
{
	struct source_record polled = { .handle = &polled,
		.slot = number % ORDER_PARTITIONS,
		.epoch = 1,
		.offset = number,
		.timestamp_ms = 1767225600000,
		.key = order_key(number),
		.value = order_value(number) };

	return record_new(&source_ops, NULL, &polled, 0);
}

static void run_batch(struct unit *unit, unsigned first)
{
	struct record *records[BATCH_MAX];

	for (unsigned i = 0; i < BATCH_MAX; i++) {
		records[i] = make_record(first + i);
	}
	unit_run(unit, records, BATCH_MAX);
	for (unsigned i = 0; i < BATCH_MAX; i++) {
		must(unit->works[i].end == UNIT_DONE, "a record is not done");
		record_free(records[i]);
	}
}

static int find_handler(
	const struct config_handler *config, struct onced_handler *ret, struct err *err)
{
	*ret = *builtin_handler_find(config->type);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned batches = rounds_of(argc, argv) * (ORDERS / BATCH_MAX);
	struct config *config = load();
	const struct config_consumer *consumer = config_find_consumer(config, "orders");
	struct err err = ERR_INIT;
	struct roster roster;
	struct unit unit;

	must(roster_open(&roster, consumer, 1, &yes_store_ops, true, find_handler, &err) == 0,
		err.text);
	unit_init(&unit,
		&(struct unit_options){ .store = &yes_store_ops,
			.roster = &roster,
			.batch_max = BATCH_MAX,
			.scope = "orders",
			.is_deduplicated = true,
			.has_dlq = true,
			.event_missing = consumer->event_missing,
			.place_of = place_of },
		yes_store_session());
	for (unsigned i = 0; i < batches; i++) {
		run_batch(&unit, i % (ORDERS / BATCH_MAX) * BATCH_MAX);
	}
	must(yes_store_statements() == (uint64_t)batches * BATCH_MAX, "statements are missing");
	unit_fini(&unit);
	roster_close(&roster);
	config_free(config);
	return 0;
}
