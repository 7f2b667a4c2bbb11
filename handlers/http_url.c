/*
 * http_url - the `url` of an http handler
 *
 * Runs in: any process, any thread (pure). libcurl takes the URL apart, as it does when it is used.
 */
#include "http_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#define FIXED "scheme, host and port are fixed by the configuration"

static void wipe(char *secret)
{
	if (secret) {
		explicit_bzero(secret, strlen(secret));
	}
	free(secret);
}

void http_url_fini(struct http_url *url)
{
	free(url->origin);
	free(url->host);
	wipe(url->user);
	wipe(url->password);
	template_fini(&url->path);
	*url = (struct http_url){ .origin = NULL };
}

/* ---- the fixed part ---- */

/* Length of "https://host:port" in `text`; 0 with the error. */
static size_t origin_length(const char *text, bool *ret_is_https, struct field_error *error)
{
	bool is_https = strncasecmp(text, "https://", 8) == 0;
	size_t scheme = is_https ? 8 : 7, len, fixed;

	if (text[0] == '{') {
		field_error_set(error, text, FIXED ": write https://HOST first");
		return 0;
	}
	if (!is_https && strncasecmp(text, "http://", 7) != 0) {
		field_error_set(error, text, "it must start with https:// or http://");
		return 0;
	}
	for (len = scheme; text[len] && !strchr("/?#", text[len]); len++) {
	}
	fixed = strcspn(text, "{}");
	if (fixed < len) {
		field_error_set(error, text + fixed,
			FIXED "; parameters may stand in the path and the query");
		return 0;
	}
	*ret_is_https = is_https;
	return len;
}

/*
 * A part of the URL in memory of ours, NULL where there is none. -1: no memory. To take that for a
 * part that is not there would send events to another port, or without the login.
 */
static int get_part(CURLU *parts, CURLUPart which, unsigned flags, char **ret)
{
	char *theirs = NULL;
	CURLUcode code = curl_url_get(parts, which, &theirs, flags);

	*ret = NULL;
	if (code != CURLUE_OK) {
		return code == CURLUE_OUT_OF_MEMORY ? -1 : 0;
	}
	*ret = strdup(theirs);
	explicit_bzero(theirs, strlen(theirs));
	curl_free(theirs);
	return *ret ? 0 : -1;
}

static int make_origin(CURLU *parts, struct http_url *url)
{
	char *port;
	int r = get_part(parts, CURLUPART_PORT, 0, &port);

	if (r == 0) {
		r = asprintf(&url->origin, "%s://%s%s%s", url->is_https ? "https" : "http",
			url->host, port ? ":" : "", port ? port : "");
		url->origin = r < 0 ? NULL : url->origin;
	}
	free(port);
	return r < 0 ? -1 : 0;
}

static int take_parts(CURLU *parts, struct http_url *url)
{
	if (get_part(parts, CURLUPART_HOST, 0, &url->host) < 0 ||
		get_part(parts, CURLUPART_USER, CURLU_URLDECODE, &url->user) < 0 ||
		get_part(parts, CURLUPART_PASSWORD, CURLU_URLDECODE, &url->password) < 0) {
		return -1;
	}
	return url->host ? make_origin(parts, url) : -1;
}

static int parse_origin(
	const char *text, size_t len, struct http_url *url, struct field_error *error)
{
	char *fixed = strndup(text, len);
	CURLU *parts = curl_url();
	CURLUcode code = CURLUE_OUT_OF_MEMORY;
	int r = -1;

	if (fixed && parts) {
		code = curl_url_set(parts, CURLUPART_URL, fixed, 0);
	}
	if (code == CURLUE_OK) {
		r = take_parts(parts, url);
		code = CURLUE_OUT_OF_MEMORY;
	}
	curl_url_cleanup(parts);
	wipe(fixed);
	return r < 0 ? field_error_set(error, text, "it is no URL: %s", curl_url_strerror(code))
		     : 0;
}

/* ---- the part that depends on the event ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'    ? c - '0'
		: c >= 'a' && c <= 'f' ? c - 'a' + 10
		: c >= 'A' && c <= 'F' ? c - 'A' + 10
				       : -1;
}

/* The character at `*p`, percent-decoded; `*p` moves behind it. */
static char next_char(const char **p)
{
	char c = *(*p)++;
	int high = c == '%' ? hex_digit((*p)[0]) : -1, low = high >= 0 ? hex_digit((*p)[1]) : -1;

	if (low < 0) {
		return c;
	}
	*p += 2;
	return (char)(high << 4 | low);
}

