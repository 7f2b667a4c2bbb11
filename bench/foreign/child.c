/*
 * child - a command for exec handlers that costs next to nothing: sleeps, writes down, answers
 *
 * Whoever starts it speaks the protocol of exec handlers: onced, or the Python loop beside it.
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "effects.h"

static void sleep_us(int64_t us)
{
	struct timespec left = { us / 1000000, us % 1000000 * 1000 };

	while (nanosleep(&left, &left) < 0) {
	}
}

static void answer(const char *line)
{
	const char *seq = strstr(line, "\"seq\":");
	char reply[64];
	int len = snprintf(reply, sizeof(reply), "{\"seq\":%llu,\"result\":\"done\"}\n",
		seq ? strtoull(seq + 6, NULL, 10) : 0);

	if (write(1, reply, (size_t)len) != len) {
		err(1, "standard output");
	}
}

int main(void)
{
	int64_t take_us = effects_take_us();
	int effects = effects_open();
	char *line = NULL;
	size_t size = 0;

	prctl(PR_SET_TIMERSLACK, 1);
	while (getline(&line, &size, stdin) > 0) {
		struct order order = order_read(line);
		bool is_first = strstr(line, "\"attempt\":1,") != NULL;

		sleep_us(order.is_stuck && is_first ? (int64_t)3600 * 1000000 : take_us);
		effects_add(effects, &order);
		answer(line);
	}
	free(line);
	return 0;
}
