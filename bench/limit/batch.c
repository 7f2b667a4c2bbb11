#include "batch.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "consumer.h"
#include "envelope.h"
#include "lane.h"

enum {
	UUID_OID = 2950,
	UUID_ARRAY_OID = 2951,
	INT2_OID = 21,
	INT2_ARRAY_OID = 1005,
	INT4_OID = 23,
	INT4_ARRAY_OID = 1007,
	INT8_OID = 20,
	INT8_ARRAY_OID = 1016,
	BYTEA_OID = 17,
	TEXT_OID = 25,
	TEXT_ARRAY_OID = 1009,
	BYTEA_ARRAY_OID = 1001
};

/* Scope and topic have numbers in the table; the bare loop knows of one each. */
#define CLAIM_SQL                                                                                  \
	"INSERT INTO onced.processed_events (key, scope, topic, partition, record_offset,"         \
	" record_timestamp_ms, outcome, event_id)"                                                 \
	" SELECT unnest($1), 1, unnest($2), unnest($3), unnest($4), unnest($5), 0, unnest($6)"     \
	" ON CONFLICT (key) DO NOTHING RETURNING key"
#define EFFECT_SQL                                                                                 \
	"INSERT INTO orders (event_id, order_id, customer, amount, currency, placed_us)"           \
	" VALUES ($1, $2, $3, $4, $5, $6)"

/* The same for all orders of a batch. */
#define SET_SQL                                                                                    \
	"INSERT INTO orders (event_id, order_id, customer, amount, currency, placed_us)"           \
	" SELECT unnest($1)::uuid, unnest($2)::bigint, unnest($3)::text, unnest($4)::numeric,"     \
	" unnest($5)::text, unnest($6)::bigint"

struct order {
	unsigned char key[16];
	const rd_kafka_message_t *message;
	struct field fields[FIELD_COUNT];
	unsigned position; /* in the batch: effects go in that order */
	bool is_new;
};

static _Noreturn void die_of(PGconn *conn, const PGresult *result, const char *what)
{
	die("%s: %s", what, result ? PQresultErrorMessage(result) : PQerrorMessage(conn));
}

static void must(PGconn *conn, int ok, const char *what)
{
	if (!ok) {
		die_of(conn, NULL, what);
	}
}

static void prepare(PGconn *conn, const char *name, const char *sql, int count, const Oid *types)
{
	PGresult *result = PQprepare(conn, name, sql, count, types);

	if (PQresultStatus(result) != PGRES_COMMAND_OK) {
		die_of(conn, result, name);
	}
	PQclear(result);
}

PGconn *batch_connect(const char *database)
{
	static const Oid claim_types[] = { UUID_ARRAY_OID, INT2_ARRAY_OID, INT4_ARRAY_OID,
		INT8_ARRAY_OID, INT8_ARRAY_OID, BYTEA_ARRAY_OID };
	static const Oid set_types[] = { TEXT_ARRAY_OID, TEXT_ARRAY_OID, TEXT_ARRAY_OID,
		TEXT_ARRAY_OID, TEXT_ARRAY_OID, TEXT_ARRAY_OID };
	PGconn *conn = PQconnectdb(database);

	if (PQstatus(conn) != CONNECTION_OK) {
		die_of(conn, NULL, "connect");
	}
	prepare(conn, "begin", "BEGIN", 0, NULL);
	prepare(conn, "claim", CLAIM_SQL, 6, claim_types);
	prepare(conn, "effect", EFFECT_SQL, 0, NULL);
	prepare(conn, "set", SET_SQL, FIELD_COUNT, set_types);
	prepare(conn, "commit", "COMMIT", 0, NULL);
	must(conn, PQenterPipelineMode(conn), "pipeline mode");
	return conn;
}

/* ---- what the answers say ---- */

static PGresult *read_result(PGconn *conn, ExecStatusType expected, const char *what)
{
	PGresult *result = PQgetResult(conn);

	if (PQresultStatus(result) != expected) {
		die_of(conn, result, what);
	}
	if (expected != PGRES_PIPELINE_SYNC) {
		PQclear(PQgetResult(conn)); /* the NULL that ends a command */
	}
	return result;
}

