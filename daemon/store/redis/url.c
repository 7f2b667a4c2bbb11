/*
 * url - where Redis is
 *
 *	redis://[USER:PASSWORD@]HOST[:PORT][/DB]
 *	rediss://...                              the same over TLS
 *	redis+unix:///PATH[?db=DB]
 *	redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT].../MASTER[/DB]
 *	rediss+sentinel://...                     the same over TLS, to them and to the master
 *
 * Options behind `?`: db, and for TLS ca, cert and key, which are files. Pure. Errors never repeat
 * the text: a password may stand in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/redis/redis.h"

enum { PORT_REDIS = 6379, PORT_SENTINEL = 26379, DB_MAX = 1 << 20 };

static const struct scheme {
	const char *prefix;
	int port;
	bool is_tls, is_unix, is_sentinel;
} schemes[] = {
	{ "redis://", PORT_REDIS, false, false, false },
	{ "rediss://", PORT_REDIS, true, false, false },
	{ "redis+unix://", 0, false, true, false },
	{ "redis+sentinel://", PORT_SENTINEL, false, false, true },
	{ "rediss+sentinel://", PORT_SENTINEL, true, false, true },
};

static const struct scheme *find_scheme(const char *text)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncmp(text, schemes[i].prefix, strlen(schemes[i].prefix)) == 0) {
			return &schemes[i];
		}
	}
	return NULL;
}

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Percent-decoded copy; NULL for a broken escape or a NUL. */
static char *decode(const char *from, size_t len)
{
	char *to = xmalloc(len + 1), *out = to;

	for (size_t i = 0; i < len; i++) {
		char c = from[i];

		if (c == '%') {
			int high = i + 2 < len ? hex(from[i + 1]) : -1;
			int low = high >= 0 ? hex(from[i + 2]) : -1;

			c = low >= 0 ? (char)(high << 4 | low) : '\0';
			i += 2;
		}
		if (c == '\0') {
			free(to);
			return NULL;
		}
		*out++ = c;
	}
	*out = '\0';
	return to;
}

static bool parse_number(const char *from, size_t len, long max, int *ret)
{
	long number = 0;

	if (len == 0 || len > 7) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (from[i] < '0' || from[i] > '9') {
			return false;
		}
		number = 10 * number + (from[i] - '0');
	}
	*ret = (int)number;
	return number <= max;
}

/* "user:password", "user", ":password" */
static bool parse_login(struct red_url *url, const char *from, size_t len)
{
	const char *colon = memchr(from, ':', len);
	size_t user_len = colon ? (size_t)(colon - from) : len;

	if (user_len) {
		url->user = decode(from, user_len);
	}
	if (colon) {
		url->password = decode(colon + 1, len - user_len - 1);
	}
	return (!user_len || url->user) && (!colon || url->password);
}

/* "host", "host:port", "[::1]:port" */
static bool parse_endpoint(struct red_url *url, const char *from, size_t len, int port)
{
	struct red_endpoint *endpoint;
	const char *host = from, *rest, *end = from + len;

	if (url->endpoint_count == RED_ENDPOINTS_MAX) {
		return false;
	}
	endpoint = &url->endpoints[url->endpoint_count++];
	endpoint->port = port;
	if (len && from[0] == '[') {
		host = from + 1;
		rest = memchr(host, ']', len - 1);
		if (!rest) {
			return false;
		}
		endpoint->host = xstrndup(host, (size_t)(rest - host));
		rest++;
	} else {
		rest = memchr(host, ':', len);
		rest = rest ? rest : end;
		endpoint->host = decode(host, (size_t)(rest - host));
	}
	if (!endpoint->host || endpoint->host[0] == '\0') {
		return false;
	}
	return rest == end ||
		(*rest == ':' &&
			parse_number(rest + 1, (size_t)(end - rest) - 1, 65535, &endpoint->port) &&
			endpoint->port > 0);
}

static bool parse_endpoints(struct red_url *url, const char *from, size_t len, int port)
{
	const char *end = from + len;

	for (;;) {
		const char *comma = memchr(from, ',', (size_t)(end - from));
		const char *stop = comma ? comma : end;

		if (!parse_endpoint(url, from, (size_t)(stop - from), port)) {
			return false;
		}
		if (!comma) {
			return true;
		}
		from = comma + 1;
	}
}

