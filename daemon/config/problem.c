/*
 * problem - what is wrong with a configuration, collected to be told all at
 * once
 */
#include "config/problem.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/memory.h"

/* A file of the wrong kind makes a complaint a line; nobody reads more than
 * this. */
enum { PROBLEMS_TOLD_MAX = 200 };

struct problem {
	struct place place;
	size_t sequence;
	char *text;
};

void problems_add(struct problems *problems, const struct place *place, const char *format, ...)
{
	struct buffer text = BUFFER_INIT;
	va_list args;

	if (problems->count == PROBLEMS_TOLD_MAX) {
		problems->untold++;
		return;
	}
	va_start(args, format);
	buffer_vprintf(&text, format, args);
	va_end(args);

	ARRAY_GROW(problems->items, problems->count, problems->capacity);
	problems->items[problems->count] = (struct problem){
		.place = *place,
		.sequence = problems->count,
		.text = buffer_take(&text),
	};
	problems->count++;
}

static int compare_problems(const void *left, const void *right)
{
	const struct problem *a = left, *b = right;

	if (a->place.file_index != b->place.file_index) {
		return a->place.file_index < b->place.file_index ? -1 : 1;
	}
	if (a->place.line != b->place.line) {
		return a->place.line < b->place.line ? -1 : 1;
	}
	return a->sequence < b->sequence ? -1 : 1;
}

unsigned problems_write(struct problems *problems, struct buffer *out)
{
	if (problems->count > 0) {
		qsort(problems->items, problems->count, sizeof(*problems->items), compare_problems);
	}
	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *problem = &problems->items[i];

		if (problem->place.line > 0) {
			buffer_printf(out, "%s:%u: %s\n", problem->place.file, problem->place.line,
				problem->text);
		} else {
			buffer_printf(out, "%s: %s\n", problem->place.file, problem->text);
		}
	}
	if (problems->untold > 0) {
		buffer_printf(out, "... and %zu more\n", problems->untold);
	}
	return (unsigned)(problems->count + problems->untold);
}

void problems_fini(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->items[i].text);
	}
	free(problems->items);
	*problems = PROBLEMS_INIT;
}
