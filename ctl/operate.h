/*
 * operate - ask the daemon for something, and see how far it gets
 *
 * Runs in: oncectl.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/buffer.h"
#include "verbs.h"

/* CONSUMER[:TOPIC[:PARTITION]] */
struct scope {
	char consumer[256], topic[256];
	int64_t partition; /* -1: all */
};

/* False after a sentence on standard error. */
bool scope_parse(const char *text, struct scope *ret);

/* TOPIC:PARTITION, or with `ret_offset` TOPIC:PARTITION:OFFSET, into `scope`. */
bool scope_parse_position(const char *text, struct scope *scope, int64_t *ret_offset);

/* A body with the scope, the caller's name, and what options say; the caller adds and releases. */
json_t *operate_body(const struct ctl *ctl, const struct scope *scope);

enum operate_wait {
	OPERATE_ANSWER, /* for some seconds: it is quickly done, or will not be done at all */
	OPERATE_START, /* not at all */
	OPERATE_END, /* until it is over, or --timeout */
};

/*
 * POST the body (taken over) to `verb` of the consumer and follow the operation. `ret` is its last
 * state, the caller's; NULL when it did not begin. Returns the exit status; what is wrong is on
 * standard error.
 */
int operate(const struct ctl *ctl, const struct scope *scope, const char *verb, json_t *take_body,
	enum operate_wait wait, const char *timeout, json_t **ret);

/*
 * Follow an operation that was only begun, until it is over (CTL_OK when it is done) or for so
 * long (CTL_TIMED_OUT).
 */
int operate_follow(const struct ctl *ctl, int64_t limit_us, json_t **operation);

/* What still holds it up, one line each. */
void operate_show_waiting(const json_t *operation);
