/*
 * http_excerpt - what an answer says, fit to be logged and to go into a dead letter
 *
 * Runs in: worker, lane threads.
 */
#include "http_excerpt.h"

#include <string.h>
#include <strings.h>

#include "text.h"

/* ---- what must not be shown ---- */

static void add_bytes(struct http_secrets *secrets, const char *data, size_t len)
{
	if (len >= HTTP_SECRET_MIN && secrets->count < HTTP_SECRETS_MAX) {
		secrets->texts[secrets->count++] = (struct onced_bytes){ data, len };
	}
}

static void add_secret(struct http_secrets *secrets, const char *text)
{
	add_bytes(secrets, text, text ? strlen(text) : 0);
}

static void add_literals(struct http_secrets *secrets, const struct template *template)
{
	for (size_t i = 0; i < template->piece_count; i++) {
		add_secret(secrets, template->pieces[i].literal);
	}
}

/* "Bearer TOKEN" may come back as its last word alone. */
static void add_last_words(struct http_secrets *secrets, const struct template *template)
{
	for (size_t i = 0; i < template->piece_count; i++) {
		const char *literal = template->pieces[i].literal;
		const char *blank = literal ? strrchr(literal, ' ') : NULL;

		add_secret(secrets, blank ? blank + 1 : NULL);
	}
}

/* The values in "a=1&b=2"; all of it where there is no name. */
static void add_values(struct http_secrets *secrets, const char *query)
{
	while (*query) {
		size_t len = strcspn(query, "&"), name = strcspn(query, "=&");
		size_t skip = name < len ? name + 1 : 0;

		add_bytes(secrets, query + skip, len - skip);
		query += len + (query[len] == '&');
	}
}

static void add_query(struct http_secrets *secrets, const struct template *path)
{
	bool is_query = false;

	for (size_t i = 0; i < path->piece_count; i++) {
		const char *literal = path->pieces[i].literal;
		const char *mark = literal && !is_query ? strchr(literal, '?') : NULL;

		if (literal && (is_query || mark)) {
			add_values(secrets, mark ? mark + 1 : literal);
			is_query = true;
		}
	}
}

/* Its value is a word that anybody may know, and that answers are full of. */
static bool is_harmless(const char *header)
{
	static const char *const names[] = { "content-type", "accept", "accept-language",
		"user-agent", "host", "prefer" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(header, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* "Authorization: Basic" has both in base64. */
static void add_basic(struct http_secrets *secrets, const struct http_url *url)
{
	struct compose both = { .data = NULL };

	if (!url->user && !url->password) {
		return;
	}
	compose_literal(&both, url->user ? url->user : "");
	compose_literal(&both, ":");
	compose_literal(&both, url->password ? url->password : "");
	compose_base64(&secrets->basic, (struct onced_bytes){ both.data, both.len });
	add_bytes(secrets, secrets->basic.data + 1, secrets->basic.len - 2); /* no quotes */
	explicit_bzero(both.data, both.len);
	compose_fini(&both);
}

void http_secrets_fini(struct http_secrets *secrets)
{
	compose_fini(&secrets->basic);
	*secrets = (struct http_secrets){ .count = 0 };
}

void http_secrets_collect(const struct http_settings *settings, struct http_secrets *ret)
{
	*ret = (struct http_secrets){ .count = 0 };
	add_basic(ret, &settings->url);
	add_secret(ret, settings->url.password);
	add_secret(ret, settings->url.user);
	for (size_t i = 0; i < settings->header_count; i++) {
		if (!is_harmless(settings->headers[i].name)) {
			add_literals(ret, &settings->headers[i].value);
			add_last_words(ret, &settings->headers[i].value);
		}
	}
	add_query(ret, &settings->url.path);
}

/* ---- the text ---- */

/* Where it is, whole, or cut off by the end. */
static void mark(const char *body, size_t len, struct onced_bytes secret, bool *is_secret)
{
	const char *end = body + len, *at = body;
	size_t part = secret.len - 1 < len ? secret.len - 1 : len;

	while ((at = memmem(at, (size_t)(end - at), secret.data, secret.len)) != NULL) {
		memset(is_secret + (at - body), true, secret.len);
		at++;
	}
	while (part >= HTTP_SECRET_MIN && memcmp(end - part, secret.data, part) != 0) {
		part--;
	}
	if (part >= HTTP_SECRET_MIN) {
		memset(is_secret + len - part, true, part);
	}
}

/* All are found before one is hidden: they may overlap. */
static void mask(const struct http_secrets *secrets, char *body, size_t len)
{
	bool is_secret[HTTP_EXCERPT_RAW_MAX] = { false };

	for (size_t i = 0; i < secrets->count; i++) {
		mark(body, len, secrets->texts[i], is_secret);
	}
	for (size_t i = 0; i < len; i++) {
		body[i] = is_secret[i] ? '*' : body[i];
	}
}

/* White space and control characters are one blank; none at the edges. */
static size_t make_line(const char *body, size_t len, char *out)
{
	size_t out_len = 0;

	for (size_t i = 0; i < len && out_len < HTTP_EXCERPT_MAX; i++) {
		unsigned char c = (unsigned char)body[i];
		bool is_blank = c <= ' ' || c == 0x7f;

		if (is_blank && (out_len == 0 || out[out_len - 1] == ' ')) {
			continue;
		}
		out[out_len++] = is_blank ? ' ' : (char)c;
	}
	while (out_len > 0 && out[out_len - 1] == ' ') {
		out_len--;
	}
	out[out_len] = '\0';
	return out_len;
}

/* A character that was cut in two goes; what is no UTF-8 at all is shown as question marks. */
static void make_utf8(char *out, size_t len)
{
	size_t cut = len;

	while (cut > 0 && len - cut < 3 && ((unsigned char)out[cut - 1] & 0xc0) == 0x80) {
		cut--;
	}
	cut -= cut > 0 && (unsigned char)out[cut - 1] >= 0xc0;
	if (text_is_storable((struct onced_bytes){ out, len })) {
		return;
	}
	if (text_is_storable((struct onced_bytes){ out, cut })) {
		out[cut] = '\0';
		return;
	}
	for (size_t i = 0; i < len; i++) {
		out[i] = (unsigned char)out[i] >= 0x80 ? '?' : out[i];
	}
}

const char *http_excerpt(
	const struct http_secrets *secrets, char *body, size_t len, char out[HTTP_EXCERPT_MAX + 1])
{
	len = len < HTTP_EXCERPT_RAW_MAX ? len : HTTP_EXCERPT_RAW_MAX;
	mask(secrets, body, len);
	make_utf8(out, make_line(body, len, out));
	return out;
}
