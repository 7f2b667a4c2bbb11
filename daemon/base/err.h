/*
 * err - the sentence a person needs when something failed
 *
 * Functions return 0, a negative errno (unexpected, forward it) or a positive documented outcome.
 * Where a person must act, the last parameter is a `struct err` that receives one sentence: what
 * happened, to what, and what to do. It never holds a secret or a payload.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

enum { ERR_TEXT_MAX = 1024 };

struct err {
	/* A foreign code where there is one: SQLSTATE, Kafka error name. "" when there is none. */
	char code[32];
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT ((struct err){ .code = "", .text = "" })

/*
 * Replace the sentence (cut at ERR_TEXT_MAX). `err` may be NULL. Returns `result`, so that a caller
 * can `return err_set(...)`.
 */
int err_set(struct err *err, int result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "context: " before the sentence that is there. `err` may be NULL. Returns `result`. */
int err_prefix(struct err *err, int result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Does `result` say that this process lacks a thread, memory or a descriptor at the moment? That is
 * no fault of a configuration: tried again it may work.
 */
bool err_is_shortage(int result);