static void expect(PGconn *conn, ExecStatusType expected, const char *what)
{
	PQclear(read_result(conn, expected, what));
}

/* ---- the claim ---- */

enum { FIELD_MAX = 64 };

struct array {
	char data[20 + BATCH_MAX * (4 + FIELD_MAX)];
	size_t len;
};

static void put(struct array *array, const void *bytes, size_t len)
{
	memcpy(array->data + array->len, bytes, len);
	array->len += len;
}

static void put_int4(struct array *array, uint32_t value)
{
	uint32_t wire = htobe32(value);

	put(array, &wire, sizeof(wire));
}

static void put_element(struct array *array, const void *bytes, size_t len)
{
	put_int4(array, (uint32_t)len);
	put(array, bytes, len);
}

static void start_array(struct array *array, Oid element, unsigned count)
{
	array->len = 0;
	put_int4(array, 1);
	put_int4(array, 0);
	put_int4(array, element);
	put_int4(array, count);
	put_int4(array, 1);
}

enum { ARRAY_KEY, ARRAY_TOPIC, ARRAY_PARTITION, ARRAY_OFFSET, ARRAY_TIMESTAMP, ARRAY_ID, ARRAYS };

static void put_order(struct array *arrays, const struct order *order)
{
	rd_kafka_timestamp_type_t type;
	uint16_t topic = htobe16(1);
	uint32_t partition = htobe32((uint32_t)order->message->partition);
	uint64_t offset = htobe64((uint64_t)order->message->offset);
	uint64_t timestamp = htobe64((uint64_t)rd_kafka_message_timestamp(order->message, &type));

	put_element(&arrays[ARRAY_KEY], order->key, sizeof(order->key));
	put_element(&arrays[ARRAY_TOPIC], &topic, sizeof(topic));
	put_element(&arrays[ARRAY_PARTITION], &partition, sizeof(partition));
	put_element(&arrays[ARRAY_OFFSET], &offset, sizeof(offset));
	put_element(&arrays[ARRAY_TIMESTAMP], &timestamp, sizeof(timestamp));
	put_element(&arrays[ARRAY_ID], order->fields[FIELD_EVENT_ID].data,
		order->fields[FIELD_EVENT_ID].len);
}

static void send_claim(PGconn *conn, const struct order *orders, unsigned count)
{
	static const Oid elements[ARRAYS] = { UUID_OID, INT2_OID, INT4_OID, INT8_OID, INT8_OID,
		BYTEA_OID };
	static const int formats[ARRAYS] = { 1, 1, 1, 1, 1, 1 };
	static _Thread_local struct array arrays[ARRAYS];
	const char *values[ARRAYS];
	int lengths[ARRAYS];

	for (int i = 0; i < ARRAYS; i++) {
		start_array(&arrays[i], elements[i], count);
	}
	for (unsigned i = 0; i < count; i++) {
		put_order(arrays, &orders[i]);
	}
	for (int i = 0; i < ARRAYS; i++) {
		values[i] = arrays[i].data;
		lengths[i] = (int)arrays[i].len;
	}
	must(conn, PQsendQueryPrepared(conn, "claim", ARRAYS, values, lengths, formats, 1),
		"claim");
}

static int compare_key(const void *key, const void *order)
{
	return memcmp(key, ((const struct order *)order)->key, 16);
}

static void read_claim(PGconn *conn, struct order *orders, unsigned count)
{
	PGresult *result = read_result(conn, PGRES_TUPLES_OK, "claim");

	for (int row = 0; row < PQntuples(result); row++) {
		struct order *order = bsearch(
			PQgetvalue(result, row, 0), orders, count, sizeof(*orders), compare_key);
		order->is_new = true;
	}
	PQclear(result);
}

/* ---- the effects ---- */

/* Text parameters end with a zero byte: copy them out of the message. */
static void send_effect(PGconn *conn, const struct order *order)
{
	const char *values[FIELD_COUNT];
	char text[512], *at = text;

	for (int i = 0; i < FIELD_COUNT; i++) {
		size_t len = order->fields[i].len;
		if (at + len + 1 > text + sizeof(text)) {
			die("a field is too long");
		}
		values[i] = memcpy(at, order->fields[i].data, len);
		at[len] = '\0';
		at += len + 1;
	}
	must(conn, PQsendQueryPrepared(conn, "effect", FIELD_COUNT, values, NULL, NULL, 0),
		"effect");
}

