/*
 * ini - the lines of an INI text, put together
 *
 * Pure: text in, calls out. Knows nothing of which sections and keys exist. The text has passed
 * text_check(). Two dialects: what people write, and the exact one in which a configuration
 * travels to a worker (see config_serialize()), where every byte of a value counts:
 *
 *	key = first line, to the end of the line, nothing trimmed
 *	<TAB>each further line
 *	key =! the same for a value that is secret
 *	#@ where the next key was written, for messages
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum ini_dialect { INI_PEOPLE, INI_EXACT };

/* A key with its value; all borrowed for the call. */
struct ini_pair {
	unsigned line; /* of the key */
	const char *key;
	const char *value; /* lines joined by \n */
	bool is_secret; /* only the exact dialect says so */
	const char *origin; /* only the exact dialect says it; NULL otherwise */
	const unsigned *value_lines; /* the line in the text of each line of the value */
	size_t value_line_count;
};

struct ini_sink {
	void (*section)(void *context, unsigned line, const char *title);
	void (*pair)(void *context, const struct ini_pair *pair);
	/* The line is left out. A bad section header is told as a problem and nothing else. */
	void (*problem)(void *context, unsigned line, const char *what);
	/* The lines up to the next section belong to nobody (its header was bad). */
	void (*lost)(void *context);
};

void ini_parse(const char *text, size_t len, enum ini_dialect dialect, const struct ini_sink *sink,
	void *context);
