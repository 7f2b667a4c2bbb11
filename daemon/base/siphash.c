#include "base/siphash.h"

#include <endian.h>
#include <string.h>

struct sip {
	uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void mix(struct sip *s)
{
	s->a += s->b;
	s->b = rotate(s->b, 13) ^ s->a;
	s->a = rotate(s->a, 32);
	s->c += s->d;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = rotate(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = rotate(s->b, 17) ^ s->c;
	s->c = rotate(s->c, 32);
}

static inline void absorb(struct sip *s, uint64_t word)
{
	s->d ^= word;
	mix(s);
	mix(s);
	s->a ^= word;
}

static inline uint64_t read_word(const void *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return le64toh(word);
}

static inline void squeeze(struct sip *s, uint8_t *ret)
{
	uint64_t word;

	for (int i = 0; i < 4; i++) {
		mix(s);
	}
	word = htole64(s->a ^ s->b ^ s->c ^ s->d);
	memcpy(ret, &word, sizeof(word));
}

void siphash(const uint8_t key[16], struct slice data, uint8_t ret[SIPHASH_SIZE])
{
	uint64_t k0 = read_word(key), k1 = read_word(key + 8);
	struct sip s = { 0x736f6d6570736575 ^ k0, 0x646f72616e646f6d ^ k1 ^ 0xee,
		0x6c7967656e657261 ^ k0, 0x7465646279746573 ^ k1 };
	size_t whole = data.len & ~(size_t)7;
	uint8_t tail[8] = { 0 };

	for (size_t i = 0; i < whole; i += 8) {
		absorb(&s, read_word(data.data + i));
	}
	if (data.len > whole) {
		memcpy(tail, data.data + whole, data.len - whole);
	}
	tail[7] = (uint8_t)data.len;
	absorb(&s, read_word(tail));
	s.c ^= 0xee;
	squeeze(&s, ret);
	s.b ^= 0xdd;
	squeeze(&s, ret + 8);
}
