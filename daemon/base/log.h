/*
 * log - structured lines that never block the caller
 *
 * Runs in: every process, any thread. A line is a message and typed fields. Lines go to one
 * descriptor; when it would block they wait in a bounded ring and are written by the next call or
 * by log_flush(). When the ring is full the line is dropped and counted; a later line says how
 * many.
 *
 * One write a line, of at most 4,096 bytes, never cut by another process's line. The flags of the
 * descriptor are left alone: others share it. The process ignores SIGPIPE.
 *
 * In the journal's own form (LOG_FORMAT_JOURNAL) a line is one datagram to journald, with a field
 * of the journal for each of its own, and a MESSAGE_ID where it has a name (base/log_id.h).
 *
 * Payloads and secrets are never logged. A line that is the same to the last field is told a few
 * times, then only how often it came (base/log_repeat.h); lines that differ are the caller's duty
 * (see log_every).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/log_id.h"
#include "base/log_level.h"
#include "base/slice.h"

enum log_format {
	LOG_FORMAT_AUTO,
	LOG_FORMAT_LOGFMT,
	LOG_FORMAT_JSON,
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JOURNAL
};

enum log_field_kind {
	LOG_FIELD_END,
	LOG_FIELD_STR,
	LOG_FIELD_INT,
	LOG_FIELD_SLICE,
	LOG_FIELD_SECONDS,
	LOG_FIELD_ID, /* the line's name; seen in the journal alone */
};

struct log_field {
	enum log_field_kind kind;
	const char *name;
	union {
		const char *str; /* NULL leaves the field out */
		int64_t integer;
		/* null leaves the field out; bytes outside printable ASCII are escaped */
		struct slice slice;
		double seconds;
		enum log_id id;
	};
};

#define LOG_STR(field_name, value) ((struct log_field){ LOG_FIELD_STR, field_name, .str = (value) })
#define LOG_INT(field_name, value)                                                                 \
	((struct log_field){ LOG_FIELD_INT, field_name, .integer = (value) })
#define LOG_SLICE(field_name, value)                                                               \
	((struct log_field){ LOG_FIELD_SLICE, field_name, .slice = (value) })
#define LOG_SECONDS(field_name, value)                                                             \
	((struct log_field){ LOG_FIELD_SECONDS, field_name, .seconds = (value) })

#define LOG_ID(log_id_name) ((struct log_field){ LOG_FIELD_ID, NULL, .id = LOG_ID_##log_id_name })

/* Whose lines those of a file are; libraries of the build set it. */
#ifndef LOG_MODULE
#define LOG_MODULE LOG_MODULE_MAIN
#endif

/*
 * log_error("commit refused", LOG_STR("topic", t), LOG_INT("partition", p)); the message is a
 * constant sentence
 */
#define log_from(module, level, ...)                                                               \
	LOG_CALL_((module), (level), __VA_ARGS__, (struct log_field){ LOG_FIELD_END, 0, { 0 } })
#define LOG_CALL_(module, level, message, ...)                                                     \
	log_write((module), (level), (message), (const struct log_field[]){ __VA_ARGS__ })
#define log_at(level, ...) log_from(LOG_MODULE, level, __VA_ARGS__)
#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * Choose descriptor, format, level and the fields every line of this process carries (for a worker
 * its consumer and slot; pairs are copied). AUTO: text on a terminal, the journal's own form where
 * the descriptor leads to the journal ($JOURNAL_STREAM), logfmt elsewhere. JOURNAL without a
 * journal is logfmt. Before the first call lines go to standard error as text at level info. The
 * descriptor stays the caller's and must stay open.
 */
void log_init(int fd, enum log_format format, enum log_level level, const char *process,
	const char *consumer, int slot);

/* From now on, whatever the thread; valid ones. */
void log_set_levels(const struct log_levels *levels);

/* `fields` ends with LOG_FIELD_END. Use the macros. */
void log_write(enum log_module module, enum log_level level, const char *message,
	const struct log_field *fields);

/* Would such a line be written? For callers to whom making it is dear. */
bool log_is_wanted(enum log_module module, enum log_level level);

/*
 * Write what waits in the ring, as far as the descriptor takes it now, and tell repeats whose time
 * has come. Called about once a second.
 */
void log_flush(void);

/* The last words of a process: as log_flush(), and every repeat that was not told yet. */
void log_finish(void);

/* Lines dropped since the start. */
uint64_t log_dropped(void);

/*
 * At most one line per `interval_us` from one place: returns true when the caller should log, and
 * then gives the number of calls that were held back since. `state` is zero-initialised by the
 * caller.
 */
struct log_limit {
	int64_t next_us;
	uint64_t held_back;
};
bool log_every(
	struct log_limit *state, int64_t now_us, int64_t interval_us, uint64_t *ret_held_back);
