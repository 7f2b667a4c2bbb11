/*
 * sha256_cpu - the compression function by x86's SHA extensions, where CPU and compiler have them
 *
 * One loop turn is four rounds. The instructions want the state as ABEF and CDGH; `w` holds the
 * last sixteen words of the message schedule, four to a register.
 */
#include "base/sha256_blocks.h"

#include <stdlib.h>

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

bool sha256_has_cpu_support(void)
{
	unsigned a = 0, b = 0, c = 0, d = 0;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) {
		return false;
	}
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

#define SHA256_TARGET __attribute__((target("sha,sse4.1,ssse3")))

/* Four rounds with the schedule words `words`, which are those from round `at` on. */
SHA256_TARGET static inline void sha256_four_rounds(
	__m128i *abef, __m128i *cdgh, __m128i words, unsigned at)
{
	__m128i input =
		_mm_add_epi32(words, _mm_loadu_si128((const __m128i *)(sha256_constants + at)));
	*cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, input);
	*abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(input, 0x0e));
}

/* The next four schedule words from the last sixteen, oldest first. */
SHA256_TARGET static inline __m128i sha256_next_words(
	__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
	__m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
	return _mm_sha256msg2_epu32(sum, w3);
}

SHA256_TARGET void sha256_blocks_cpu(uint32_t state[8], const uint8_t *data, size_t count)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	__m128i dcba = _mm_loadu_si128((const __m128i *)state);
	__m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
	__m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
	__m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
	__m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
	__m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);

	for (; count > 0; count--, data += 64) {
		__m128i abef_before = abef, cdgh_before = cdgh;
		__m128i w[4];
		for (unsigned i = 0; i < 4; i++) {
			__m128i raw = _mm_loadu_si128((const __m128i *)(data + 16 * (size_t)i));
			w[i] = _mm_shuffle_epi8(raw, big_endian);
		}
#pragma GCC unroll 12
		for (unsigned i = 0; i < 12; i++) {
			sha256_four_rounds(&abef, &cdgh, w[i % 4], 4 * i);
			w[i % 4] = sha256_next_words(
				w[i % 4], w[(i + 1) % 4], w[(i + 2) % 4], w[(i + 3) % 4]);
		}
		for (unsigned i = 12; i < 16; i++) {
			sha256_four_rounds(&abef, &cdgh, w[i % 4], 4 * i);
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}

	__m128i feba = _mm_shuffle_epi32(abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

#else

bool sha256_has_cpu_support(void)
{
	return false;
}

void sha256_blocks_cpu(uint32_t state[8], const uint8_t *data, size_t count)
{
	abort();
}

#endif
