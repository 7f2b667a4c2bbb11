/*
 * values - prepare the user's statements and bind their values
 *
 * Runs in: the session's thread. Numbers are exact: what fits an integer of SQLite is one,
 * everything else stays text and the column's affinity decides.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/sqlite/sqlite.h"
#include "store/statement_text.h"

enum { INTEGER_DIGITS_MAX = 20 };

static bool parse_integer(struct slice text, int64_t *ret)
{
	char digits[INTEGER_DIGITS_MAX + 1];
	char *end;

	if (text.len == 0 || text.len > INTEGER_DIGITS_MAX) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		bool is_digit = text.data[i] >= '0' && text.data[i] <= '9';

		if (!is_digit && !(i == 0 && text.data[i] == '-')) {
			return false;
		}
	}
	memcpy(digits, text.data, text.len);
	digits[text.len] = '\0';
	errno = 0;
	*ret = strtoll(digits, &end, 10);
	return errno == 0 && *end == '\0' && end != digits;
}

static int bind_value(
	sqlite3_stmt *stmt, int index, const struct store_value *value, const char **ret_problem)
{
	int64_t integer;

	if (value->kind == STORE_VALUE_NULL || slice_is_null(value->text)) {
		return sqlite3_bind_null(stmt, index);
	}
	if (value->kind == STORE_VALUE_BOOL) {
		return sqlite3_bind_int(stmt, index, slice_equal_str(value->text, "true"));
	}
	if (value->kind == STORE_VALUE_NUMBER && parse_integer(value->text, &integer)) {
		return sqlite3_bind_int64(stmt, index, integer);
	}
	if (memchr(value->text.data, '\0', value->text.len)) {
		*ret_problem = "a value holds a NUL byte, which a text cannot";
		return SQLITE_ERROR;
	}
	return sqlite3_bind_text64(
		stmt, index, value->text.data, value->text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static int parameter_index(sqlite3_stmt *stmt, size_t number)
{
	char name[24];

	snprintf(name, sizeof(name), "$%zu", number);
	return sqlite3_bind_parameter_index(stmt, name);
}

int lite_bind_values(sqlite3_stmt *stmt, const struct store_value *values, size_t count,
	const char **ret_problem)
{
	int code = SQLITE_OK;

	*ret_problem = NULL;
	for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
		int index = parameter_index(stmt, i + 1);

		if (index > 0) {
			code = bind_value(stmt, index, &values[i], ret_problem);
		}
	}
	return code;
}

/* A blob of no bytes has no address. */
static struct slice value_of(sqlite3_stmt *stmt, int column)
{
	bool is_blob = false;
	const void *data;

	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_NULL:
		return SLICE_NULL;
	case SQLITE_BLOB:
		is_blob = true;
		break;
	default:
		break;
	}
	data = is_blob ? sqlite3_column_blob(stmt, column)
		       : (const void *)sqlite3_column_text(stmt, column);
	return slice_from(data ? data : "", (size_t)sqlite3_column_bytes(stmt, column));
}

bool lite_take_row(sqlite3_stmt *stmt, struct query_rows *rows)
{
	int columns = sqlite3_column_count(stmt);

	if (!query_rows_begin_row(rows, (size_t)columns)) {
		return false;
	}
	for (int i = 0; i < columns; i++) {
		query_rows_add(rows, value_of(stmt, i));
	}
	return !rows->is_too_large;
}

static const char *rest_of(const char *tail)
{
	while (*tail == ' ' || *tail == '\t' || *tail == '\n' || *tail == '\r' || *tail == ';') {
		tail++;
	}
	return tail;
}

static sqlite3_stmt *prepare(
	struct lite_session *session, const char *sql, enum store_failure *failure, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	const char *tail = "";
	int code;

	*failure = STORE_STATEMENT;
	if (statement_text_refused(sql)) {
		err_set(err, 0,
			"a handler's statement must not control the transaction or the session");
		snprintf(err->code, sizeof(err->code), "SQLITE_AUTH");
		return NULL;
	}
	lite_start(session);
	code = sqlite3_prepare_v3(session->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, &tail);
	if (code != SQLITE_OK) {
		*failure = lite_failure(session, code, err);
		return NULL;
	}
	if (!stmt || *rest_of(tail) != '\0') {
		sqlite3_finalize(stmt);
		err_set(err, 0, "exactly one statement is expected");
		snprintf(err->code, sizeof(err->code), "SQLITE_ERROR");
		return NULL;
	}
	*failure = STORE_OK;
	return stmt;
}

sqlite3_stmt *lite_prepare_user(
	struct lite_session *session, size_t index, enum store_failure *failure, struct err *err)
{
	sqlite3_stmt **stmt = &session->user[index];

	*failure = STORE_OK;
	if (!*stmt) {
		*stmt = prepare(
			session, session->store->options.statements[index].sql, failure, err);
	} else {
		sqlite3_reset(*stmt);
		sqlite3_clear_bindings(*stmt);
	}
	return *stmt;
}

int lite_session_check(struct store_session *session, size_t index, struct err *err)
{
	struct lite_session *lite = lite_session(session);
	unsigned expected = lite->store->options.statements[index].param_count;
	enum store_failure failure;
	sqlite3_stmt *stmt;
	unsigned count;

	if (!lite->db) {
		return err_set(err, 1, "the SQLite store is not open");
	}
	stmt = lite_prepare_user(lite, index, &failure, err);
	if (!stmt) {
		return failure == STORE_STATEMENT ? -EINVAL : 1;
	}
	count = (unsigned)sqlite3_bind_parameter_count(stmt);
	for (unsigned i = 1; i <= expected && count == expected; i++) {
		count = parameter_index(stmt, i) > 0 ? count : 0;
	}
	if (count != expected) {
		snprintf(err->code, sizeof(err->code), "SQLITE_RANGE");
		return err_set(err, -EINVAL,
			"the statement has other parameters than the %u expected: $1, $2 ...",
			expected);
	}
	return 0;
}