/* All new ones in one statement. Returns how many statements were sent. */
static unsigned send_set(PGconn *conn, const struct order *orders, unsigned count)
{
	static const int formats[FIELD_COUNT] = { 1, 1, 1, 1, 1, 1 };
	static _Thread_local struct array arrays[FIELD_COUNT];
	const char *values[FIELD_COUNT];
	int lengths[FIELD_COUNT];
	unsigned fresh = 0;

	for (unsigned i = 0; i < count; i++) {
		fresh += orders[i].is_new;
	}
	if (fresh == 0) {
		return 0;
	}
	for (int f = 0; f < FIELD_COUNT; f++) {
		start_array(&arrays[f], TEXT_OID, fresh);
		for (unsigned i = 0; i < count; i++) {
			const struct field *field = &orders[i].fields[f];
			if (field->len > FIELD_MAX) {
				die("a field is too long");
			}
			if (orders[i].is_new) {
				put_element(&arrays[f], field->data, field->len);
			}
		}
		values[f] = arrays[f].data;
		lengths[f] = (int)arrays[f].len;
	}
	must(conn, PQsendQueryPrepared(conn, "set", FIELD_COUNT, values, lengths, formats, 0),
		"set");
	return 1;
}

static int compare_position(const void *left, const void *right)
{
	unsigned a = ((const struct order *)left)->position;
	unsigned b = ((const struct order *)right)->position;

	return a < b ? -1 : a > b;
}

static unsigned send_effects(PGconn *conn, struct order *orders, unsigned count, bool as_set)
{
	unsigned sent = 0;

	qsort(orders, count, sizeof(*orders), compare_position);
	if (as_set) {
		return send_set(conn, orders, count);
	}
	for (unsigned i = 0; i < count; i++) {
		if (orders[i].is_new) {
			send_effect(conn, &orders[i]);
			sent++;
		}
	}
	return sent;
}

/* ---- the batch ---- */

static int compare_order(const void *left, const void *right)
{
	int order = memcmp(left, right, 16); /* the key stands first */

	return order ? order : compare_position(left, right);
}

/* Parsed, sorted by key, each key once. */
static unsigned read_orders(rd_kafka_message_t **messages, unsigned count, struct order *orders)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		struct order *order = &orders[i];
		*order = (struct order){ .message = messages[i], .position = i };
		if (!envelope_fields(messages[i]->payload, messages[i]->len, order->fields) ||
			!envelope_uuid(order->fields[FIELD_EVENT_ID], order->key)) {
			die("offset %lld holds no order", (long long)messages[i]->offset);
		}
	}
	qsort(orders, count, sizeof(*orders), compare_order);
	for (unsigned i = 0; i < count; i++) {
		if (kept == 0 || memcmp(orders[kept - 1].key, orders[i].key, 16) != 0) {
			orders[kept++] = orders[i];
		}
	}
	return kept;
}

void batch_run(PGconn *conn, rd_kafka_message_t **messages, unsigned count, bool as_set)
{
	static _Thread_local struct order orders[BATCH_MAX];
	unsigned kept = read_orders(messages, count, orders), effects;

	must(conn, PQsendQueryPrepared(conn, "begin", 0, NULL, NULL, NULL, 0), "begin");
	send_claim(conn, orders, kept);
	must(conn, PQsendFlushRequest(conn) && PQflush(conn) == 0, "flush");
	expect(conn, PGRES_COMMAND_OK, "begin");
	read_claim(conn, orders, kept);
	effects = send_effects(conn, orders, kept, as_set);
	must(conn, PQsendQueryPrepared(conn, "commit", 0, NULL, NULL, NULL, 0), "commit");
	must(conn, PQpipelineSync(conn), "sync");
	for (unsigned i = 0; i < effects; i++) {
		expect(conn, PGRES_COMMAND_OK, "effect");
	}
	expect(conn, PGRES_COMMAND_OK, "commit");
	expect(conn, PGRES_PIPELINE_SYNC, "sync");
}
