/*
 * mask - URLs without their passwords, and what is a secret by its name
 */
#include "config/mask.h"

#include <string.h>
#include <strings.h>

#include "base/slice.h"

/*
 * "user:password@", or nothing; returns what is left of the URL. Up to the last
 * @ wherever it stands: a password whose / or ? should have been escaped is a
 * password all the same.
 */
static const char *mask_authority(const char *at, struct buffer *out)
{
	const char *last = strrchr(at, '@');
	const char *colon = last ? memchr(at, ':', (size_t)(last - at)) : NULL;

	if (!colon) {
		return at;
	}
	buffer_append(out, at, (size_t)(colon + 1 - at));
	buffer_append_str(out, "***");
	return last;
}

static bool names_secret(const char *parameter, size_t len)
{
	static const char *const words[] = { "password", "passwd", "passphrase", "secret", "token",
		"credential", "authorization", "cookie", "api-key", "api_key", "apikey",
		"private" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t word_len = strlen(words[i]);

		for (size_t k = 0; k + word_len <= len; k++) {
			if (strncasecmp(parameter + k, words[i], word_len) == 0) {
				return true;
			}
		}
	}
	return false;
}

bool mask_names_secret(const char *name)
{
	return names_secret(name, strlen(name));
}

static void mask_query(const char *at, struct buffer *out)
{
	while (*at) {
		size_t len = 1 + strcspn(at + 1, "&");
		const char *equals = memchr(at, '=', len);

		if (equals && names_secret(at, (size_t)(equals - at))) {
			buffer_append(out, at, (size_t)(equals + 1 - at));
			buffer_append_str(out, "***");
		} else {
			buffer_append(out, at, len);
		}
		at += len;
	}
}

/* What may be the password, and, with the host behind it, what a library may take for a host. */
struct suspect {
	struct slice password, with_host;
};

static bool find_suspect(const char *url, struct suspect *ret)
{
	const char *at = strstr(url, "://");
	const char *last = at ? strrchr(at + 3, '@') : NULL;
	const char *colon = last ? memchr(at + 3, ':', (size_t)(last - at - 3)) : NULL;

	if (!colon) {
		return false;
	}
	ret->password = slice_from(colon + 1, (size_t)(last - colon - 1));
	ret->with_host = slice_from_str(colon + 1);
	return true;
}

static bool is_suspect(const struct suspect *suspect, struct slice quoted)
{
	const struct slice *whole =
		memchr(quoted.data, '@', quoted.len) ? &suspect->with_host : &suspect->password;

	return quoted.len > 0 && memmem(whole->data, whole->len, quoted.data, quoted.len) != NULL;
}

void mask_quoted(const char *url, const char *text, struct buffer *out)
{
	struct suspect suspect;
	const char *begin = find_suspect(url, &suspect) ? strchr(text, '"') : NULL;
	bool has_quotes = begin && memchr(suspect.password.data, '"', suspect.password.len);

	while (begin) {
		/* where a quote ends is not to be told when the password has some */
		const char *end = has_quotes ? strrchr(text, '"') : strchr(begin + 1, '"');
		struct slice quoted;

		end = end && end > begin ? end : begin + strlen(begin);
		quoted = slice_from(begin + 1, (size_t)(end - begin - 1));
		buffer_append(out, text, (size_t)(begin + 1 - text));
		if (has_quotes || is_suspect(&suspect, quoted)) {
			buffer_append_str(out, "***");
		} else {
			buffer_append(out, quoted.data, quoted.len);
		}
		text = end;
		if (*end) {
			buffer_append_char(out, '"');
			text++;
		}
		begin = strchr(text, '"');
	}
	buffer_append_str(out, text);
}

void mask_url(const char *url, struct buffer *out)
{
	const char *at = strstr(url, "://"), *query;

	if (!at) {
		buffer_append_str(out, url);
		return;
	}
	buffer_append(out, url, (size_t)(at + 3 - url));
	at = mask_authority(at + 3, out);
	/* an @ in the query took the ? for a piece of the password */
	query = at + strcspn(at, "?&");
	buffer_append(out, at, (size_t)(query - at));
	mask_query(query, out);
}
