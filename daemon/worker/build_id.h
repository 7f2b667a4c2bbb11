/*
 * build_id - which build of a library an address belongs to
 *
 * Runs in: worker. The GNU build id that linkers write into a library: it finds the debug symbols
 * and the source of a plugin that crashed.
 */
#pragma once

#include <stddef.h>

/* Hexadecimal, "" where there is none. Cut to `size`. */
void build_id_of(const void *address, char *ret, size_t size);
