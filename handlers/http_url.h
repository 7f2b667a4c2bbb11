/*
 * http_url - the `url` of an http handler: where it goes is fixed, what it asks for there may
 * depend on the event
 *
 * Pure. Scheme, user, host and port are literal; fields of the event may stand in path and query.
 */
#pragma once

#include <stdbool.h>

#include "template.h"

struct http_url {
	char *origin; /* "https://host:8443", without user and password: may be shown */
	char *host; /* as in the origin, an IPv6 address in brackets */
	char *user, *password; /* NULL: none; decoded */
	bool is_https;
	struct template path; /* from the slash on, the query included; never empty */
};

/* 0; -1 with `error`, lines and columns of `text`. http_url_fini() in both cases. */
int http_url_parse(const char *text, struct http_url *ret, struct field_error *error);
/* Overwrites the secrets. */
void http_url_fini(struct http_url *url);

/*
 * Is a segment of the path (which ends at the query) "." or ".."? Servers would walk along it, and
 * those that stand before others take %2F for a slash, and %2E for a dot.
 */
bool http_url_has_dots(const char *path);

/* May a redirect of `from` lead to `to`: the same host and port, or from http to https there? */
bool http_url_may_redirect(const char *from, const char *to);
