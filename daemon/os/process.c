/*
 * process - start a child of ourselves with exactly the descriptors it should have
 *
 * Runs in: supervisor. Between fork and exec only async-signal-safe calls are made. What goes wrong
 * there comes back as an errno over a close-on-exec pipe: silence means exec worked.
 */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "os/proto.h"

enum {
	FD_PAST_CONTRACT = PROTO_FD_PAGE + 1, /* where the error pipe waits for exec to close it */
	FD_SCRATCH = 16, /* copies go here first, so that no dup2 overwrites a source */
};

/* C libraries keep two signals of their own; the kernel's calls below 0 fail and are ignored. */
enum { SIGNAL_LAST = 64 };

static const char *const hidden_variables[] = {
	"NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=", "LISTEN_PID=", "LISTEN_FDS=",
	"LISTEN_FDNAMES=", "ONCED__", /* overrides are resolved already, and may be secrets */
};

static int is_hidden(const char *entry)
{
	for (size_t i = 0; i < sizeof(hidden_variables) / sizeof(hidden_variables[0]); i++) {
		if (strncmp(entry, hidden_variables[i], strlen(hidden_variables[i])) == 0) {
			return 1;
		}
	}
	return 0;
}

/* Borrowed entries in a list of ours. */
static char **build_environment(void)
{
	size_t count = 0, kept = 0;
	char **list;

	while (environ && environ[count]) {
		count++;
	}
	list = xcalloc(count + 1, sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		if (!is_hidden(environ[i])) {
			list[kept++] = environ[i];
		}
	}
	return list;
}

static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signo = 1; signo <= SIGNAL_LAST; signo++) {
		(void)sigaction(signo, &action, NULL);
	}
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Put `fds[i]` at descriptor i for 0..5; -1 leaves it closed. */
static int place_descriptors(int fds[FD_PAST_CONTRACT], int *error_fd)
{
	int copy;

	for (int i = 0; i < FD_PAST_CONTRACT; i++) {
		if (fds[i] < 0) {
			continue;
		}
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_SCRATCH);
		if (fds[i] < 0) {
			return -errno;
		}
	}
	copy = fcntl(*error_fd, F_DUPFD_CLOEXEC, FD_SCRATCH);
	if (copy < 0) {
		return -errno;
	}
	if (dup3(copy, FD_PAST_CONTRACT, O_CLOEXEC) < 0) {
		return -errno;
	}
	*error_fd = FD_PAST_CONTRACT;
	for (int i = 0; i < FD_PAST_CONTRACT; i++) {
		if (fds[i] < 0) {
			(void)close(i);
		} else if (dup2(fds[i], i) < 0) {
			return -errno;
		}
	}
	return close_range(FD_PAST_CONTRACT + 1, ~0U, 0) < 0 ? -errno : 0;
}

/* SIGTERM when the supervisor dies; the check after it covers one that was faster. */
static int tie_to_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) {
		return -errno;
	}
	return getppid() == parent ? 0 : -ESRCH;
}

__attribute__((noreturn)) static void become(
	const struct process_spec *spec, char **environment, int error_fd, pid_t parent)
{
	int fds[FD_PAST_CONTRACT] = {
		[0] = open("/dev/null", O_RDWR | O_CLOEXEC),
		[1] = STDERR_FILENO,
		[2] = STDERR_FILENO,
		[PROTO_FD_CHANNEL] = spec->channel_fd,
		[PROTO_FD_CONFIG] = spec->config_fd,
		[PROTO_FD_PAGE] = spec->page_fd,
	};
	ssize_t told;
	int r;

	reset_signals();
	r = place_descriptors(fds, &error_fd);
	if (r == 0) {
		r = tie_to_parent(parent);
	}
	if (r == 0) {
		execve(spec->exe, (char *const *)spec->argv, environment);
		r = -errno;
	}
	told = write(error_fd, &r, sizeof(r));
	_exit(told == sizeof(r) ? 127 : 126);
}

/* 0 when the pipe closed without a word: exec worked. */
static int read_exec_error(int fd)
{
	ssize_t size;
	int r = 0;

	do {
		size = read(fd, &r, sizeof(r));
	} while (size < 0 && errno == EINTR);
	if (size < 0) {
		return -errno;
	}
	return size == sizeof(r) ? r : 0;
}

int process_spawn(const struct process_spec *spec, struct process *ret, struct err *err)
{
	_cleanup_free_ char **environment = build_environment();
	_cleanup_close_ int read_fd = -1, write_fd = -1, pidfd = -1;
	pid_t parent = getpid(), pid;
	int pipe_fds[2], r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
		return err_set(err, -errno, "cannot start %s: no pipe: %m", spec->exe);
	}
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	pid = fork();
	if (pid < 0) {
		return err_set(err, -errno, "cannot start %s: fork: %m", spec->exe);
	}
	if (pid == 0) {
		become(spec, environment, write_fd, parent);
	}
	close(TAKE_FD(write_fd));

	/* Nobody has reaped it, so the pid is still its own. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	r = pidfd < 0 ? -errno : read_exec_error(read_fd);
	if (r < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return err_set(err, r, "cannot start %s: %s", spec->exe, strerror(-r));
	}
	*ret = (struct process){ .pid = pid, .pidfd = TAKE_FD(pidfd) };
	return 0;
}

int process_signal(const struct process *process, int signo)
{
	if (process->pidfd < 0) {
		return 0;
	}
	if (syscall(SYS_pidfd_send_signal, process->pidfd, signo, NULL, 0) < 0) {
		return errno == ESRCH ? 0 : -errno;
	}
	return 0;
}

int process_open(pid_t pid, struct process *ret)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0) {
		return -errno;
	}
	*ret = (struct process){ .pid = pid, .pidfd = pidfd };
	return 0;
}

int process_wait_end(const struct process *process, int timeout_ms)
{
	struct pollfd wait = { .fd = process->pidfd, .events = POLLIN };
	int r = poll(&wait, 1, timeout_ms);

	if (r < 0) {
		return -errno;
	}
	return r > 0 ? 0 : -ETIMEDOUT;
}

void process_destroy(struct process *process)
{
	(void)process_signal(process, SIGKILL);
	(void)waitpid(process->pid, NULL, 0);
	process_fini(process);
}

void process_fini(struct process *process)
{
	if (process->pidfd >= 0) {
		close(process->pidfd);
	}
	*process = PROCESS_INIT;
}

int process_block_signals(void)
{
	static const int taken[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		sigaddset(&set, taken[i]);
	}
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}
