/*
 * crash - what a dying worker leaves on its page
 *
 * The handler touches the page, its own thread's lane number and nothing else: locks, heap and
 * stack may be what broke.
 */
#include "worker/crash.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/shortage.h"

/* The kernel's frame with wide vector registers takes up to 12 KiB. */
enum { STACK_BYTES = 64 * 1024 };

static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };

/* What a signal handler can know: set before the first lane, never changed. */
static struct page *dying_page;
static pid_t dying_pid;
/* in the program's own static block: reading it allocates nothing */
static _Thread_local volatile unsigned lane_plus_one;

static enum page_crash_origin origin_of(int signo, const siginfo_t *info)
{
	if (info->si_code <= 0 && info->si_pid != dying_pid) {
		return PAGE_CRASH_FOREIGN;
	}
	return signo == SIGABRT && shortage_is_end() ? PAGE_CRASH_SHORTAGE : PAGE_CRASH_OWN;
}

static void on_fatal(int signo, siginfo_t *info, void *context)
{
	uint32_t nobody = 0;

	/*
	 * a process that a handler forked shares the page, and its death is not ours; of our own
	 * threads the first to die is the one, a second lane may follow before we are gone
	 */
	if (getpid() == dying_pid &&
		atomic_compare_exchange_strong(
			&dying_page->crash_signal, &nobody, (uint32_t)signo)) {
		atomic_store(&dying_page->crash_lane, lane_plus_one);
		atomic_store(&dying_page->crash_origin, origin_of(signo, info));
	}
	/* the disposition is the default again: ends us when this returns */
	(void)raise(signo);
}

int crash_watch(struct page *page, struct err *err)
{
	struct sigaction action = { .sa_sigaction = on_fatal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND };

	dying_page = page;
	dying_pid = getpid();
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(fatal_signals) / sizeof(fatal_signals[0]); i++) {
		if (sigaction(fatal_signals[i], &action, NULL) < 0) {
			return err_set(err, -errno, "cannot watch for crashes: %m");
		}
	}
	return 0;
}

int crash_enter_lane(unsigned lane, struct crash_stack *ret)
{
	stack_t stack = { .ss_size = STACK_BYTES };
	sigset_t set;

	/* blocked, a fault ends the process without a word */
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(fatal_signals) / sizeof(fatal_signals[0]); i++) {
		sigaddset(&set, fatal_signals[i]);
	}
	ret->base = stack.ss_sp = xmalloc(STACK_BYTES);
	if (sigaltstack(&stack, &ret->before) < 0) {
		free(ret->base);
		ret->base = NULL;
		return -errno;
	}
	lane_plus_one = lane + 1;
	return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void crash_leave_lane(struct crash_stack *stack)
{
	if (stack->base) {
		lane_plus_one = 0;
		(void)sigaltstack(&stack->before, NULL);
		free(stack->base);
		stack->base = NULL;
	}
}
