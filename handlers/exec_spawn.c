/*
 * exec_spawn - start a command as a child with exactly what it should have
 *
 * Runs in: worker, the keeper's thread. vfork, as posix_spawn does it: the worker may be large, and
 * has threads. posix_spawn itself can neither ask for a signal at our death nor name the step that
 * failed.
 */
#include "exec_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_FREE_FD = 3, SIGNAL_LAST = 64 };

/* What fails before exec, and how it is told. */
enum step { STEP_SETUP, STEP_DIRECTORY, STEP_EXEC };

static const char *const step_names[] = {
	[STEP_SETUP] = "prepare its process",
	[STEP_DIRECTORY] = "change to its directory",
	[STEP_EXEC] = "run it",
};

struct failure {
	enum step step;
	int error;
};

/* All that the child needs; made before it lives. */
struct birth {
	const struct exec_program *program;
	const char *path;
	pid_t parent;
	int fds[3]; /* become 0, 1, 2 */
	int failure_fd; /* closed by exec; all above FIRST_FREE_FD */
};

/* ---- the program's path ---- */

static const char *path_variable(char *const *envp)
{
	for (; *envp; envp++) {
		if (strncmp(*envp, "PATH=", 5) == 0) {
			return *envp + 5;
		}
	}
	return "/usr/local/bin:/usr/bin:/bin";
}

static bool is_program(const char *path)
{
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* A name without a slash is looked for, before the child lives: it may not allocate. */
static int find_program(const struct exec_program *program, char path[PATH_MAX])
{
	const char *name = program->argv[0], *next;
	bool is_found = strchr(name, '/') != NULL;

	if (is_found && snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX) {
		return -ENAMETOOLONG;
	}
	for (const char *p = path_variable(program->envp); !is_found && *p; p = next) {
		size_t len = strcspn(p, ":");
		int size = snprintf(path, PATH_MAX, "%.*s/%s", (int)len, p, name);

		next = p[len] ? p + len + 1 : p + len;
		is_found = len > 0 && size < PATH_MAX && is_program(path);
	}
	return is_found ? 0 : -ENOENT;
}

/* ---- the child ---- */

static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	/* the C library keeps two for itself, and two cannot be changed: those fail and may */
	for (int number = 1; number <= SIGNAL_LAST; number++) {
		(void)sigaction(number, &action, NULL);
	}
}

static int place_descriptors(const struct birth *birth)
{
	for (int i = 0; i < 3; i++) {
		if (dup2(birth->fds[i], i) < 0) {
			return -1;
		}
	}
	if (birth->failure_fd > FIRST_FREE_FD &&
		close_range(FIRST_FREE_FD, (unsigned)birth->failure_fd - 1, 0) < 0) {
		return -1;
	}
	return close_range((unsigned)birth->failure_fd + 1, ~0U, 0);
}

static int set_up(const struct birth *birth)
{
	sigset_t none;

	reset_signals();
	if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
		return -1;
	}
	if (getppid() != birth->parent) {
		errno = ESRCH; /* died before it could ask */
		return -1;
	}
	if (place_descriptors(birth) < 0) {
		return -1;
	}
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

static enum step run(const struct birth *birth)
{
	const struct exec_program *program = birth->program;

	if (set_up(birth) < 0) {
		return STEP_SETUP;
	}
	if (program->directory && chdir(program->directory) < 0) {
		return STEP_DIRECTORY;
	}
	execve(birth->path, program->argv, program->envp);
	return STEP_EXEC;
}

__attribute__((noreturn, noinline)) static void become(const struct birth *birth)
{
	struct failure failure;
	ssize_t told;

	failure.step = run(birth);
	failure.error = errno;
	told = write(birth->failure_fd, &failure, sizeof(failure));
	_exit(told == sizeof(failure) ? 127 : 126);
}

/* The parent's thread goes on when the child has its program, or ended. */
__attribute__((noinline)) static pid_t give_birth(const struct birth *birth)
{
	pid_t pid = vfork();

	if (pid == 0) {
		become(birth);
	}
	return pid;
}

