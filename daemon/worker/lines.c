#include "worker/lines.h"

#include "base/log.h"

#define SECOND_US ((int64_t)1000 * 1000)

bool lines_take(struct lines *lines, int64_t now_us, unsigned per_second, const char *kind)
{
	if (now_us - lines->since_us >= SECOND_US) {
		lines->since_us = now_us;
		lines->used = 0;
	}
	if (lines->used >= per_second) {
		lines->left_out++;
		return false;
	}
	lines->used++;
	if (lines->left_out) {
		log_warning("lines were left out", LOG_STR("kind", kind),
			LOG_INT("count", (int64_t)lines->left_out));
		lines->left_out = 0;
	}
	return true;
}
