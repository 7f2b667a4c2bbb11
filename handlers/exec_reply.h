/*
 * exec_reply - the line that a command answers with
 *
 * Pure. The line comes from a foreign program: any bytes are to be expected.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "onced/handler.h"

enum { EXEC_REPLY_MAX = 64 * 1024 }; /* bytes of a line, without its newline */

enum exec_reply_kind {
	EXEC_REPLY_OK = 0,
	EXEC_REPLY_BAD, /* to this event, or to none that can be told, and not to be understood */
	EXEC_REPLY_OTHER, /* to another event */
};

/*
 * Read a reply to the event `sequence`. OK fills `ret` with the command's word; otherwise its
 * reason says what is wrong with the line, and nothing else of it is set.
 */
enum exec_reply_kind exec_reply_read(
	const char *line, size_t len, uint64_t sequence, struct onced_outcome *ret);
