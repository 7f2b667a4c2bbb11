/*
 * exec_spawn - start a command as a child with exactly what it should have
 *
 * Runs in: worker, the keeper's thread, and no other: a child is killed when the thread that
 * started it ends (PR_SET_PDEATHSIG), however the worker dies.
 *
 * The child leads a process group of its own, has descriptors 0, 1 and 2 (pipes) and no other, all
 * signals at their defaults and unblocked, and the environment given. Between vfork and exec only
 * async-signal-safe calls are made.
 */
#pragma once

#include <sys/types.h>

/* What to start. Borrowed during the call. */
struct exec_program {
	char *const *argv; /* NULL-terminated, at least one; found in PATH of `envp` */
	char *const *envp; /* NULL-terminated "NAME=value" */
	const char *directory; /* to work in; NULL: ours */
};

struct exec_process {
	pid_t pid; /* of the process group, too */
	int pidfd;
	int stdin_fd, stdout_fd, stderr_fd; /* our ends, nonblocking */
};

#define EXEC_PROCESS_INIT                                                                          \
	((struct exec_process){                                                                    \
		.pid = 0, .pidfd = -1, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1 })

/*
 * 0 when the child runs its program; -errno, with the step that failed in `ret_step`, when there is
 * no child.
 */
int exec_spawn(
	const struct exec_program *program, struct exec_process *ret, const char **ret_step);

/* Close what is open. Neither kills nor reaps. */
void exec_process_fini(struct exec_process *process);
