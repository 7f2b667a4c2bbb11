#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool output_flush(void)
{
	static bool is_told;

	errno = 0;
	/* what was lost earlier, when the buffer was full, is no concern of fflush() */
	if (fflush(stdout) == 0 && !ferror(stdout)) {
		return true;
	}
	if (!is_told) {
		fprintf(stderr, "oncectl: standard output: %s\n",
			errno ? strerror(errno) : "not all of it was written");
	}
	is_told = true;
	return false;
}
