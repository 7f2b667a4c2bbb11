/*
 * http_client - requests by libcurl, one after the other over a connection that is kept
 *
 * One client a lane. Nothing comes from the environment: no proxy, no .netrc, no cookies. Which
 * addresses are connected to is checked where the connection is made, so that a name that suddenly
 * means another machine helps nobody. At most 64 KiB of an answer are read.
 */
#pragma once

#include "compose.h"
#include "http_excerpt.h"
#include "http_settings.h"

enum { HTTP_ANSWER_MAX = 64 * 1024 };

/* How a request ended. */
enum http_end {
	HTTP_END_ANSWERED, /* `status` is the server's word */
	HTTP_END_REDIRECT, /* to where it may not lead, or once too often */
	HTTP_END_TIMEOUT, /* sent, and no answer in time */
	HTTP_END_RESET, /* the connection went away before the answer */
	HTTP_END_TRUNCATED, /* the answer is cut off */
	HTTP_END_PROTOCOL, /* the answer is no HTTP */
	HTTP_END_RESOLVE, /* the host has no address */
	HTTP_END_ADDRESS, /* all its addresses are of classes that are refused */
	HTTP_END_CONNECT,
	HTTP_END_TLS,
	HTTP_END_URL, /* libcurl refuses the URL */
	HTTP_END_MEMORY,
	HTTP_END_COUNT,
};

struct http_reply {
	enum http_end end;
	long status; /* 0: none came */
	int64_t retry_after_ms; /* 0: not asked for */
	enum http_address_class refused; /* ADDRESS: one of the classes */
	char text[256]; /* libcurl's words where it did not work; "" */
	char body[HTTP_EXCERPT_RAW_MAX]; /* how the answer begins */
	size_t body_len;
};

struct http_client;

/*
 * 0 and `ret`; or `ret_text`, a constant sentence, and -ENOMEM where memory or a thread is missing
 * now, or -EINVAL. The settings must live as long as the client.
 */
int http_client_new(
	const struct http_settings *settings, struct http_client **ret, const char **ret_text);
/* Accepts NULL. */
void http_client_free(struct http_client *client);

/* Start a request without headers, then add them: "Name: value" ("Name;" for an empty value). */
void http_client_begin(struct http_client *client);
void http_client_add_header(struct http_client *client, const char *line);

/* Send it, with redirects in no more than the handler's timeout. `path` begins with a slash. */
void http_client_send(struct http_client *client, const char *path, struct onced_bytes body,
	struct http_reply *ret);
