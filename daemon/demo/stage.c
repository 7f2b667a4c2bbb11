#include "demo/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "demo/orders.h"
#include "demo/script.h"

enum {
	BROKER_START_MS = 10000,
	STOP_MS = 20000, /* the daemon's own drain.timeout is half of it */
	BROKER_STOP_MS = 5000,
	LOG_TAIL_BYTES = 4000,
	REMOVE_FDS = 16,
};

/* ---- files ---- */

static void path_of(const struct stage *stage, const char *name, char ret[STAGE_PATH_MAX + 32])
{
	snprintf(ret, STAGE_PATH_MAX + 32, "%s/%s", stage->directory, name);
}

static int make_directory(struct stage *stage, struct err *err)
{
	const char *parent = getenv("TMPDIR");
	char path[STAGE_PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/onced-demo.XXXXXX",
		parent && parent[0] == '/' ? parent : "/tmp");

	if (len >= (int)sizeof(path)) {
		return err_set(err, -ENAMETOOLONG, "TMPDIR is too long");
	}
	if (!mkdtemp(path)) {
		return err_set(err, -errno, "cannot make %s: %m", path);
	}
	memcpy(stage->directory, path, sizeof(path));
	return 0;
}

/*
 * The address of a UNIX socket is short; a deep directory is reached through our working directory.
 */
static int choose_socket(struct stage *stage, struct err *err)
{
	int len = snprintf(stage->socket_path, sizeof(stage->socket_path), "%s/control.sock",
		stage->directory);

	if (len < (int)sizeof(stage->socket_path)) {
		return 0;
	}
	if (chdir(stage->directory) < 0) {
		return err_set(err, -errno, "cannot enter %s: %m", stage->directory);
	}
	snprintf(stage->socket_path, sizeof(stage->socket_path), "/proc/%d/cwd/control.sock",
		(int)getpid());
	return 0;
}

static int open_log(struct stage *stage, struct err *err)
{
	char path[STAGE_PATH_MAX + 32];
	_cleanup_close_ int fd = -1;

	path_of(stage, "onced.log", path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	stage->stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0 || stage->stderr_fd < 0 || dup2(fd, STDERR_FILENO) < 0) {
		return err_set(err, -errno, "cannot write %s: %m", path);
	}
	log_init(STDERR_FILENO, LOG_FORMAT_LOGFMT, LOG_LEVEL_WARNING, "demo", NULL, -1);
	return 0;
}

static int write_file(const char *path, const struct buffer *text, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text->data, text->len) != (ssize_t)text->len) {
		return err_set(err, -EIO, "cannot write %s: %m", path);
	}
	return 0;
}

static int write_config(const struct stage *stage, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	char path[STAGE_PATH_MAX + 32];

	path_of(stage, "state", path);
	if (mkdir(path, 0700) < 0) {
		return err_set(err, -errno, "cannot make %s: %m", path);
	}
	script_write_config(&text, stage->directory, stage->socket_path, stage->bootstrap);
	path_of(stage, "onced.ini", path);
	return write_file(path, &text, err);
}

static int create_database(struct stage *stage, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer sql = BUFFER_INIT;
	char path[STAGE_PATH_MAX + 32];
	int r;

	path_of(stage, SCRIPT_DATABASE, path);
	r = lite_file_open(path, &stage->database, err);
	if (r < 0) {
		return r;
	}
	script_write_schema(&sql);
	return lite_file_run(stage->database, buffer_str(&sql), NULL, NULL, err);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

/* ---- processes ---- */

static int watch_signals(struct stage *stage, struct err *err)
{
	sigset_t wanted;
	int r = process_block_signals();

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGHUP);
	stage->signal_fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r < 0 || stage->signal_fd < 0) {
		return err_set(err, -EIO, "cannot watch signals: %m");
	}
	return 0;
}

/* The broker's first line is its address. */
static int read_address(struct stage *stage, struct err *err)
{
	struct pollfd wait = { .fd = stage->broker_fd, .events = POLLIN };
	ssize_t size = poll(&wait, 1, BROKER_START_MS) == 1
		? read(stage->broker_fd, stage->bootstrap, sizeof(stage->bootstrap) - 1)
		: -1;

	if (size <= 0 || stage->bootstrap[size - 1] != '\n') {
		return err_set(err, -EIO, "the embedded broker did not start");
	}
	stage->bootstrap[size - 1] = '\0';
	return 0;
}

