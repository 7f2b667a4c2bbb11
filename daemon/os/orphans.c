#include "os/orphans.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

bool orphans_come(void)
{
	int is_subreaper = 0;

	return getpid() == 1 ||
		(prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper) == 0 && is_subreaper != 0);
}

static bool is_buried(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == pid;
}

/* Not waitid(P_ALL): it would find the loop's own children, and these have their callbacks. */
static int bury_listed(const struct loop *loop)
{
	FILE *file = fopen("/proc/thread-self/children", "re");
	int pid, count = 0;

	if (!file) {
		return -errno;
	}
	while (fscanf(file, "%d", &pid) == 1) {
		count += !loop_watches(loop, pid) && is_buried(pid);
	}
	(void)fclose(file);
	return count;
}

int orphans_bury(const struct loop *loop)
{
	int count = 0, r;

	/* The list shifts while we take away of it: again, until it has nothing for us. */
	while ((r = bury_listed(loop)) > 0) {
		count += r;
	}
	return r < 0 ? r : count;
}
