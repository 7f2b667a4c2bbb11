/*
 * exec_talk - one line to a command, one line back, by a deadline
 *
 * Runs in: worker, a lane's thread, over the pipes of the lane's own child. Nothing here waits for
 * longer than the deadline, whatever the command does: reads nothing, writes for ever, hangs, dies.
 * SIGPIPE is to be blocked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec_reply.h"
#include "exec_spawn.h"

enum exec_talk_end {
	EXEC_TALK_REPLY, /* a whole line came */
	EXEC_TALK_TIMEOUT,
	EXEC_TALK_TOO_LONG, /* more than EXEC_REPLY_MAX bytes without a newline */
	EXEC_TALK_ENDED, /* it died, or closed a pipe */
};

struct exec_talk {
	char reply[EXEC_REPLY_MAX + 1];
	size_t reply_len; /* of the line, without its newline */
	bool is_behind; /* bytes came behind the line: what comes next is in doubt */
	bool was_read; /* the command has read some of what was written */
};

enum exec_talk_end exec_talk(struct exec_talk *talk, const struct exec_process *process,
	const char *line, size_t len, int64_t deadline_us);

/* Before a line is written: is the command there, and silent? */
enum exec_idle { EXEC_IDLE_READY, EXEC_IDLE_ENDED, EXEC_IDLE_NOISY };
enum exec_idle exec_talk_idle(const struct exec_process *process);
