/*
 * sha256 - SHA-256 (FIPS 180-4): padding, and the portable compression function
 *
 * The way is chosen at the first use and never changes: a relaxed atomic is enough, as every
 * thread would choose the same.
 */
#include "base/sha256.h"

#include <stdatomic.h>
#include <string.h>

#include "base/sha256_blocks.h"

const uint32_t sha256_constants[64] = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5,
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174,
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da,
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967,
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85,
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070,
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3,
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate_right(uint32_t x, unsigned by)
{
	return (x >> by) | (x << (32 - by));
}

static uint32_t load_be32(const uint8_t *from)
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static void store_be32(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 24);
	to[1] = (uint8_t)(value >> 16);
	to[2] = (uint8_t)(value >> 8);
	to[3] = (uint8_t)value;
}

static void sha256_schedule(uint32_t w[64], const uint8_t *data)
{
	for (unsigned i = 0; i < 16; i++) {
		w[i] = load_be32(data + 4 * (size_t)i);
	}
	for (unsigned i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];
		uint32_t s0 = rotate_right(a, 7) ^ rotate_right(a, 18) ^ (a >> 3);
		uint32_t s1 = rotate_right(b, 17) ^ rotate_right(b, 19) ^ (b >> 10);
		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
}

static void sha256_block(uint32_t state[8], const uint8_t *data)
{
	uint32_t w[64];
	sha256_schedule(w, data);
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
	for (unsigned i = 0; i < 64; i++) {
		uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
		uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + sha256_constants[i] + w[i];
		uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
		uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
		h = g;
		g = f;
		f = e;
		e = d + t1;
		d = c;
		c = b;
		b = a;
		a = t1 + t2;
	}
	const uint32_t sum[8] = { a, b, c, d, e, f, g, h };
	for (unsigned i = 0; i < 8; i++) {
		state[i] += sum[i];
	}
}

void sha256_blocks_portable(uint32_t state[8], const uint8_t *data, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		sha256_block(state, data + 64 * i);
	}
}

static void sha256_blocks(uint32_t state[8], const uint8_t *data, size_t count)
{
	static _Atomic(sha256_blocks_fn *) chosen;
	sha256_blocks_fn *run = atomic_load_explicit(&chosen, memory_order_relaxed);
	if (!run) {
		run = sha256_has_cpu_support() ? sha256_blocks_cpu : sha256_blocks_portable;
		atomic_store_explicit(&chosen, run, memory_order_relaxed);
	}
	run(state, data, count);
}

void sha256_init(struct sha256 *ctx)
{
	static const uint32_t start[8] = {
		0x6a09e667,
		0xbb67ae85,
		0x3c6ef372,
		0xa54ff53a,
		0x510e527f,
		0x9b05688c,
		0x1f83d9ab,
		0x5be0cd19,
	};
	memcpy(ctx->state, start, sizeof(start));
	ctx->length = 0;
}

void sha256_update(struct sha256 *ctx, const void *data, size_t len)
{
	const uint8_t *from = data;
	size_t held = ctx->length % 64;
	ctx->length += len;
	if (held > 0) {
		size_t part = len < 64 - held ? len : 64 - held;
		if (part > 0) {
			memcpy(ctx->block + held, from, part);
		}
		if (held + part < 64) {
			return;
		}
		sha256_blocks(ctx->state, ctx->block, 1);
		from += part;
		len -= part;
	}
	if (len >= 64) {
		sha256_blocks(ctx->state, from, len / 64);
		from += len / 64 * 64;
		len %= 64;
	}
	if (len > 0) {
		memcpy(ctx->block, from, len);
	}
}

void sha256_final(struct sha256 *ctx, uint8_t ret_digest[32])
{
	uint64_t bits = ctx->length * 8;
	size_t held = ctx->length % 64;
	ctx->block[held++] = 0x80;
	if (held > 56) {
		memset(ctx->block + held, 0, 64 - held);
		sha256_blocks(ctx->state, ctx->block, 1);
		held = 0;
	}
	memset(ctx->block + held, 0, 56 - held);
	store_be32(ctx->block + 56, (uint32_t)(bits >> 32));
	store_be32(ctx->block + 60, (uint32_t)bits);
	sha256_blocks(ctx->state, ctx->block, 1);
	for (unsigned i = 0; i < 8; i++) {
		store_be32(ret_digest + 4 * (size_t)i, ctx->state[i]);
	}
}