bool http_url_has_dots(const char *path)
{
	const char *end = path + strcspn(path, "?");
	size_t len = 0, dots = 0; /* of this segment */

	while (path < end) {
		char c = next_char(&path);

		if (c != '/' && c != '\\') {
			len++;
			dots += c == '.';
		} else if (len == dots && (len == 1 || len == 2)) {
			return true;
		} else {
			len = dots = 0;
		}
	}
	return len == dots && (len == 1 || len == 2);
}

/* What is not part of a URL, at its first place; NULL when all is fine. */
static const char *odd_char(const char *literal)
{
	for (; *literal; literal++) {
		unsigned char c = (unsigned char)*literal;

		if (c <= ' ' || c >= 0x7f || strchr("#\"<>\\^`{|}", c)) {
			return literal;
		}
	}
	return NULL;
}

static int check_literals(const char *rest, const struct template *path, struct field_error *error)
{
	for (size_t i = 0; i < path->piece_count; i++) {
		const char *odd =
			path->pieces[i].literal ? odd_char(path->pieces[i].literal) : NULL;

		if (!odd) {
			continue;
		}
		rest = strchr(rest, *odd);
		return *odd == '#' ? field_error_set(error, rest,
					     "what stands behind # is never sent; write %%23 for "
					     "the sign itself")
				   : field_error_set(error, rest,
					     "this character must be percent-encoded in a URL");
	}
	return 0;
}

/* The path's first piece is a literal with a slash: "/", "/?", "/orders/". */
static int put_slash(const char *rest, struct template *path)
{
	struct field_error error;
	char *with_slash = NULL;
	int r = asprintf(&with_slash, "/%s", rest);

	if (r >= 0) {
		r = template_parse(with_slash, path, &error);
		free(with_slash);
	}
	return r < 0 ? -1 : 0;
}

static int parse_path(const char *rest, struct http_url *url, struct field_error *error)
{
	if (template_parse(rest, &url->path, error) < 0 ||
		check_literals(rest, &url->path, error) < 0) {
		return -1;
	}
	if (rest[0] != '/') {
		template_fini(&url->path);
		return put_slash(rest, &url->path) < 0
			? field_error_set(error, rest, "out of memory")
			: 0;
	}
	if (!template_has_fields(&url->path) && http_url_has_dots(rest)) {
		return field_error_set(error, rest, "a path has no . or .. in it");
	}
	return 0;
}

int http_url_parse(const char *text, struct http_url *ret, struct field_error *error)
{
	size_t len;
	int r;

	*ret = (struct http_url){ .origin = NULL };
	len = origin_length(text, &ret->is_https, error);
	r = len == 0 ? -1 : parse_origin(text, len, ret, error);
	if (r == 0) {
		r = parse_path(text + len, ret, error);
	}
	if (r < 0) {
		field_error_locate(error, text);
	}
	return r;
}

/* ---- redirects ---- */

struct origin {
	char *scheme, *host, *port;
};

static void origin_read(const char *url, struct origin *ret)
{
	CURLU *parts = curl_url();

	*ret = (struct origin){ NULL, NULL, NULL };
	if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK) {
		/* what is not known is no origin to go to, whatever the reason */
		(void)get_part(parts, CURLUPART_SCHEME, 0, &ret->scheme);
		(void)get_part(parts, CURLUPART_HOST, 0, &ret->host);
		(void)get_part(parts, CURLUPART_PORT, CURLU_DEFAULT_PORT, &ret->port);
	}
	curl_url_cleanup(parts);
}

static void origin_fini(struct origin *origin)
{
	free(origin->scheme);
	free(origin->host);
	free(origin->port);
}

static bool is_known(const struct origin *origin)
{
	return origin->scheme && origin->host && origin->port;
}

static bool may_redirect(const struct origin *from, const struct origin *to)
{
	if (!is_known(from) || !is_known(to) || strcasecmp(from->host, to->host) != 0) {
		return false;
	}
	if (strcmp(from->scheme, to->scheme) == 0) {
		return strcmp(from->port, to->port) == 0;
	}
	return strcmp(from->scheme, "http") == 0 && strcmp(to->scheme, "https") == 0;
}

bool http_url_may_redirect(const char *from, const char *to)
{
	struct origin a, b;
	bool may;

	origin_read(from, &a);
	origin_read(to, &b);
	may = may_redirect(&a, &b);
	origin_fini(&a);
	origin_fini(&b);
	return may;
}
