/*
 * output - was all that was printed written?
 *
 * Runs in: oncectl.
 */
#pragma once

#include <stdbool.h>

/*
 * Write out what standard output still holds. False after a sentence on standard error: some of
 * what was printed since the start is lost (a full disk, a reader that is gone).
 */
bool output_flush(void);
