/*
 * sha256_blocks - the compression function, in the ways this build has
 *
 * Inside base and its tests only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Run `count` blocks of 64 bytes through `state`. */
typedef void sha256_blocks_fn(uint32_t state[8], const uint8_t *data, size_t count);

extern const uint32_t sha256_constants[64];

void sha256_blocks_portable(uint32_t state[8], const uint8_t *data, size_t count);

/* Does this CPU have the SHA extensions (and this build code for them)? */
bool sha256_has_cpu_support(void);

/* Only where sha256_has_cpu_support(). */
void sha256_blocks_cpu(uint32_t state[8], const uint8_t *data, size_t count);
