/*
 * test_loop - the event loop's children: no death is missed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/loop.h"
#include "os/process.h"

enum { DEADLINE_US = 10000000, TRACER_LINGERS_US = 300000 };

struct world {
	struct loop *loop;
	struct loop_source *child, *deadline;
	struct process process;
	struct loop_exit end;
	unsigned ends;
};

static void on_end(void *context, const struct loop_exit *end)
{
	struct world *world = context;

	world->end = *end;
	world->ends++;
	loop_stop(world->loop, 1);
}

static void on_deadline(void *context)
{
	struct world *world = context;

	loop_stop(world->loop, 0);
}

/* A child that runs `body`, then exits with 7. */
static struct world start(void (*body)(void))
{
	struct world world = { .process = PROCESS_INIT };
	pid_t pid = fork();

	if (pid == 0) {
		body();
		_exit(7);
	}
	assert_true(pid > 0);
	assert_int_equal(process_open(pid, &world.process), 0);
	assert_int_equal(loop_new(&world.loop), 0);
	return world;
}

static void run(struct world *world)
{
	assert_int_equal(
		loop_add_child(world->loop, &world->process, on_end, world, &world->child), 0);
	assert_int_equal(loop_add_timer(world->loop, on_deadline, world, &world->deadline), 0);
	loop_timer_set(world->deadline, clock_mono_us() + DEADLINE_US);
	assert_int_equal(loop_run(world->loop), 1);
}

static void finish(struct world *world)
{
	assert_int_equal(world->ends, 1);
	assert_int_equal(waitpid(world->process.pid, NULL, WNOHANG), -1); /* reaped */
	loop_source_free(world->child);
	loop_source_free(world->deadline);
	loop_free(world->loop);
	process_fini(&world->process);
}

static void return_at_once(void)
{
}

static void wait_for_signal(void)
{
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	pause();
}

static void exit_status_is_told(void **state)
{
	struct world world = start(return_at_once);

	run(&world);
	assert_true(world.end.is_exited);
	assert_int_equal(world.end.status, 7);
	finish(&world);
}

static void signal_is_told(void **state)
{
	struct world world = start(wait_for_signal);

	process_signal(&world.process, SIGKILL);
	run(&world);
	assert_false(world.end.is_exited);
	assert_int_equal(world.end.status, SIGKILL);
	finish(&world);
}

/* Attach to `pid`, kill it, and keep it from its parent for a while. */
static pid_t start_tracer(pid_t pid)
{
	int ready[2];
	char byte = 0;
	pid_t tracer;

	assert_int_equal(pipe(ready), 0);
	tracer = fork();
	if (tracer == 0) {
		while (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0) {
			usleep(1000); /* until the child has allowed it */
		}
		kill(pid, SIGKILL);
		if (write(ready[1], &byte, 1) != 1) {
			_exit(1);
		}
		usleep(TRACER_LINGERS_US);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return tracer;
}

static void death_under_a_debugger_is_told_when_the_debugger_lets_go(void **state)
{
	struct world world = start(wait_for_signal);
	pid_t tracer = start_tracer(world.process.pid);

	run(&world);
	assert_int_equal(world.end.status, SIGKILL);
	finish(&world);
	assert_int_equal(waitpid(tracer, NULL, 0), tracer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_status_is_told),
		cmocka_unit_test(signal_is_told),
		cmocka_unit_test(death_under_a_debugger_is_told_when_the_debugger_lets_go),
	};

	assert_int_equal(process_block_signals(), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
