#include "dlq_window.h"

void dlq_window_init(struct dlq_window *window, size_t failures_max)
{
	*window = (struct dlq_window){ .size = DLQ_WINDOW_FIRST, .failures_max = failures_max };
}

bool dlq_window_sent(struct dlq_window *window)
{
	return ++window->out >= window->size;
}

bool dlq_window_failed(const struct dlq_window *window, size_t failed)
{
	return failed >= window->failures_max;
}

void dlq_window_settled(struct dlq_window *window, size_t failed)
{
	size_t doubled = window->size * 2 < DLQ_WINDOW_LAST ? window->size * 2 : DLQ_WINDOW_LAST;

	window->size = failed > window->failed ? DLQ_WINDOW_FIRST : doubled;
	window->failed = failed;
	window->out = 0;
}
