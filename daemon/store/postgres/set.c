/*
 * set - one statement for many records, where that is the same as one after the other
 *
 * Runs in: the session's thread. What the text leaves open is asked of the catalogue, when a
 * connection begins and once a minute: a table without triggers, rules, row security, references to
 * itself or functions of the user's in defaults, constraints and indexes; types that read a text as
 * they read a parameter. What may have changed since (a trigger was added) the set asks once more
 * by itself, under its own lock on the table: its guard divides by zero, and nothing is inserted.
 * Values travel as arrays of text. The same look tells of each statement, whether it may be a set
 * or not, that its parameters got other types: then it is prepared anew.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/postgres/postgres.h"
#include "store/postgres/set_text.h"

#define LOOK_AGAIN_US ((int64_t)60 * 1000 * 1000)

/*
 * One row with the parameters' types and a guard when a set of parameters of types $1 may go into
 * the table $2. A type without its modifier reads any text whole: "character" would be
 * character(1). Pinned functions and operators, those Postgres came with, have no dependencies on
 * record.
 */
static const char ask_sql[] =
	"SELECT (SELECT string_agg(format_type(u.type, -1), chr(1) ORDER BY u.n)"
	"  FROM unnest(p.parameter_types) WITH ORDINALITY AS u (type, n)),"
	" format('(SELECT 1 / count(*) FROM pg_catalog.pg_class c WHERE c.oid = %s"
	"  AND c.oid = pg_catalog.to_regclass(%L) AND NOT c.relhasrules"
	"  AND NOT c.relrowsecurity AND c.relchecks = %s AND (SELECT count(*)"
	"  FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid) = %s) = 1',"
	"  c.oid, $2::text, c.relchecks,"
	"  (SELECT count(*) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid))"
	" FROM (SELECT $1::oid[] AS parameter_types) p, pg_catalog.pg_class c"
	" WHERE c.oid = to_regclass($2) AND c.relkind = 'r'"
	" AND NOT c.relispartition AND NOT c.relhasrules AND NOT c.relrowsecurity"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t"
	"  WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint f"
	"  WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid = c.oid)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refclassid IN"
	"  ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass) AND ("
	"  (d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid IN"
	"   (SELECT a.oid FROM pg_catalog.pg_attrdef a WHERE a.adrelid = c.oid))"
	"  OR (d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid IN"
	"   (SELECT k.oid FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid))"
	"  OR (d.classid = 'pg_catalog.pg_class'::regclass AND (d.objid = c.oid OR d.objid IN"
	"   (SELECT i.indexrelid FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid)))))"
	/* a domain may ask a function of the user's */
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a"
	"  JOIN pg_catalog.pg_type y ON y.oid = a.atttypid"
	"  LEFT JOIN pg_catalog.pg_type e ON e.oid = y.typelem"
	"  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
	"  AND (y.typtype IN ('d', 'c') OR e.typtype IN ('d', 'c')))"
	/* a cast from text that is neither by the type's own input nor the same as that */
	" AND NOT EXISTS (SELECT FROM unnest(p.parameter_types) AS u (type)"
	"  JOIN pg_catalog.pg_type y ON y.oid = u.type WHERE y.typtype NOT IN ('b', 'e')"
	"  OR EXISTS (SELECT FROM pg_catalog.pg_cast k, pg_catalog.pg_proc i"
	"   WHERE k.castsource = 'text'::regtype AND k.casttarget = u.type"
	"   AND i.oid = y.typinput AND (k.castmethod = 'f' OR (k.castmethod = 'b'"
	"   AND i.prosrc NOT IN ('textin', 'varcharin', 'bpcharin')))))";

void pg_sets_open(struct pg_session *session)
{
	session->sets =
		xcalloc(session->store->options.statement_count + 1, sizeof(*session->sets));
}

static void forget(struct pg_set *set)
{
	free(set->sql);
	set->sql = NULL;
}

bool pg_set_described(struct pg_session *session, size_t index, const PGresult *result)
{
	struct pg_set *set = &session->sets[index];
	struct buffer text = BUFFER_INIT;
	bool is_same;

	for (int i = 0; i < PQnparams(result); i++) {
		buffer_printf(&text, "%c%u", i == 0 ? '{' : ',', PQparamtype(result, i));
	}
	buffer_append_str(&text, PQnparams(result) == 0 ? "{}" : "}");
	is_same = set->types && strcmp(set->types, buffer_str(&text)) == 0;
	if (set->types && !is_same) {
		/* a column has another type: the text of a value might mean something else */
		pg_prepared_outdated(&session->user[index]);
	}
	free(set->types);
	set->types = xstrdup(buffer_str(&text));
	buffer_fini(&text);
	return is_same;
}

void pg_sets_forget(struct pg_session *session)
{
	for (size_t i = 0; i < session->store->options.statement_count; i++) {
		forget(&session->sets[i]);
		free(session->sets[i].types);
		session->sets[i] = (struct pg_set){ .sql = NULL };
	}
	session->sets_looked_us = 0;
}

