/*
 * mask - URLs without their passwords, and what is a secret by its name
 */
#include "config/mask.h"

#include <string.h>
#include <strings.h>

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

void mask_url(const char *url, struct buffer *out)
{
	const char *at = strstr(url, "://"), *query;

	if (!at) {
		buffer_append_str(out, url);
		return;
	}
	buffer_append(out, url, (size_t)(at + 3 - url));
	at = mask_authority(at + 3, out);
	query = strchrnul(at, '?');
	buffer_append(out, at, (size_t)(query - at));
	mask_query(query, out);
}
