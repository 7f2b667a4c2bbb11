/*
 * failure - what a result code of SQLite means for the unit of work
 *
 * Pure but for the connection's last message. Whose fault a STORE_STATEMENT is, is decided
 * elsewhere.
 */
#include <stdio.h>

#include "store/sqlite/sqlite.h"

#define NAMED(code)                                                                                \
	{                                                                                          \
		code, #code                                                                        \
	}

/* Extended codes that people meet, then the primary ones they fall back to. */
static const struct {
	int code;
	const char *name;
} names[] = {
	NAMED(SQLITE_CONSTRAINT_CHECK),
	NAMED(SQLITE_CONSTRAINT_FOREIGNKEY),
	NAMED(SQLITE_CONSTRAINT_NOTNULL),
	NAMED(SQLITE_CONSTRAINT_PRIMARYKEY),
	NAMED(SQLITE_CONSTRAINT_ROWID),
	NAMED(SQLITE_CONSTRAINT_TRIGGER),
	NAMED(SQLITE_CONSTRAINT_UNIQUE),
	NAMED(SQLITE_CONSTRAINT_DATATYPE),
	NAMED(SQLITE_BUSY_RECOVERY),
	NAMED(SQLITE_BUSY_SNAPSHOT),
	NAMED(SQLITE_BUSY_TIMEOUT),
	NAMED(SQLITE_READONLY_DBMOVED),
	NAMED(SQLITE_READONLY_DIRECTORY),
	NAMED(SQLITE_IOERR_READ),
	NAMED(SQLITE_IOERR_WRITE),
	NAMED(SQLITE_IOERR_FSYNC),
	NAMED(SQLITE_IOERR_SHORT_READ),
	NAMED(SQLITE_ERROR),
	NAMED(SQLITE_INTERNAL),
	NAMED(SQLITE_PERM),
	NAMED(SQLITE_ABORT),
	NAMED(SQLITE_BUSY),
	NAMED(SQLITE_LOCKED),
	NAMED(SQLITE_NOMEM),
	NAMED(SQLITE_READONLY),
	NAMED(SQLITE_INTERRUPT),
	NAMED(SQLITE_IOERR),
	NAMED(SQLITE_CORRUPT),
	NAMED(SQLITE_FULL),
	NAMED(SQLITE_CANTOPEN),
	NAMED(SQLITE_PROTOCOL),
	NAMED(SQLITE_SCHEMA),
	NAMED(SQLITE_TOOBIG),
	NAMED(SQLITE_CONSTRAINT),
	NAMED(SQLITE_MISMATCH),
	NAMED(SQLITE_MISUSE),
	NAMED(SQLITE_AUTH),
	NAMED(SQLITE_RANGE),
	NAMED(SQLITE_NOTADB),
};

/*
 * By primary code; `is_file`: the file itself failed, open it anew. What is not listed is the
 * statement's.
 */
static const struct {
	int code;
	enum store_failure failure;
	bool is_file;
} classes[] = {
	{ SQLITE_BUSY, STORE_UNAVAILABLE, false },
	{ SQLITE_LOCKED, STORE_CONFLICT, false },
	{ SQLITE_SCHEMA, STORE_CONFLICT, false },
	{ SQLITE_FULL, STORE_UNAVAILABLE, false },
	{ SQLITE_NOMEM, STORE_UNAVAILABLE, false },
	{ SQLITE_IOERR, STORE_UNAVAILABLE, true },
	{ SQLITE_CANTOPEN, STORE_UNAVAILABLE, true },
	{ SQLITE_READONLY, STORE_UNAVAILABLE, true },
	{ SQLITE_PERM, STORE_UNAVAILABLE, true },
	{ SQLITE_AUTH, STORE_UNAVAILABLE, true },
	{ SQLITE_CORRUPT, STORE_UNAVAILABLE, true },
	{ SQLITE_NOTADB, STORE_UNAVAILABLE, true },
	{ SQLITE_PROTOCOL, STORE_UNAVAILABLE, true },
	{ SQLITE_INTERRUPT, STORE_TIMEOUT, false },
};

static const char *code_name(int code)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].code == code) {
			return names[i].name;
		}
	}
	return code == (code & 0xff) ? "SQLITE_UNKNOWN" : code_name(code & 0xff);
}

enum store_failure lite_failure(struct lite_session *session, int result_code, struct err *err)
{
	err_set(err, 0, "%s",
		session->db ? sqlite3_errmsg(session->db) : sqlite3_errstr(result_code));
	snprintf(err->code, sizeof(err->code), "%s", code_name(result_code));
	if (atomic_load(&session->is_interrupted)) {
		err_set(err, 0, "interrupted while the database was working");
		return STORE_LOST;
	}
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (classes[i].code == (result_code & 0xff)) {
			session->should_reopen |= classes[i].is_file;
			return classes[i].failure;
		}
	}
	return STORE_STATEMENT;
}