static bool parse_option(struct red_url *url, const char *from, size_t len)
{
	const struct {
		const char *name;
		char **value;
	} files[] = { { "ca=", &url->tls_ca }, { "cert=", &url->tls_cert },
		{ "key=", &url->tls_key } };

	if (len > 3 && strncmp(from, "db=", 3) == 0) {
		return parse_number(from + 3, len - 3, DB_MAX, &url->db);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t name_len = strlen(files[i].name);

		if (url->is_tls && !*files[i].value && len > name_len &&
			strncmp(from, files[i].name, name_len) == 0) {
			*files[i].value = decode(from + name_len, len - name_len);
			return *files[i].value != NULL;
		}
	}
	return false;
}

static bool parse_options(struct red_url *url, const char *from)
{
	while (*from) {
		size_t len = strcspn(from, "&");

		if (!parse_option(url, from, len)) {
			return false;
		}
		from += len + (from[len] == '&');
	}
	return true;
}

/* "/db", "/master", "/master/db" */
static const char *parse_path(struct red_url *url, const char *from, size_t len, bool is_sentinel)
{
	const char *slash;

	if (is_sentinel) {
		if (len < 2) {
			return "name the master that the Sentinels know: "
			       "redis+sentinel://HOST,HOST/MASTER";
		}
		slash = memchr(from + 1, '/', len - 1);
		url->master = decode(from + 1, slash ? (size_t)(slash - from) - 1 : len - 1);
		if (!url->master || url->master[0] == '\0') {
			return "the master's name is not readable";
		}
		len = slash ? len - (size_t)(slash - from) : 0;
		from = slash;
	}
	if (len > 1 && !parse_number(from + 1, len - 1, DB_MAX, &url->db)) {
		return "behind the host stands the number of the database: /0";
	}
	return NULL;
}

static const char *parse(struct red_url *url, const struct scheme *scheme, const char *rest)
{
	size_t len = strcspn(rest, "?"), authority_len;
	const char *options = rest[len] ? rest + len + 1 : "";
	const char *path, *at = NULL;

	path = memchr(rest, '/', len);
	authority_len = path ? (size_t)(path - rest) : len;
	for (size_t i = 0; i < authority_len; i++) {
		at = rest[i] == '@' ? rest + i : at;
	}
	if (at && !parse_login(url, rest, (size_t)(at - rest))) {
		return "user and password are not readable; % is written %25";
	}
	if (at) {
		authority_len -= (size_t)(at - rest) + 1;
		rest = at + 1;
	}
	if (!parse_options(url, options)) {
		return "only db, and with TLS (rediss) ca, cert and key, may stand behind ?";
	}
	if (scheme->is_unix) {
		url->path = path && authority_len == 0 ? decode(path, strcspn(path, "?")) : NULL;
		return url->path && url->path[1] ? NULL
						 : "a UNIX socket is written redis+unix:///PATH";
	}
	if (!parse_endpoints(url, rest, authority_len, scheme->port)) {
		return "the host is not readable: redis://HOST:PORT/DB";
	}
	if (!scheme->is_sentinel && url->endpoint_count > 1) {
		return "several hosts are for Sentinels: redis+sentinel://HOST,HOST/MASTER";
	}
	return path ? parse_path(url, path, strcspn(path, "?"), scheme->is_sentinel)
		    : parse_path(url, "", 0, scheme->is_sentinel);
}

int red_url_parse(const char *text, struct red_url *ret, struct err *err)
{
	const struct scheme *scheme = find_scheme(text);
	const char *problem = "unknown scheme";

	*ret = (struct red_url){ .db = 0 };
	if (scheme) {
		ret->is_tls = scheme->is_tls;
		problem = parse(ret, scheme, text + strlen(scheme->prefix));
	}
	if (problem) {
		red_url_fini(ret);
		return err_set(err, -EINVAL, "store, a Redis URL: %s", problem);
	}
	return 0;
}

void red_url_fini(struct red_url *url)
{
	if (url->password) {
		explicit_bzero(url->password, strlen(url->password));
	}
	free(url->user);
	free(url->password);
	free(url->path);
	free(url->master);
	for (size_t i = 0; i < url->endpoint_count; i++) {
		free(url->endpoints[i].host);
	}
	free(url->tls_ca);
	free(url->tls_cert);
	free(url->tls_key);
	*url = (struct red_url){ .db = 0 };
}
