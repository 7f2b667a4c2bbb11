/*
 * fuzz_ini - any bytes as a configuration; what is taken must reach a worker unchanged
 *
 * See tests/support/fuzz_driver.h for how to run it.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "config/assemble.h"
#include "config/check.h"
#include "config/config.h"
#include "config/internal.h"
#include "config/text.h"
#include "fuzz_driver.h"

static const struct config_param sql_params[] = {
	{ .name = "statement", .help = "", .is_required = true, .is_sql = true },
	{ .name = "rows", .help = "" },
	{ .name = NULL },
};
static const struct config_handler_type types[] = {
	{ .name = "log" },
	{ .name = "sql", .params = sql_params },
	{ .name = NULL },
};

static const struct slice texts[] = {
	SLICE_LITERAL("[onced]\n"
		      "store = postgresql://app@db.example:5432/shop?sslmode=verify-full\n"
		      "store.user = app\n"
		      "store.password = a#b;c = d\n"
		      "store.migrate = yes\n"
		      "store.statement.timeout = 10s\n"
		      "store.lock.timeout = 2s\n"
		      "store.idle.timeout = 20s\n"
		      "store.reconnect.max = 1500ms\n"
		      "control.socket = /run/onced/orders.sock\n"
		      "state.dir = /var/lib/onced/orders\n"
		      "drain.timeout = 2m\n"
		      "status.interval = 1h\n"
		      "log.format = json\n"
		      "log.level = debug\n"
		      "restart.intensity = 3 in 10s\n"
		      "[kafka]\n"
		      "bootstrap.servers = a.example:9092,b.example:9092\n"
		      "security.protocol = sasl_ssl\n"
		      "sasl.username = app\n"
		      "sasl.password =   p$$w $home\n"
		      "client.id = shop\n"
		      "session.timeout.ms = 30000\n"
		      "debug = cgrp,topic\n"
		      "[kafka producer]\n"
		      "linger.ms = 5\n"
		      "acks = all\n"
		      "[consumer orders]\n"
		      "topics = orders, refunds\n"
		      "    returns\n"
		      "group.id = orders-service\n"
		      "workers = 2\n"
		      "partitions = 0-3, 9 | 4-7\n"
		      "assignment = cooperative\n"
		      "instance.id = %H-%c-%n\n"
		      "lanes = 16\n"
		      "ordering = key\n"
		      "batch.max = 100\n"
		      "batch.linger = 5ms\n"
		      "batch.time = 1s\n"
		      "in_flight.max = 5000\n"
		      "in_flight.bytes = 64MB\n"
		      "ahead.max = 2000000\n"
		      "prefetch.bytes = 1GiB\n"
		      "commit.interval = 1s\n"
		      "revoke.timeout = 8s\n"
		      "offset.initial = latest\n"
		      "offset.lost = earliest\n"
		      "handler = insert\n"
		      "route.order.created = insert\n"
		      "route.order-deleted/v2 = log_it\n"
		      "retry = slow\n"
		      "dedup.scope = shop\n"
		      "dlq.topic = orders.dlq\n"
		      "dlq.headers = plain\n"
		      "dlq.oversized = headers-only\n"
		      "dlq.breaker = off\n"
		      "tombstone = skip\n"
		      "event.id = header:ce_id, header:event_id, json:payload.meta.id\n"
		      "event.missing = dlq\n"
		      "[handler insert]\n"
		      "type = sql\n"
		      "timeout = 90s\n"
		      "retry.on = 23503, 40xxx\n"
		      "reject.on = 22xxx\n"
		      "hold.on = 53xxx, SQLITE_FULL\n"
		      "statement = INSERT INTO orders (id, note)\n"
		      "      VALUES (:payload.id, '@@ $$1 # not a comment');\n"
		      "\n"
		      "    # a bitwise xor is no comment either\n"
		      "  UPDATE totals SET\n"
		      "    timeout = 5,\n"
		      "    type = 'x' WHERE a @@ b\n"
		      "missing = null\n"
		      "rows = some\n"
		      "[handler log_it]\n"
		      "type = log\n"
		      "[retry]\n"
		      "attempts = 0\n"
		      "[retry slow]\n"
		      "attempts = 100\n"
		      "delay = 2s\n"
		      "factor = 1.25\n"
		      "delay.max = 1h\n"
		      "jitter = none\n"
		      "deadline = 7d\n"),
	SLICE_LITERAL(
		"[onced]\nstore = none:\n[kafka]\nbootstrap.servers = a\n[consumer c]\ntopics = t\n"
		"handler = h\ndlq.topic = none\n[handler h]\ntype = log\n"),
	SLICE_LITERAL(
		"[onced]\nstore =! none:\n[kafka]\nbootstrap.servers = a\n\tb\n[consumer c]\n"
		"topics = t\nhandler = h\ndlq.topic = none\n[handler h]\ntype = log\nx =! \n\t\n"),
	SLICE_LITERAL("[consumr x]\nkey\n[onced\n  a = b\n[handler]\nstate.dir = ${\n"),
};
enum { TEXT_COUNT = sizeof(texts) / sizeof(texts[0]) };

const struct slice fuzz_words[] = {
	SLICE_LITERAL("\n"),
	SLICE_LITERAL("\n  "),
	SLICE_LITERAL("\n\t"),
	SLICE_LITERAL(" = "),
	SLICE_LITERAL("="),
	SLICE_LITERAL("["),
	SLICE_LITERAL("]"),
	SLICE_LITERAL("#"),
	SLICE_LITERAL(";"),
	SLICE_LITERAL("${"),
	SLICE_LITERAL("${X}"),
	SLICE_LITERAL("}"),
	SLICE_LITERAL("$$"),
	SLICE_LITERAL("@@"),
	SLICE_LITERAL("!"),
	SLICE_LITERAL("|"),
	SLICE_LITERAL("-"),
	SLICE_LITERAL(","),
	SLICE_LITERAL("0"),
	SLICE_LITERAL("99999999999999999999"),
	SLICE_LITERAL("ms"),
	SLICE_LITERAL("MiB"),
	SLICE_LITERAL(" in 1m"),
	SLICE_LITERAL("off"),
	SLICE_LITERAL("[consumer c]\n"),
	SLICE_LITERAL("[retry]\n"),
	SLICE_LITERAL("[handler h]\n"),
	SLICE_LITERAL("\nroute.x = h"),
	SLICE_LITERAL("\npartitions = 0-3 | 4"),
	SLICE_LITERAL("\nretry.on = 23xxx"),
	SLICE_LITERAL("\nevent.id = json:a"),
	SLICE_LITERAL("\xc3\xa9"),
	SLICE_LITERAL("\xff"),
	SLICE_LITERAL("\r"),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return TEXT_COUNT;
}

struct slice fuzz_corpus_at(size_t i)
{
	return texts[i];
}

/* What arrives at a worker, sent on, is what arrived. */
static void check_travel(
	const struct config *config, const struct config_consumer *consumer, struct slice input)
{
	_cleanup_close_ int fd = memfd_create("config", MFD_CLOEXEC);
	struct buffer before = BUFFER_INIT, after = BUFFER_INIT;
	struct config_errors errors = CONFIG_ERRORS_INIT;
	struct config *there = NULL;

	config_serialize(config, consumer, &before);
	assert(write(fd, before.data, before.len) == (ssize_t)before.len);
	if (config_load_fd(fd, &there, &errors) < 0) {
		fuzz_fail(buffer_str(&errors.text), input);
	}
	config_serialize(there, &there->consumers[0], &after);
	if (strcmp(buffer_str(&before), buffer_str(&after)) != 0) {
		fuzz_fail("what a worker got is not what was sent", input);
	}
	config_free(there);
	buffer_fini(&before);
	buffer_fini(&after);
}

