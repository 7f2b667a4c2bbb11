/*
 * expand - what a value says about where its text comes from
 *
 * Texts are measured before they are written: nothing that may be secret is
 * moved around.
 */
#include "config/expand.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/text.h"

const char *expand_getenv(char *const *environment, const char *name, size_t name_len)
{
	for (size_t i = 0; environment && environment[i]; i++) {
		if (strncmp(environment[i], name, name_len) == 0 &&
			environment[i][name_len] == '=') {
			return environment[i] + name_len + 1;
		}
	}
	return NULL;
}

static size_t variable_name_length(const char *s)
{
	size_t len = 0;

	while (s[len] == '_' || isalpha((unsigned char)s[len]) ||
		(len > 0 && isdigit((unsigned char)s[len]))) {
		len++;
	}
	return len;
}

/* The variable of "${NAME}" at `s`. Sets how many bytes of `s` it takes. */
static int find_variable(const char *s, char *const *environment, const char **ret,
	size_t *ret_taken, struct err *err)
{
	size_t len = variable_name_length(s + 2);

	if (len == 0 || s[2 + len] != '}') {
		return err_set(err, -EINVAL,
			"${ must be followed by the name of an environment variable and }; write "
			"$$ for a dollar sign");
	}
	*ret = expand_getenv(environment, s + 2, len);
	if (!*ret) {
		return err_set(err, -EINVAL, "the environment variable %.*s is not set",
			(int)(len > 200 ? 200 : len), s + 2);
	}
	*ret_taken = len + 3;
	return 0;
}

/* Write the expansion of `raw` to `out`, or only measure it where that is NULL.
 */
static int run(
	const char *raw, char *const *environment, char *out, size_t *ret_len, struct err *err)
{
	size_t len = 0;

	for (const char *s = raw; *s;) {
		const char *piece = s;
		size_t taken = 1, piece_len = 1;

		if (s[0] == '$' && s[1] == '$') {
			taken = 2;
		} else if (s[0] == '$' && s[1] == '{') {
			int r = find_variable(s, environment, &piece, &taken, err);

			if (r < 0) {
				return r;
			}
			piece_len = strlen(piece);
		}
		if (piece_len > TEXT_MAX - len) {
			return err_set(err, -EFBIG, "the value is larger than %d MiB once expanded",
				TEXT_MAX / (1024 * 1024));
		}
		if (out) {
			memcpy(out + len, piece, piece_len);
		}
		len += piece_len;
		s += taken;
	}
	*ret_len = len;
	return 0;
}

static int expand_text(
	struct pool *pool, const char *raw, char *const *environment, char **ret, struct err *err)
{
	size_t len;
	unsigned line;
	int r = run(raw, environment, NULL, &len, err);

	if (r < 0) {
		return r;
	}
	*ret = pool_alloc(pool, len + 1);
	run(raw, environment, *ret, &len, err);
	r = text_check(*ret, len, &line, err);
	return r < 0 ? err_prefix(err, r, "the value once expanded") : 0;
}

static int credential_path(
	struct pool *pool, const char *name, char *const *environment, char **ret, struct err *err)
{
	static const char variable[] = "CREDENTIALS_DIRECTORY";
	const char *directory = expand_getenv(environment, variable, strlen(variable));

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/')) {
		return err_set(err, -EINVAL,
			"@cred: must be followed by the name of a credential, without / and not "
			"starting with a dot");
	}
	if (!directory || directory[0] == '\0') {
		return err_set(err, -EINVAL,
			"@cred:%s needs $CREDENTIALS_DIRECTORY, which systemd sets for a unit with "
			"LoadCredential=",
			name);
	}
	*ret = pool_printf(pool, "%s/%s", directory, name);
	return 0;
}

static int read_secret(struct pool *pool, const char *path, char **ret, struct err *err)
{
	_cleanup_(text_wipe) struct buffer text = BUFFER_INIT;
	unsigned line = 0;
	size_t len;
	int r = text_read_path(path, &text, err);

	if (r == 0) {
		r = text_check(text.data, text.len, &line, err);
	}
	if (r < 0) {
		return err_prefix(err, r, "the secret file %s", path);
	}
	len = text.len;
	if (len > 0 && text.data[len - 1] == '\n') {
		len--;
		len -= len > 0 && text.data[len - 1] == '\r';
	}
	*ret = pool_copy(pool, text.data, len);
	return 0;
}

static int expand_file(
	struct pool *pool, const char *raw, char *const *environment, char **ret, struct err *err)
{
	char *reference, *path = NULL;
	int r = expand_text(pool, raw, environment, &reference, err);

	if (r < 0) {
		return r;
	}
	if (strncmp(reference, "@cred:", 6) == 0) {
		r = credential_path(pool, reference + 6, environment, &path, err);
		return r < 0 ? r : read_secret(pool, path, ret, err);
	}
	if (reference[1] != '/') {
		return err_set(err, -EINVAL,
			"a value that starts with @ names a file: @/path or @cred:NAME; write @@ "
			"for an at sign");
	}
	return read_secret(pool, reference + 1, ret, err);
}

int expand_value(struct pool *pool, const char *raw, char *const *environment, char **ret,
	bool *ret_is_secret, struct err *err)
{
	*ret_is_secret = raw[0] == '@' && raw[1] != '@';
	if (*ret_is_secret) {
		return expand_file(pool, raw, environment, ret, err);
	}
	return expand_text(pool, raw[0] == '@' ? raw + 1 : raw, environment, ret, err);
}