/* ---- the parent ---- */

/* Never 0, 1 or 2: those are the child's to be. */
static int lift(int *fd)
{
	int copy;

	if (*fd >= FIRST_FREE_FD) {
		return 0;
	}
	copy = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	if (copy < 0) {
		return -errno;
	}
	close(*fd);
	*fd = copy;
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
	*fd = -1;
}

static int make_pipe(int *ret_read, int *ret_write)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		return -errno;
	}
	*ret_read = fds[0];
	*ret_write = fds[1];
	r = lift(ret_read);
	return r < 0 ? r : lift(ret_write);
}

static int make_pipes(struct exec_process *process, struct birth *birth, int *ret_failure_fd)
{
	int r = make_pipe(&birth->fds[0], &process->stdin_fd);

	r = r < 0 ? r : make_pipe(&process->stdout_fd, &birth->fds[1]);
	r = r < 0 ? r : make_pipe(&process->stderr_fd, &birth->fds[2]);
	r = r < 0 ? r : make_pipe(ret_failure_fd, &birth->failure_fd);
	if (r < 0) {
		return r;
	}
	/* ours alone: the ends of a pipe have flags of their own */
	if (fcntl(process->stdin_fd, F_SETFL, O_NONBLOCK) < 0 ||
		fcntl(process->stdout_fd, F_SETFL, O_NONBLOCK) < 0 ||
		fcntl(process->stderr_fd, F_SETFL, O_NONBLOCK) < 0) {
		return -errno;
	}
	return 0;
}

/* 0 when the pipe was closed without a word: the program runs. */
static int read_failure(int fd, const char **ret_step)
{
	struct failure failure;
	ssize_t size;

	do {
		size = read(fd, &failure, sizeof(failure));
	} while (size < 0 && errno == EINTR);
	if (size == 0) {
		return 0;
	}
	if (size != sizeof(failure)) {
		return -EIO;
	}
	*ret_step = step_names[failure.step];
	return -failure.error;
}

static int start(
	struct birth *birth, struct exec_process *process, int failure_fd, const char **ret_step)
{
	int r;

	process->pid = give_birth(birth);
	if (process->pid < 0) {
		return -errno;
	}
	close_fd(&birth->failure_fd);
	r = read_failure(failure_fd, ret_step);
	if (r == 0) {
		/* nobody has reaped it, so the pid is still its own */
		process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
		r = process->pidfd < 0 ? -errno : 0;
	}
	if (r < 0) {
		/* it may run, and have started others */
		(void)kill(-process->pid, SIGKILL);
		(void)kill(process->pid, SIGKILL);
		(void)waitpid(process->pid, NULL, 0);
	}
	return r;
}

int exec_spawn(const struct exec_program *program, struct exec_process *ret, const char **ret_step)
{
	char path[PATH_MAX];
	struct birth birth = { .program = program,
		.path = path,
		.parent = getpid(),
		.fds = { -1, -1, -1 },
		.failure_fd = -1 };
	int failure_fd = -1, r;

	*ret = EXEC_PROCESS_INIT;
	*ret_step = "find it";
	r = find_program(program, path);
	if (r == 0) {
		*ret_step = step_names[STEP_SETUP];
		r = make_pipes(ret, &birth, &failure_fd);
	}
	if (r == 0) {
		r = start(&birth, ret, failure_fd, ret_step);
	}
	for (int i = 0; i < 3; i++) {
		close_fd(&birth.fds[i]);
	}
	close_fd(&birth.failure_fd);
	close_fd(&failure_fd);
	if (r < 0) {
		exec_process_fini(ret);
	}
	return r;
}

void exec_process_fini(struct exec_process *process)
{
	close_fd(&process->pidfd);
	close_fd(&process->stdin_fd);
	close_fd(&process->stdout_fd);
	close_fd(&process->stderr_fd);
	*process = EXEC_PROCESS_INIT;
}
