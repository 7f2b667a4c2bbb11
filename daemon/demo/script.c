#include "demo/script.h"

#include "demo/broker.h"
#include "demo/orders.h"

/*
 * No unique key on event_id: an order applied twice would be there twice. The trigger stands for
 * whatever fails for a while; it sees the number of the attempt.
 */
static const char tables[] =
	"PRAGMA journal_mode = WAL;\n"
	"CREATE TABLE customers (name TEXT PRIMARY KEY);\n"
	"CREATE TABLE orders (\n"
	"	event_id TEXT NOT NULL,\n"
	"	customer TEXT NOT NULL REFERENCES customers (name),\n"
	"	amount NUMERIC NOT NULL CHECK (amount > 0),\n"
	"	failures INTEGER NOT NULL,\n"
	"	attempt INTEGER NOT NULL\n"
	");\n"
	"CREATE TRIGGER busy BEFORE INSERT ON orders WHEN NEW.attempt <= NEW.failures\n"
	"BEGIN SELECT RAISE(ABORT, 'the shop is busy'); END;\n";

static const char config[] =
	"[onced]\n"
	"store = sqlite:%s/" SCRIPT_DATABASE "\n"
	"store.migrate = yes\n"
	"control.socket = %s\n"
	"state.dir = %s/state\n"
	"drain.timeout = 10s\n"
	"log.format = logfmt\n"
	"[kafka]\n"
	"bootstrap.servers = %s\n"
	"[consumer orders]\n"
	"topics = " DEMO_TOPIC "\n"
	"group.id = " SCRIPT_GROUP "\n"
	"workers = 2\n"
	/*
	 * A list for each worker: one that is killed has its partitions back at once. On a real
	 * broker static membership does the same without lists; the mock cluster has none of that.
	 */
	"partitions = 0-1 | 2-3\n"
	"ordering = key\n"
	"handler = insert_order\n"
	"dlq.topic = " DEMO_LETTER_TOPIC "\n"
	"[handler insert_order]\n"
	"type = sql\n"
	"timeout = 5s\n"
	"retry.on = SQLITE_CONSTRAINT_TRIGGER\n"
	"statement = INSERT INTO orders (event_id, customer, amount, failures, attempt)\n"
	"    VALUES (:event_id, :payload.customer, :payload.amount, :payload.failures, :attempt)\n"
	"[retry]\n"
	"attempts = %d\n"
	"delay = 300ms\n"
	"delay.max = 1s\n";

void script_write_schema(struct buffer *out)
{
	buffer_append_str(out, tables);
	for (unsigned i = 0; i < ORDER_CUSTOMERS; i++) {
		buffer_printf(out, "INSERT INTO customers VALUES ('customer-%02u');\n", i);
	}
}

void script_write_config(
	struct buffer *out, const char *directory, const char *socket_path, const char *bootstrap)
{
	buffer_printf(out, config, directory, socket_path, directory, bootstrap, SCRIPT_ATTEMPTS);
}
