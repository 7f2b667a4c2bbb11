/*
 * fuzz_driver - what a fuzz target and its drivers say to each other
 *
 * A target implements LLVMFuzzerTestOneInput() and the corpus below. Linked with fuzz_driver.c it
 * is a plain program for the unit suite: it replays the corpus and a bounded number of mutations
 * made from a fixed seed, or just the files named as arguments; --write-corpus DIRECTORY writes the
 * corpus as files. Linked without it, under clang's -fsanitize=fuzzer, it is a libFuzzer target
 * (scripts/fuzz).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

size_t fuzz_corpus_count(void);
struct slice fuzz_corpus_at(size_t i);

/* Pieces that mutations insert: the tokens of the language. The last is the null slice. */
extern const struct slice fuzz_words[];

/* Print what is wrong and the input, escaped, then abort. */
__attribute__((noreturn)) void fuzz_fail(const char *what, struct slice input);
