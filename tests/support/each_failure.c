/*
 * each_failure - one piece of work, again and again, with its 1st, 2nd, 3rd … call failing
 *
 * The result of a run comes back through the wait status and a file: exit status 0, 1 refused, and
 * the words behind WRONG for what must not be.
 */
#include "each_failure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "nth_failure.h"

enum { UNHARMED, REFUSED, WRONG, ABORTED };

static struct nth_plan *plan;

struct attempt {
	int outcome;
	struct buffer said; /* what the run said, or why it is wrong */
	struct buffer log; /* its standard error */
};

/* ---- in the process of the run ---- */

static unsigned count_descriptors(void)
{
	DIR *list = opendir("/proc/self/fd");
	unsigned count = 0;

	while (list && readdir(list)) {
		count++;
	}
	if (list) {
		closedir(list);
	}
	return count;
}

static _Noreturn void end(int fd, int outcome, const char *text)
{
	ssize_t written = write(fd, text, strlen(text));

	_exit(written < 0 ? WRONG : outcome);
}

static _Noreturn void run_to_the_end(const struct each_failure *work, uint64_t at, int fd)
{
	struct buffer said = BUFFER_INIT;
	struct err err = ERR_INIT;
	unsigned descriptors;
	char text[200];
	size_t left;
	int r;

	signal(SIGABRT, SIG_DFL);
	if (work->prepare) {
		work->prepare(work->context);
	}
	descriptors = count_descriptors();
	buffer_reserve(&said, 1 << 16); /* what it says is not what is tested */
	nth_blocks_watch();
	nth_failure_arm(at);
	r = work->run(work->context, &said, &err);
	atomic_store(&plan->is_armed, 0);
	left = nth_blocks_left();
	if (left > 0 || count_descriptors() != descriptors) {
		snprintf(text, sizeof(text), "%zu blocks and %d descriptors are left", left,
			(int)count_descriptors() - (int)descriptors);
		end(fd, WRONG, text);
	}
	if (r < 0) {
		end(fd, err.text[0] ? REFUSED : WRONG, err.text[0] ? err.text : "no sentence");
	}
	end(fd, UNHARMED, buffer_str(&said));
}

/* ---- outside ---- */

static void read_all(int fd, struct buffer *ret)
{
	char bytes[4096];
	ssize_t len;

	buffer_clear(ret);
	lseek(fd, 0, SEEK_SET);
	while ((len = read(fd, bytes, sizeof(bytes))) > 0) {
		buffer_append(ret, bytes, (size_t)len);
	}
	close(fd);
}

static int temporary(void)
{
	int fd = memfd_create("each_failure", 0);

	if (fd < 0) {
		perror("memfd_create");
		exit(2);
	}
	return fd;
}

static int outcome_of(int status)
{
	if (WIFEXITED(status)) {
		return WEXITSTATUS(status);
	}
	return WTERMSIG(status) == SIGABRT ? ABORTED : WRONG;
}

static void attempt(const struct each_failure *work, uint64_t at, struct attempt *ret)
{
	int said = temporary(), log = temporary(), status;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(log, STDERR_FILENO);
		close(log);
		run_to_the_end(work, at, said);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("fork");
		exit(2);
	}
	atomic_store(&plan->is_armed, 0);
	ret->outcome = outcome_of(status);
	read_all(said, &ret->said);
	read_all(log, &ret->log);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGABRT) {
		buffer_printf(&ret->said, "killed by signal %d", WTERMSIG(status));
	}
}

static _Noreturn void explain(
	const struct each_failure *work, uint64_t at, const struct attempt *what, const char *text)
{
	struct buffer command = BUFFER_INIT;
	int r;

	fprintf(stderr, "%s, call %llu (%s): %s\nsaid: %.2000s\nlog: %.4000s\n", work->name,
		(unsigned long long)at, plan->what, text, buffer_str(&what->said),
		buffer_str(&what->log));
	buffer_printf(&command, "addr2line -sfpe /proc/%d/exe", (int)getpid());
	for (size_t i = 0; i < NTH_DEPTH_MAX && plan->stack[i]; i++) {
		buffer_printf(&command, " %#llx", (unsigned long long)plan->stack[i] - 1);
	}
	buffer_append_str(&command, " 1>&2");
	r = system(buffer_str(&command));
	exit(r ? 3 : 1);
}

static void judge(const struct each_failure *work, uint64_t at, const struct attempt *clean,
	const struct attempt *now, struct each_failure_runs *runs)
{
	switch (now->outcome) {
	case UNHARMED:
		if (!work->may_say_else &&
			strcmp(buffer_str(&clean->said), buffer_str(&now->said)) != 0) {
			explain(work, at, now, "unharmed, and says something else");
		}
		runs->unharmed++;
		return;
	case REFUSED:
		runs->refused++;
		return;
	case ABORTED:
		if (!strstr(buffer_str(&now->log), "onced: out of memory for ")) {
			explain(work, at, now, "aborted without its line");
		}
		runs->aborted++;
		return;
	default:
		explain(work, at, now, "not as it should end");
	}
}

/* In a process of its own: the next run is to find this one as it was. */
static void look_behind(const struct each_failure *work, uint64_t at, const struct attempt *now)
{
	pid_t pid = work->check ? fork() : 0;
	struct err err = ERR_INIT;
	int status;

	if (!work->check) {
		return;
	}
	if (pid == 0) {
		if (work->check(work->context, &err) < 0) {
			explain(work, at, now, err.text);
		}
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0) {
		exit(1);
	}
}

struct each_failure_runs each_failure(const struct each_failure *work)
{
	struct attempt clean = { .said = BUFFER_INIT, .log = BUFFER_INIT };
	struct attempt now = { .said = BUFFER_INIT, .log = BUFFER_INIT };
	struct each_failure_runs runs = { 0 };

	plan = plan ? plan : nth_failure_begin();
	if (!plan) {
		perror("nth_failure_begin");
		exit(2);
	}
	plan->by_place = work->by_place;
	attempt(work, 0, &clean);
	if (clean.outcome != UNHARMED) {
		explain(work, 0, &clean, "not even the clean run ends well");
	}
	look_behind(work, 0, &clean);
	for (uint64_t at = 1;; at++) {
		attempt(work, at, &now);
		if (now.outcome != ABORTED && !atomic_load(&plan->fired)) {
			break;
		}
		runs.failures++;
		judge(work, at, &clean, &now, &runs);
		look_behind(work, at, &now);
	}
	printf("%s: %u calls failed: %u unharmed, %u refused, %u aborted\n", work->name,
		runs.failures, runs.unharmed, runs.refused, runs.aborted);
	buffer_fini(&clean.said);
	buffer_fini(&clean.log);
	buffer_fini(&now.said);
	buffer_fini(&now.log);
	return runs;
}
