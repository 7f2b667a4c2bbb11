/*
 * private - what others may see of this process
 */
#include "base/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"

/* core(5): the bits of /proc/PID/coredump_filter. */
static const char headers_alone[] = "0x10";
static const char default_memory[] = "0x33";

void private_environment(void)
{
	size_t count = 0;
	char **moved;

	while (environ && environ[count]) {
		count++;
	}
	moved = xcalloc(count + 1, sizeof(*moved));
	for (size_t i = 0; i < count; i++) {
		moved[i] = xstrdup(environ[i]);
		explicit_bzero(environ[i], strlen(environ[i]));
	}
	environ = moved;
}

void private_core(bool has_memory)
{
	const char *bits = has_memory ? default_memory : headers_alone;
	_cleanup_close_ int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
	bool is_set = fd >= 0 && write(fd, bits, strlen(bits)) == (ssize_t)strlen(bits);

	(void)prctl(PR_SET_DUMPABLE, is_set || has_memory ? 1 : 0, 0, 0, 0);
}
