/*
 * config_case - configurations for tests: written to a directory of their own, loaded, compared
 */
#pragma once

#include "config/config.h"

/*
 * log without keys; sql with statement (required, SQL), missing and rows; http with url (required)
 * and the family headers.*; plugin with path (required) and whatever else is written.
 */
extern const struct config_handler_type config_case_types[];

struct config_case {
	char directory[64]; /* made by begin, removed by end with all files in it */
	char path[128]; /* onced.ini in there */
	char *environment[16]; /* NULL-terminated; free slots are for the test */
	struct config *config; /* NULL when the load failed */
	struct config_errors errors;
};

void config_case_begin(struct config_case *test);
void config_case_end(struct config_case *test);

/* A file in the directory; `name` may begin with "conf.d/". */
void config_case_write(struct config_case *test, const char *name, const char *text);

/* Write `text` as onced.ini and load it. Returns what config_load() did. */
int config_case_load(struct config_case *test, const char *text);

/* The same, and it must succeed: the first problem fails the test. */
const struct config *config_case_load_good(struct config_case *test, const char *text);

/* Serialize one consumer into a memfd and load that. Fails the test when it is refused. */
struct config *config_case_travel(const struct config *config, const char *consumer);

/* What a worker is given of one consumer, but for where it was written: to be compared. */
void config_case_meaning(
	const struct config *config, const struct config_consumer *consumer, struct buffer *out);

/* A complete file: `onced`, `kafka`, `consumer` and `rest` are lines added to its parts. */
int config_case_load_with(struct config_case *test, const char *onced, const char *kafka,
	const char *consumer, const char *rest);
