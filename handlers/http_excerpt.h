/*
 * http_excerpt - what an answer says, fit to be logged and to go into a dead letter
 *
 * A server may send back what it was sent: values of configured headers and of the query, user and
 * password become asterisks where they stand in its words.
 */
#pragma once

#include "compose.h"
#include "http_settings.h"

enum { HTTP_EXCERPT_MAX = 512, HTTP_SECRETS_MAX = 64, HTTP_SECRET_MIN = 4 };
enum { HTTP_EXCERPT_RAW_MAX = 2048 };

/* Borrows from the settings. Of more than there is room for, the first are kept. Zero it first. */
struct http_secrets {
	struct onced_bytes texts[HTTP_SECRETS_MAX];
	size_t count;
	struct compose basic; /* user and password as they are sent */
};

void http_secrets_collect(const struct http_settings *settings, struct http_secrets *ret);
void http_secrets_fini(struct http_secrets *secrets);

/*
 * The first HTTP_EXCERPT_MAX bytes of `body` as one line of UTF-8, secrets as asterisks; of a body
 * of more than HTTP_EXCERPT_RAW_MAX bytes no more are looked at. `body` is changed. Returns `out`,
 * "" for nothing to say.
 */
const char *http_excerpt(const struct http_secrets *secrets, char *body, size_t len,
	char out[HTTP_EXCERPT_MAX + 1]);
