/*
 * test_sha256 - the published vectors, by both ways of the compression function
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/sha256.h"
#include "base/sha256_blocks.h"

static void assert_digest(const char *data, size_t len, const char *wanted)
{
	struct sha256 ctx;
	uint8_t digest[32];
	char hex[65];
	sha256_init(&ctx);
	sha256_update(&ctx, data, len);
	sha256_final(&ctx, digest);
	for (size_t i = 0; i < 32; i++) {
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	}
	assert_string_equal(hex, wanted);
}

static void published_vectors_hold(void **state)
{
	assert_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	assert_digest(two_blocks, strlen(two_blocks),
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void a_million_letters_hash_right_in_uneven_pieces(void **state)
{
	struct sha256 ctx;
	uint8_t digest[32];
	char piece[1000];
	memset(piece, 'a', sizeof(piece));
	sha256_init(&ctx);
	size_t left = 1000000;
	for (size_t size = 1; left > 0; size = size * 7 % 997 + 1) {
		size_t part = size < left ? size : left;
		sha256_update(&ctx, piece, part);
		left -= part;
	}
	sha256_final(&ctx, digest);
	static const uint8_t wanted[8] = { 0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92 };
	assert_memory_equal(digest, wanted, sizeof(wanted));
}

static void the_cpus_way_and_the_portable_way_agree(void **state)
{
	if (!sha256_has_cpu_support()) {
		print_message(
			"this CPU has no SHA extensions: only the portable way exists here\n");
		return;
	}
	uint8_t data[64 * 9];
	uint32_t seed = 1;
	for (size_t i = 0; i < sizeof(data); i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (uint8_t)(seed >> 24);
	}
	for (size_t count = 0; count <= 9; count++) {
		uint32_t a[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, b[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
		sha256_blocks_portable(a, data, count);
		sha256_blocks_cpu(b, data, count);
		assert_memory_equal(a, b, sizeof(a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_hold),
		cmocka_unit_test(a_million_letters_hash_right_in_uneven_pieces),
		cmocka_unit_test(the_cpus_way_and_the_portable_way_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
