/*
 * fuzz_fail - how a fuzz target ends when it found something
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_driver.h"

void fuzz_fail(const char *what, struct slice input)
{
	fprintf(stderr, "%s\ninput, %zu bytes: \"", what, input.len);
	for (size_t i = 0; i < input.len; i++) {
		fprintf(stderr, "\\x%02x", (unsigned char)input.data[i]);
	}
	fprintf(stderr, "\"\n");
	abort();
}
