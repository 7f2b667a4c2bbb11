/*
 * sha256 - SHA-256 (FIPS 180-4), with the CPU's own instructions where it has them
 *
 * Used for dedup keys and digests: Postgres computes the same with sha256(bytea).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes hashed so far */
	uint8_t block[64];
};

void sha256_init(struct sha256 *ctx);
void sha256_update(struct sha256 *ctx, const void *data, size_t len);
void sha256_final(struct sha256 *ctx, uint8_t ret_digest[32]);