static void read_as_people_write(const char *data, size_t size)
{
	static char *const environment[] = { (char *)"HOME=/srv", (char *)"X=$y", NULL };
	struct problems problems = PROBLEMS_INIT;
	struct config *config = config_new("fuzz");
	const struct document_reading reading = {
		.pool = &config->memory->pool,
		.document = &config->memory->document,
		.problems = &problems,
		.environment = environment,
	};
	struct buffer out = BUFFER_INIT;

	document_read(&reading, "fuzz", data, size, INI_PEOPLE);
	document_require(&config->memory->document, SECTION_RETRY, "", &config->memory->place);
	assemble(config, types, &problems);
	check(config, &problems);
	if (problems_write(&problems, &out) == 0) {
		config_dump(config, false, &out);
		for (size_t i = 0; i < config->consumer_count; i++) {
			/* no [onced] at all was not told: nobody required the section */
			if (config->store) {
				check_travel(config, &config->consumers[i], slice_from(data, size));
			}
		}
	}
	buffer_fini(&out);
	problems_fini(&problems);
	config_free(config);
}

static void read_as_a_worker(const char *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("config", MFD_CLOEXEC);
	struct config_errors errors = CONFIG_ERRORS_INIT;
	struct config *config = NULL;

	assert(write(fd, data, size) == (ssize_t)size);
	config_load_fd(fd, &config, &errors);
	config_free(config);
	config_errors_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned line;

	read_as_a_worker((const char *)data, size);
	if (text_check((const char *)data, size, &line, NULL) == 0) {
		read_as_people_write((const char *)data, size);
	}
	return 0;
}
