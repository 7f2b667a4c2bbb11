#include "effects.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TAKES_US = 5000 };

static uint64_t number_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

struct order order_read(const char *text)
{
	return (struct order){ .number = number_of(text, "\"order_id\":"),
		.placed_us = number_of(text, "\"placed_us\":"),
		.is_stuck = strstr(text, "\"stuck\":true") != NULL };
}

int effects_open(void)
{
	const char *path = getenv("BENCH_EFFECTS");
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0) {
		err(1, "BENCH_EFFECTS");
	}
	return fd;
}

void effects_add(int fd, const struct order *order)
{
	struct timespec now;
	uint64_t record[3] = { order->number, order->placed_us };

	clock_gettime(CLOCK_REALTIME, &now);
	record[2] = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (write(fd, record, sizeof(record)) != sizeof(record)) {
		err(1, "BENCH_EFFECTS");
	}
}

int64_t effects_take_us(void)
{
	const char *text = getenv("BENCH_TAKES_US");

	return text ? strtoll(text, NULL, 10) : TAKES_US;
}
