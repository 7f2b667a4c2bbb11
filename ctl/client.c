/*
 * client - one request over the daemon's control socket
 *
 * Runs in: oncectl.
 */
#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/shown.h"

/* The daemon answers from memory, in its loop; its own bound is 5 s. */
enum { TIMEOUT_MS = 10000 };
/* 4096 partitions in full are a few megabytes. */
enum { BODY_MAX = 64 << 20 };

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	struct buffer *body = context;

	if (body->len + size * count > BODY_MAX) {
		return 0; /* ends the transfer */
	}
	buffer_append(body, bytes, size * count);
	return size * count;
}

static void curl_cleanupp(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

static CURLcode set_texts(CURL *curl, const char *socket_path, const char *url, const char *body,
	struct buffer *answer, char error[CURL_ERROR_SIZE])
{
	const struct {
		CURLoption option;
		const void *value;
	} texts[] = {
		{ CURLOPT_UNIX_SOCKET_PATH, socket_path },
		{ CURLOPT_URL, url },
		{ CURLOPT_PROTOCOLS_STR, "http" },
		{ CURLOPT_PROXY, "" }, /* whatever the environment says */
		{ CURLOPT_ERRORBUFFER, error },
		{ CURLOPT_WRITEDATA, answer },
		{ CURLOPT_POSTFIELDS, body },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CURLcode code = texts[i].value || texts[i].option != CURLOPT_POSTFIELDS
			? curl_easy_setopt(curl, texts[i].option, texts[i].value)
			: CURLE_OK;

		if (code != CURLE_OK) {
			return code;
		}
	}
	return CURLE_OK;
}

static CURLcode perform(CURL *curl, const char *socket_path, const char *url, const char *body,
	struct buffer *answer, char error[CURL_ERROR_SIZE])
{
	CURLcode code = set_texts(curl, socket_path, url, body, answer, error);

	if (code != CURLE_OK) {
		return code;
	}
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
	return curl_easy_perform(curl);
}

/* What the daemon says of a refusal, and what to do about it. */
static int refused(const char *socket_path, const char *target, long status,
	const struct buffer *body, struct err *err)
{
	json_t *root = json_loadb(buffer_str(body), body->len, 0, NULL);
	const char *error = json_string_value(json_object_get(root, "error"));
	const char *remedy = json_string_value(json_object_get(root, "remedy"));

	if (error) {
		err_set(err, 0, "%s%s%s", error, remedy ? "; " : "", remedy ? remedy : "");
		shown_plain(err->text);
	} else {
		err_set(err, 0, "%s answered %ld to %s", socket_path, status, target);
	}
	json_decref(root);
	return -EPROTO;
}

/* What was sent is read by a daemon that only hangs, or was before it died. */
static const char *what_became(bool is_change)
{
	return is_change ? "; whether it was done is not known: see `oncectl status`" : "";
}

static int not_answered(CURL *curl, CURLcode code, const char *socket_path, bool is_change,
	const char *error, struct err *err)
{
	static const CURLcode broken[] = { CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
		CURLE_PARTIAL_FILE };
	long os_errno = 0;

	if (code == CURLE_COULDNT_CONNECT) {
		/* Its own sentence would name a port. */
		(void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_errno);
		return err_set(err, 1,
			"no answer on %s (%s); is onced running, may you open the socket, is it "
			"another one (--socket)?",
			socket_path, os_errno ? strerror((int)os_errno) : curl_easy_strerror(code));
	}
	if (code == CURLE_OPERATION_TIMEDOUT) {
		return err_set(err, 1, "no answer on %s within %d s; does onced hang?%s",
			socket_path, TIMEOUT_MS / 1000, what_became(is_change));
	}
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		if (code == broken[i]) {
			return err_set(err, 1, "no whole answer on %s (%s); did onced end?%s",
				socket_path, error[0] ? error : curl_easy_strerror(code),
				what_became(is_change));
		}
	}
	err_set(err, 0, "%s: %s%s", socket_path, error[0] ? error : curl_easy_strerror(code),
		what_became(is_change));
	shown_plain(err->text);
	return -EIO;
}

static int request(const char *socket_path, const char *target, const char *body,
	struct buffer *ret_body, struct err *err)
{
	_cleanup_(curl_cleanupp) CURL *curl = curl_easy_init();
	_cleanup_(buffer_fini) struct buffer url = BUFFER_INIT;
	char error[CURL_ERROR_SIZE] = "";
	CURLcode code;
	long status = 0;

	if (!curl) {
		return err_set(err, -ENOMEM, "cannot start libcurl");
	}
	buffer_printf(&url, "http://localhost%s", target);
	code = perform(curl, socket_path, buffer_str(&url), body, ret_body, error);
	if (code != CURLE_OK) {
		return not_answered(curl, code, socket_path, body != NULL, error, err);
	}
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status < 300 ? 0
					     : refused(socket_path, target, status, ret_body, err);
}

int client_get(
	const char *socket_path, const char *target, struct buffer *ret_body, struct err *err)
{
	return request(socket_path, target, NULL, ret_body, err);
}

int client_post(const char *socket_path, const char *target, const char *body,
	struct buffer *ret_body, struct err *err)
{
	return request(socket_path, target, body, ret_body, err);
}

void client_append_name(struct buffer *target, const char *name)
{
	char *escaped = curl_easy_escape(NULL, name, 0);

	buffer_append_str(target, escaped ? escaped : "");
	curl_free(escaped);
}

const char *client_library_version(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}
