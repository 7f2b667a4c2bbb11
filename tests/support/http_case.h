/*
 * http_case - one test of the `http` handler: a fake host, and a scripted server that it talks to
 */
#pragma once

#include "fake_host.h"
#include "http_peer.h"

extern struct fake_host http_case_host;
extern struct http_peer *http_case_peer;
/* A script without a step: every request is answered 200. */
extern const struct http_peer_step http_case_always_good[];

/* For cmocka; also to begin again within a test. */
int http_case_teardown(void **state);

/* A handler with these parameters, not opened. */
void http_case_configure(const struct onced_param *params);

/* Starts a peer; returns its URL, which is the format with its port for %u. */
const char *http_case_start(const struct http_peer_step *script, const char *url_format)
	__attribute__((format_arg(2)));

/* Open a handler for `path` at a new peer. Further parameters: NAME, VALUE ... NULL. */
void http_case_open(const struct http_peer_step *script, const char *path, ...)
	__attribute__((sentinel));

/* An event with everything; only the value differs (NULL: null). */
struct fake_event http_case_event(const char *value);
struct onced_outcome http_case_handle(const struct fake_event *event);
struct onced_outcome http_case_handle_value(const char *value);

void http_case_assert_outcome(
	struct onced_outcome outcome, enum onced_result result, const char *code, const char *says);
void http_case_assert_done(struct onced_outcome outcome);
/* Is `part` in the i-th request? (Not: in any case.) */
void http_case_assert_sent(unsigned i, const char *part);
void http_case_assert_not_sent(unsigned i, const char *part);