static int start_broker(struct stage *stage, struct err *err)
{
	static const char *const argv[] = { "onced", "--embedded-broker", NULL };
	_cleanup_close_ int theirs = -1;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		return err_set(err, -errno, "cannot start the embedded broker: %m");
	}
	stage->broker_fd = pair[0];
	theirs = pair[1];
	r = process_spawn(&(struct process_spec){ .exe = "/proc/self/exe",
				  .argv = argv,
				  .channel_fd = theirs,
				  .config_fd = -1,
				  .page_fd = -1 },
		&stage->broker, err);
	if (r < 0) {
		return r;
	}
	close(TAKE_FD(theirs)); /* its end must be the only one, or its death is not seen */
	return read_address(stage, err);
}

static int start_daemon(struct stage *stage, struct err *err)
{
	char config[STAGE_PATH_MAX + 32];
	const char *argv[] = { "onced", "-c", config, NULL };

	path_of(stage, "onced.ini", config);
	return process_spawn(&(struct process_spec){ .exe = "/proc/self/exe",
				     .argv = argv,
				     .channel_fd = -1,
				     .config_fd = -1,
				     .page_fd = -1 },
		&stage->daemon, err);
}

int stage_open(struct stage *stage, struct err *err)
{
	static int (*const steps[])(struct stage *, struct err *) = {
		watch_signals,
		make_directory,
		choose_socket,
		open_log,
		create_database,
		start_broker,
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int r = steps[i](stage, err);

		if (r < 0) {
			return r;
		}
	}
	if (write_config(stage, err) < 0) {
		return -EIO;
	}
	return start_daemon(stage, err);
}

int stage_pause(struct stage *stage, int ms, struct err *err)
{
	struct pollfd wait[] = {
		{ .fd = stage->signal_fd, .events = POLLIN },
		{ .fd = stage->daemon.pidfd, .events = POLLIN }, /* -1 once stopped: ignored */
		{ .fd = stage->broker.pidfd, .events = POLLIN },
	};

	if (poll(wait, 3, ms) <= 0) {
		return 0;
	}
	if (wait[0].revents) {
		return err_set(err, -EINTR, "interrupted");
	}
	return err_set(err, -ECHILD, "%s ended by itself",
		wait[1].revents ? "the daemon" : "the embedded broker");
}

/* Reap one that has ended, kill it before where it has not. */
static int end_process(struct process *process, int timeout_ms)
{
	int status = 0;

	if (process->pidfd < 0) {
		return 0;
	}
	if (process_wait_end(process, timeout_ms) < 0) {
		process_destroy(process);
		return -ETIMEDOUT;
	}
	(void)waitpid(process->pid, &status, 0);
	process_fini(process);
	return status;
}

int stage_stop_daemon(struct stage *stage, struct err *err)
{
	int status;

	(void)process_signal(&stage->daemon, SIGTERM);
	status = end_process(&stage->daemon, STOP_MS);
	if (status < 0) {
		return err_set(err, -EPROTO, "the daemon did not stop in time");
	}
	if (status != 0) {
		return err_set(err, -EPROTO, "the daemon ended with wait status 0x%x", status);
	}
	return 0;
}

void stage_show_log(const struct stage *stage)
{
	char path[STAGE_PATH_MAX + 32], tail[LOG_TAIL_BYTES];
	_cleanup_close_ int fd = -1;
	ssize_t size;
	const char *line;

	path_of(stage, "onced.log", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	(void)lseek(fd, -(off_t)sizeof(tail), SEEK_END); /* a shorter file is read whole */
	size = read(fd, tail, sizeof(tail));
	line = size == (ssize_t)sizeof(tail) ? memchr(tail, '\n', sizeof(tail)) : NULL;
	line = line ? line + 1 : tail;
	if (size > 0) {
		dprintf(stage->stderr_fd, "The last lines of the log:\n%.*s",
			(int)(size - (line - tail)), line);
	}
}

void stage_close(struct stage *stage)
{
	struct err ignored = ERR_INIT;

	(void)stage_stop_daemon(stage, &ignored);
	if (stage->broker_fd >= 0) {
		close(TAKE_FD(stage->broker_fd));
	}
	(void)end_process(&stage->broker, BROKER_STOP_MS);
	lite_file_close(TAKE(stage->database));
	if (stage->stderr_fd >= 0) {
		(void)dup2(stage->stderr_fd, STDERR_FILENO);
		close(TAKE_FD(stage->stderr_fd));
	}
	if (stage->directory[0]) {
		(void)nftw(stage->directory, remove_one, REMOVE_FDS, FTW_DEPTH | FTW_PHYS);
	}
	if (stage->signal_fd >= 0) {
		close(TAKE_FD(stage->signal_fd));
	}
}
