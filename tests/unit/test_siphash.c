/*
 * test_siphash - SipHash-2-4-128 against the vectors of its authors
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/siphash.h"

static const uint8_t key[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

/* Of the input 00 01 02 ..., by its length. */
static const uint8_t vectors[][SIPHASH_SIZE] = {
	{ 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
		0x93 },
	{ 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc,
		0x45 },
	{ 0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff,
		0xe4 },
};

static void the_authors_vectors_come_out(void **state)
{
	static const uint8_t input[] = { 0, 1, 2 };
	uint8_t found[SIPHASH_SIZE];

	for (size_t len = 0; len < 3; len++) {
		siphash(key, slice_from(input, len), found);
		assert_memory_equal(found, vectors[len], SIPHASH_SIZE);
	}
	siphash(key, SLICE_NULL, found);
	assert_memory_equal(found, vectors[0], SIPHASH_SIZE);
}

/* Every length around the words of 8 bytes, and every byte of it. */
static void every_byte_counts(void **state)
{
	uint8_t bytes[40] = { 0 }, plain[SIPHASH_SIZE], changed[SIPHASH_SIZE];

	for (size_t len = 1; len <= sizeof(bytes); len++) {
		siphash(key, slice_from(bytes, len), plain);
		for (size_t i = 0; i < len; i++) {
			bytes[i] = 1;
			siphash(key, slice_from(bytes, len), changed);
			assert_memory_not_equal(changed, plain, SIPHASH_SIZE);
			bytes[i] = 0;
		}
		siphash(key, slice_from(bytes, len - 1), changed);
		assert_memory_not_equal(changed, plain, SIPHASH_SIZE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_authors_vectors_come_out),
		cmocka_unit_test(every_byte_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
