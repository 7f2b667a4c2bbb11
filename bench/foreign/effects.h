/*
 * effects - the file in which child and target write down what they did
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an order says about itself. */
struct order {
	uint64_t number;
	uint64_t placed_us; /* wall clock, when it was handed to the producer */
	bool is_stuck; /* not to be answered the first time */
};

/* `text` is the order's envelope, or contains it; it ends with a NUL. */
struct order order_read(const char *text);

/* Opens $BENCH_EFFECTS; ends the program when it cannot. */
int effects_open(void);
/* One record of 24 bytes, written whole: number, placed_us, and the wall clock now. */
void effects_add(int fd, const struct order *order);

/* How long an effect takes, in microseconds: $BENCH_TAKES_US, else 5,000. */
int64_t effects_take_us(void);
