/*
 * test_process - children get what the contract says; locks, listeners and sealed memory hold
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "os/listener.h"
#include "os/lockfile.h"
#include "os/memfd.h"
#include "os/process.h"
#include "os/statedir.h"

static char dir[] = "/tmp/onced-process-XXXXXX";

static int setup(void **state)
{
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	_cleanup_free_ char *command = xasprintf("rm -rf '%s'", dir);

	return system(command);
}

/* Run a shell line as a child; its exit status. */
static int run(const char *line, int fd)
{
	const char *argv[] = { "sh", "-c", line, NULL };
	struct process_spec spec = {
		.exe = "/bin/sh", .argv = argv, .channel_fd = fd, .config_fd = fd, .page_fd = fd
	};
	_cleanup_(process_fini) struct process process = PROCESS_INIT;
	int status;

	assert_int_equal(process_spawn(&spec, &process, NULL), 0);
	assert_int_equal(waitpid(process.pid, &status, 0), process.pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void child_has_the_descriptors_of_the_contract_and_no_other(void **state)
{
	_cleanup_close_ int fd = open("/dev/null", O_RDWR);
	_cleanup_close_ int leak = fcntl(fd, F_DUPFD, 40); /* not close-on-exec */

	/* The glob itself opens one more for a moment. */
	assert_int_equal(
		run("for n in 0 1 2 3 4 5; do test -e /proc/$$/fd/$n || exit 1; done; "
		    "for n in 6 16 17 18 19 40; do test -e /proc/$$/fd/$n && exit 2; done; "
		    "exit 0",
			fd),
		0);
	assert_true(leak >= 40);
}

static void descriptors_not_given_are_closed(void **state)
{
	assert_int_equal(
		run("for n in 3 4 5; do test -e /proc/$$/fd/$n && exit 1; done; exit 0", -1), 0);
}

static void child_starts_with_signals_as_new(void **state)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	signal(SIGUSR2, SIG_IGN);
	assert_int_equal(run("kill -TERM $$; exit 0", -1), 1000 + SIGTERM);
	assert_int_equal(run("kill -USR2 $$; exit 0", -1), 1000 + SIGUSR2);
	signal(SIGUSR2, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void overrides_and_the_service_manager_stay_out_of_its_environment(void **state)
{
	setenv("ONCED__ONCED__STORE_PASSWORD", "secret", 1);
	setenv("WATCHDOG_USEC", "1", 1);
	setenv("NOTIFY_SOCKET", "/x", 1);
	setenv("ONCED_KEPT", "1", 1);
	assert_int_equal(run("env | grep -q -e ONCED__ -e WATCHDOG -e NOTIFY && exit 1; "
			     "test \"$ONCED_KEPT\" = 1",
				 -1),
		0);
	unsetenv("ONCED__ONCED__STORE_PASSWORD");
	unsetenv("WATCHDOG_USEC");
	unsetenv("NOTIFY_SOCKET");
	unsetenv("ONCED_KEPT");
}

static void program_that_is_not_there_is_an_error_and_no_child(void **state)
{
	const char *argv[] = { "x", NULL };
	struct process_spec spec = {
		.exe = "/nowhere/x", .argv = argv, .channel_fd = -1, .config_fd = -1, .page_fd = -1
	};
	struct process process = PROCESS_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(process_spawn(&spec, &process, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/x"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void child_dies_with_its_parent(void **state)
{
	int report[2];
	pid_t parent, child = 0;
	_cleanup_(process_fini) struct process process = PROCESS_INIT;

	assert_int_equal(pipe(report), 0);
	parent = fork();
	if (parent == 0) {
		const char *argv[] = { "sleep", "60", NULL };
		struct process_spec spec = { .exe = "/bin/sleep",
			.argv = argv,
			.channel_fd = -1,
			.config_fd = -1,
			.page_fd = -1 };
		struct process sleeping = PROCESS_INIT;

		_exit(process_spawn(&spec, &sleeping, NULL) < 0 ||
			write(report[1], &sleeping.pid, sizeof(pid_t)) < 0 || pause());
	}
	assert_int_equal(read(report[0], &child, sizeof(child)), sizeof(child));
	assert_int_equal(process_open(child, &process), 0);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	assert_int_equal(process_wait_end(&process, 5000), 0);
	close(report[0]);
	close(report[1]);
}

static void sealed_memory_cannot_be_written(void **state)
{
	_cleanup_close_ int fd = memfd_sealed("test", "abc", 3);
	char bytes[8];

	assert_true(fd >= 0);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 3);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
}

/* A process that holds the lock until it is killed. */
static pid_t hold(const char *path)
{
	int report[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(report), 0);
	pid = fork();
	if (pid == 0) {
		pid_t holder;
		int fd;

		_exit(lockfile_take(path, &fd, &holder, NULL) != 0 ||
			write(report[1], "x", 1) < 0 || pause());
	}
	assert_int_equal(read(report[0], &byte, 1), 1);
	close(report[0]);
	close(report[1]);
	return pid;
}

static void held_lock_names_its_holder_and_falls_with_it(void **state)
{
	_cleanup_free_ char *path = statedir_worker_lock(dir, "orders", 0);
	_cleanup_close_ int fd = -1;
	pid_t holder, pid = hold(path);

	assert_int_equal(lockfile_take(path, &fd, &holder, NULL), 1);
	assert_int_equal(holder, pid);
	assert_int_equal(statedir_orphans(dir, NULL, NULL), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(statedir_orphans(dir, NULL, NULL), 0);
	assert_int_equal(lockfile_take(path, &fd, &holder, NULL), 0);
}

static void holder_is_killed_and_nobody_else(void **state)
{
	_cleanup_free_ char *path = statedir_worker_lock(dir, "orders", 0);
	pid_t pid = hold(path);
	int status;

	kill(pid, SIGSTOP);
	assert_int_equal(lockfile_kill_holder(path, 5000), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(lockfile_kill_holder(path, 5000), 0);
}

static void lock_file_with_the_pid_of_a_stranger_harms_nobody(void **state)
{
	_cleanup_free_ char *path = statedir_worker_lock(dir, "orders", 0);
	FILE *file = fopen(path, "w");

	fprintf(file, "%d\n", (int)getpid());
	fclose(file);
	assert_int_equal(lockfile_kill_holder(path, 1000), 0);
}

static void socket_of_a_dead_server_is_replaced(void **state)
{
	_cleanup_free_ char *path = xasprintf("%s/s", dir);
	struct listener first = LISTENER_INIT, second = LISTENER_INIT;

	assert_int_equal(listener_open(&first, path, NULL), 0);
	close(first.fd); /* as death does it: the file stays */
	assert_int_equal(listener_open(&second, path, NULL), 0);
	listener_close(&second);
	assert_int_equal(access(path, F_OK), -1);
}

static void socket_of_a_live_server_is_left_alone(void **state)
{
	_cleanup_free_ char *path = xasprintf("%s/s", dir);
	struct listener first = LISTENER_INIT, second = LISTENER_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(listener_open(&first, path, NULL), 0);
	assert_int_equal(listener_open(&second, path, &err), -EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
	listener_close(&first);
}

static void file_that_is_no_socket_is_not_removed(void **state)
{
	_cleanup_free_ char *path = xasprintf("%s/s", dir);
	struct listener listener = LISTENER_INIT;
	struct err err = ERR_INIT;

	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(listener_open(&listener, path, &err), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
}

static void path_too_long_for_a_socket_is_explained(void **state)
{
	struct listener listener = LISTENER_INIT;
	struct err err = ERR_INIT;
	char path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(listener_open(&listener, path, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.text, "control.socket"));
}

static void close_leaves_a_successor_s_socket_alone(void **state)
{
	_cleanup_free_ char *path = xasprintf("%s/s", dir);
	struct listener first = LISTENER_INIT, second = LISTENER_INIT;

	assert_int_equal(listener_open(&first, path, NULL), 0);
	unlink(path);
	assert_int_equal(listener_open(&second, path, NULL), 0);
	listener_close(&first);
	assert_int_equal(access(path, F_OK), 0);
	listener_close(&second);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(child_has_the_descriptors_of_the_contract_and_no_other),
		TEST(descriptors_not_given_are_closed),
		TEST(child_starts_with_signals_as_new),
		TEST(overrides_and_the_service_manager_stay_out_of_its_environment),
		TEST(program_that_is_not_there_is_an_error_and_no_child),
		TEST(child_dies_with_its_parent),
		TEST(sealed_memory_cannot_be_written),
		TEST(held_lock_names_its_holder_and_falls_with_it),
		TEST(holder_is_killed_and_nobody_else),
		TEST(lock_file_with_the_pid_of_a_stranger_harms_nobody),
		TEST(socket_of_a_dead_server_is_replaced),
		TEST(socket_of_a_live_server_is_left_alone),
		TEST(file_that_is_no_socket_is_not_removed),
		TEST(path_too_long_for_a_socket_is_explained),
		TEST(close_leaves_a_successor_s_socket_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
