#include "store/sqlite/file.h"

#include <errno.h>
#include <sqlite3.h>

#include "base/memory.h"

enum { BUSY_TIMEOUT_MS = 5000 };

struct lite_file {
	sqlite3 *db;
};

struct rows {
	void (*on_row)(void *arg, char *const *values);
	void *arg;
};

int lite_file_open(const char *path, struct lite_file **ret, struct err *err)
{
	_cleanup_(lite_file_closep) struct lite_file *file = NEW(struct lite_file);

	if (sqlite3_open(path, &file->db) != SQLITE_OK) {
		return err_set(err, -EIO, "%s: %s", path, sqlite3_errmsg(file->db));
	}
	sqlite3_busy_timeout(file->db, BUSY_TIMEOUT_MS);
	*ret = TAKE(file);
	return 0;
}

void lite_file_close(struct lite_file *file)
{
	if (file) {
		sqlite3_close(file->db);
		free(file);
	}
}

static int give_row(void *arg, int count, char **values, char **names)
{
	const struct rows *rows = arg;

	if (rows->on_row) {
		rows->on_row(rows->arg, values);
	}
	return 0;
}

int lite_file_run(struct lite_file *file, const char *sql,
	void (*on_row)(void *arg, char *const *values), void *arg, struct err *err)
{
	struct rows rows = { on_row, arg };

	if (sqlite3_exec(file->db, sql, give_row, &rows, NULL) != SQLITE_OK) {
		return err_set(err, -EIO, "%s", sqlite3_errmsg(file->db));
	}
	return 0;
}