/* ---- learning ---- */

/* A wrong count must be somebody's: with one row for each record the sum tells. */
static bool rows_are_fine(const struct store_statement *statement, const struct pg_set_text *text)
{
	bool any = statement->rows_min == 0 && statement->rows_max < 0;
	bool one =
		statement->rows_min <= 1 && (statement->rows_max < 0 || statement->rows_max >= 1);

	return any || (one && text->tail.len == 0);
}

/* The types' names, cut from their list in place. */
static void write_set(
	struct pg_set *set, const struct pg_set_text *text, char *list, const char *guard)
{
	const char *types[PG_SET_ITEMS_MAX] = { NULL };
	unsigned count = 0;
	char *sql;

	for (char *rest = NULL, *type = strtok_r(list, "\x01", &rest);
		type && count < PG_SET_ITEMS_MAX; type = strtok_r(NULL, "\x01", &rest)) {
		types[count++] = type;
	}
	sql = pg_set_text_write(text, types, guard);
	if (set->sql && strcmp(set->sql, sql) == 0) {
		free(sql);
		return;
	}
	forget(set);
	set->sql = sql;
	pg_prepared_outdated(&set->prepared);
}

/* False: its table is locked, or the store is not itself; so it may be with the next. */
static bool learn(struct pg_session *session, size_t index)
{
	const struct store_statement *statement = &session->store->options.statements[index];
	struct pg_set *set = &session->sets[index];
	struct pg_set_text text;
	char *table;
	struct pg_ask ask = { .sql = ask_sql, .param_count = 2 };
	struct err err = ERR_INIT;
	int result;

	result = pg_session_check(&session->base, index, &err);
	if (result != 0) {
		forget(set);
		return result < 0;
	}
	if (!pg_set_text_read(statement->sql, statement->param_count, &text) ||
		!rows_are_fine(statement, &text)) {
		return true;
	}
	table = xstrndup(text.table.data, text.table.len);
	ask.params[0] = set->types;
	ask.params[1] = table;
	if (pg_ask(session, &ask, &err) == STORE_OK && PQntuples(ask.result) == 1) {
		write_set(set, &text, PQgetvalue(ask.result, 0, 0), PQgetvalue(ask.result, 0, 1));
		set->user_generation = session->user[index].generation;
	} else {
		forget(set);
	}
	PQclear(ask.result);
	free(table);
	return true;
}

void pg_sets_learn(struct pg_session *session)
{
	int64_t now_us = clock_mono_us();
	bool goes_on = true;

	if (pg_is_in_transaction(session) ||
		(session->sets_looked_us && now_us - session->sets_looked_us < LOOK_AGAIN_US)) {
		return;
	}
	session->sets_looked_us = now_us;
	for (size_t i = 0; session->conn && goes_on && i < session->store->options.statement_count;
		i++) {
		goes_on = learn(session, i);
	}
}

/* Prepared anew, the statement may have other types. */
bool pg_can_set(struct store_session *session, size_t index, size_t value_count)
{
	const struct pg_session *pg = pg_session(session);
	const struct pg_set *set = &pg->sets[index];

	return set->sql && pg->user[index].is_there &&
		pg->user[index].generation == set->user_generation &&
		value_count == pg->store->options.statements[index].param_count;
}

/* ---- sending ---- */

static bool is_null(const struct store_value *value)
{
	return value->kind == STORE_VALUE_NULL || slice_is_null(value->text);
}

static struct pg_array column(struct arena *arena, const struct pg_op *op, size_t param)
{
	struct pg_array array;
	size_t bytes = 0;

	for (size_t i = 0; i < op->set.count; i++) {
		const struct store_value *value = &op->set.rows[i][param];
		bytes += is_null(value) ? 0 : value->text.len;
	}
	array = pg_array_new(arena, PG_TEXT, op->set.count, bytes);
	for (size_t i = 0; i < op->set.count; i++) {
		const struct store_value *value = &op->set.rows[i][param];
		pg_array_add_bytes(&array, is_null(value) ? SLICE_NULL : value->text);
	}
	return array;
}

bool pg_set_send(struct pg_run *run, size_t index)
{
	const struct pg_op *op = &run->queue->ops[index];
	struct pg_set *set = &run->session->sets[op->set.index];
	unsigned count = run->session->store->options.statements[op->set.index].param_count;
	const char *values[PG_SET_ITEMS_MAX];
	int lengths[PG_SET_ITEMS_MAX], formats[PG_SET_ITEMS_MAX];
	Oid types[PG_SET_ITEMS_MAX];

	for (unsigned i = 0; i < count; i++) {
		struct pg_array array = column(&run->queue->arena, op, i);
		values[i] = array.data;
		lengths[i] = (int)array.len;
		formats[i] = 1;
		types[i] = PG_TEXT_ARRAY;
	}
	return pg_send_execute(run, index,
		&(struct pg_command){ .prepared = &set->prepared,
			.sql = set->sql,
			.types = types,
			.count = (int)count,
			.values = values,
			.lengths = lengths,
			.formats = formats });
}
