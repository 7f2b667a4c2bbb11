/*
 * fuzz_driver - replay a corpus and seeded mutations of it through a fuzz target
 *
 * The same binary does the same every time: a failure is repeated by running it again.
 */
#include "fuzz_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

enum { MUTATION_COUNT = 60000, INPUT_MAX = 4096, CHANGES_MAX = 4 };

struct input {
	char bytes[INPUT_MAX];
	size_t len;
};

static uint64_t random_state = 0x9e3779b97f4a7c15u;

/* xorshift64*: any number below `below`. */
static size_t random_below(size_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return below ? (size_t)((random_state * 0x2545f4914f6cdd1du) >> 33) % below : 0;
}

/* A copy of exactly its size, so that a sanitizer sees every byte read too far. */
static void run(struct slice input)
{
	_cleanup_free_ char *copy = xmalloc(input.len > 0 ? input.len : 1);

	if (input.len > 0) {
		memcpy(copy, input.data, input.len);
	}
	LLVMFuzzerTestOneInput((const uint8_t *)copy, input.len);
}

/* ---- mutations ---- */

/* Put `with` where `count` bytes were. Does nothing when it would not fit. */
static void replace(struct input *input, size_t at, size_t count, struct slice with)
{
	size_t behind = input->len - at - count;

	if (at + with.len + behind > INPUT_MAX) {
		return;
	}
	memmove(input->bytes + at + with.len, input->bytes + at + count, behind);
	if (with.len > 0) {
		memcpy(input->bytes + at, with.data, with.len);
	}
	input->len = at + with.len + behind;
}

static void flip_bit(struct input *input)
{
	if (input->len > 0) {
		input->bytes[random_below(input->len)] ^= (char)(1 << random_below(8));
	}
}

static void put_byte(struct input *input)
{
	char byte = (char)random_below(256);

	replace(input, random_below(input->len + 1), 0, slice_from(&byte, 1));
}

static void put_word(struct input *input)
{
	size_t count = 0;

	while (!slice_is_null(fuzz_words[count])) {
		count++;
	}
	replace(input, random_below(input->len + 1), 0, fuzz_words[random_below(count)]);
}

static void delete_range(struct input *input)
{
	size_t at = random_below(input->len + 1);

	replace(input, at, random_below(input->len - at + 1), SLICE_NULL);
}

static void truncate_end(struct input *input)
{
	input->len = random_below(input->len + 1);
}

static void repeat_range(struct input *input)
{
	char copy[INPUT_MAX];
	size_t at = random_below(input->len + 1), count = random_below(input->len - at + 1);

	memcpy(copy, input->bytes + at, count);
	replace(input, random_below(input->len + 1), 0, slice_from(copy, count));
}

static void insert_other(struct input *input)
{
	replace(input, random_below(input->len + 1), 0,
		fuzz_corpus_at(random_below(fuzz_corpus_count())));
}

static void (*const changes[])(struct input *) = { flip_bit, put_byte, put_word, put_word,
	delete_range, truncate_end, repeat_range, insert_other };

static void run_mutation(void)
{
	struct input input = { .len = 0 };

	replace(&input, 0, 0, fuzz_corpus_at(random_below(fuzz_corpus_count())));
	for (size_t i = 1 + random_below(CHANGES_MAX); i > 0; i--) {
		changes[random_below(sizeof(changes) / sizeof(changes[0]))](&input);
	}
	run(slice_from(input.bytes, input.len));
}

/* ---- files ---- */

static int run_file(const char *path)
{
	static char bytes[1 << 20];
	FILE *file = fopen(path, "rb");
	size_t len;

	if (!file) {
		perror(path);
		return 1;
	}
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	run(slice_from(bytes, len));
	return 0;
}

/* For a fuzzer that keeps its corpus in files. */
static int write_corpus(const char *directory)
{
	for (size_t i = 0; i < fuzz_corpus_count(); i++) {
		_cleanup_free_ char *path = xasprintf("%s/own-%zu", directory, i);
		struct slice input = fuzz_corpus_at(i);
		FILE *file = fopen(path, "wb");

		if (!file) {
			perror(path);
			return 1;
		}
		if (input.len > 0) {
			fwrite(input.data, 1, input.len, file);
		}
		if (fclose(file) != 0) {
			perror(path);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc == 3 && strcmp(argv[1], "--write-corpus") == 0) {
		return write_corpus(argv[2]);
	}
	for (int i = 1; i < argc; i++) {
		status |= run_file(argv[i]);
	}
	if (argc > 1) {
		return status;
	}
	for (size_t i = 0; i < fuzz_corpus_count(); i++) {
		run(fuzz_corpus_at(i));
	}
	for (int i = 0; i < MUTATION_COUNT; i++) {
		run_mutation();
	}
	return 0;
}
