/*
 * connect - open the file of a session, with the settings that make a commit durable
 *
 * Runs in: the session's thread (session_interrupt: any). SQLite waits for locks and works in our
 * callbacks' hearing: both end at a deadline or when the session is interrupted. Shared memory of
 * the write-ahead log does not work across hosts, so network file systems are refused.
 */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "store/sqlite/sqlite.h"

enum { PROGRESS_STEPS = 10000, LOCK_POLL_NS = 2000000 };

/* Magic numbers of statfs(2), where linux/magic.h has them or not. */
static const struct {
	unsigned long magic;
	const char *name;
} network_file_systems[] = {
	{ 0x6969, "NFS" },
	{ 0x517B, "SMB" },
	{ 0xFF534D42, "CIFS" },
	{ 0xFE534D42, "SMB2" },
	{ 0x5346414F, "AFS" },
	{ 0x00C36400, "Ceph" },
	{ 0x73757245, "Coda" },
	{ 0x01021997, "9P" },
	{ 0x0BD00BD0, "Lustre" },
	{ 0x01161970, "GFS2" },
	{ 0x7461636F, "OCFS2" },
};

static int check_file_system(const char *path, struct err *err)
{
	_cleanup_free_ char *copy = xstrdup(path);
	const char *directory = dirname(copy);
	struct statfs fs;

	if (statfs(directory, &fs) != 0) {
		return err_set(err, -EINVAL, "the directory %s of the SQLite store: %s", directory,
			strerror(errno));
	}
	for (size_t i = 0; i < sizeof(network_file_systems) / sizeof(network_file_systems[0]);
		i++) {
		if (((unsigned long)fs.f_type & 0xFFFFFFFF) == network_file_systems[i].magic) {
			return err_set(err, -EINVAL,
				"the SQLite store %s is on a network file system (%s): use a local "
				"disk",
				path, network_file_systems[i].name);
		}
	}
	return 0;
}

static int on_busy(void *arg, int tries)
{
	struct lite_session *session = arg;
	struct timespec pause = { .tv_nsec = LOCK_POLL_NS };

	if (atomic_load(&session->is_interrupted) || clock_mono_us() >= session->lock_deadline_us) {
		return 0;
	}
	nanosleep(&pause, NULL);
	return 1;
}

static int on_progress(void *arg)
{
	const struct lite_session *session = arg;

	return atomic_load(&session->is_interrupted) ||
		clock_mono_us() >= session->statement_deadline_us;
}

static int connect_failed(struct lite_session *session, int code, struct err *err)
{
	bool is_operators_affair;

	lite_failure(session, code, err);
	code &= 0xff;
	is_operators_affair = code == SQLITE_CANTOPEN || code == SQLITE_PERM ||
		code == SQLITE_NOTADB || code == SQLITE_AUTH;
	return err_prefix(err, is_operators_affair ? -EINVAL : 1, "cannot open the SQLite store %s",
		session->store->path);
}

/*
 * WAL is a property of the file; asking for it again costs nothing. synchronous and foreign keys
 * are the connection's.
 */
static const char *const settings[] = {
	"PRAGMA journal_mode = WAL",
	"PRAGMA synchronous = FULL",
	"PRAGMA foreign_keys = ON",
};

bool lite_file_is_in_place(const struct lite_session *session)
{
	struct stat st;

	return stat(session->store->path, &st) == 0 && st.st_dev == session->device &&
		st.st_ino == session->inode;
}

static void remember_file(struct lite_session *session)
{
	struct stat st = { .st_ino = 0 };

	stat(session->store->path, &st); /* a file already gone is found out at BEGIN */
	session->device = st.st_dev;
	session->inode = st.st_ino;
}

int lite_connect(struct lite_session *session, int flags, struct err *err)
{
	int result = check_file_system(session->store->path, err);
	int code;

	if (result != 0) {
		return result;
	}
	code = sqlite3_open_v2(session->store->path, &session->db,
		flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	sqlite3_busy_handler(session->db, on_busy, session);
	sqlite3_progress_handler(session->db, PROGRESS_STEPS, on_progress, session);
	for (size_t i = 0; code == SQLITE_OK && i < sizeof(settings) / sizeof(settings[0]); i++) {
		lite_start(session);
		code = sqlite3_exec(session->db, settings[i], NULL, NULL, NULL);
	}
	if (code != SQLITE_OK) {
		result = connect_failed(session, code, err);
		lite_disconnect(session);
		return result;
	}
	remember_file(session);
	return 0;
}

void lite_disconnect(struct lite_session *session)
{
	for (size_t i = 0; i < LITE_OWN_COUNT; i++) {
		sqlite3_finalize(session->own[i]);
		session->own[i] = NULL;
	}
	for (size_t i = 0; i < session->store->options.statement_count; i++) {
		sqlite3_finalize(session->user[i]);
		session->user[i] = NULL;
	}
	sqlite3_close(session->db);
	session->db = NULL;
	session->is_spoiled = false;
	session->should_reopen = false;
	session->scope_id = -1;
	topic_cache_fini(&session->topics);
}

/* An interrupt ends one thing: this. */
void lite_lose(struct lite_session *session)
{
	lite_disconnect(session);
	atomic_store(&session->is_interrupted, false);
}

static bool is_usable(const struct lite_session *session)
{
	if (!session->db) {
		return false;
	}
	return lite_is_in_transaction(session) ||
		(!session->should_reopen && lite_file_is_in_place(session));
}

int lite_session_ready(struct store_session *session, struct err *err)
{
	struct lite_session *lite = lite_session(session);
	int result;

	if (atomic_exchange(&lite->is_interrupted, false)) {
		return err_set(err, 1, "interrupted before the database was asked");
	}
	if (is_usable(lite)) {
		return 0;
	}
	lite_disconnect(lite);
	result = lite_connect(lite, SQLITE_OPEN_READWRITE, err);
	if (result == 0) {
		result = lite_schema_check(lite, err);
	}
	if (result != 0) {
		lite_disconnect(lite);
	}
	return result;
}

int lite_session_open(struct store *store, struct store_session **ret, struct err *err)
{
	struct lite_session *session = NEW(struct lite_session);

	session->base.ops = store->ops;
	session->store = (struct lite_store *)store;
	session->user =
		xcalloc(session->store->options.statement_count + 1, sizeof(*session->user));
	session->scope_id = -1;
	*ret = &session->base;
	return 0;
}

void lite_session_close(struct store_session *session)
{
	struct lite_session *lite = lite_session(session);

	if (!session) {
		return;
	}
	lite_disconnect(lite);
	arena_fini(&lite->decisions);
	query_rows_fini(&lite->rows);
	free(lite->user);
	free(lite);
}

void lite_session_interrupt(struct store_session *session)
{
	atomic_store(&lite_session(session)->is_interrupted, true);
}
