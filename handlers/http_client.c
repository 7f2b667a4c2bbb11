/*
 * http_client - requests by libcurl, one after the other over a connection that is kept
 *
 * Runs in: worker, lane threads. libcurl is initialised at the first open: no other process of
 * onced pays for it.
 */
#include "http_client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

enum { KEEPALIVE_IDLE_S = 30, KEEPALIVE_INTERVAL_S = 10, CONNECTION_AGE_MAX_S = 60 };

struct http_client {
	const struct http_settings *settings;
	CURL *curl;
	struct curl_slist *headers;
	struct compose url;
	bool is_broken; /* a header did not fit in memory */
	char error[CURL_ERROR_SIZE];

	/* of the request under way */
	struct http_reply *reply;
	size_t answered_bytes;
	bool has_head; /* the head of the answer is there, to its end */
	bool is_full; /* the answer went on behind HTTP_ANSWER_MAX */
	bool is_refused; /* an address was */
	bool is_tried; /* another was not */
};

/* ---- called by libcurl ---- */

/* What a callback returns for `len` bytes: 0 ends the transfer. */
static size_t count_bytes(struct http_client *client, size_t len)
{
	client->answered_bytes += len;
	client->is_full = client->answered_bytes > HTTP_ANSWER_MAX;
	return client->is_full ? 0 : len;
}

/*
 * A line at a time; an empty one ends the head, which begins again behind "100 Continue". Trailers
 * come here, too, and have no empty line.
 */
static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	struct http_client *client = context;
	size_t len = size * count;

	if (len > 0 && (data[0] == '\r' || data[0] == '\n')) {
		client->has_head = true;
	} else if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		client->has_head = false;
	}
	return count_bytes(client, len);
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct http_client *client = context;
	struct http_reply *reply = client->reply;
	size_t len = size * count, room = sizeof(reply->body) - reply->body_len;
	size_t kept = len < room ? len : room;

	memcpy(reply->body + reply->body_len, data, kept);
	reply->body_len += kept;
	return count_bytes(client, len);
}

static curl_socket_t on_open_socket(
	void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_client *client = context;
	enum http_address_class class = http_address_classify(&address->addr);

	if (!client->settings->is_allowed[class]) {
		client->is_refused = true;
		client->reply->refused = class;
		return CURL_SOCKET_BAD;
	}
	client->is_tried = true;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- life ---- */

static CURLcode global_code;

static void initialise(void)
{
	global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static CURLcode set_numbers(struct http_client *client)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_QUICK_EXIT, 1 }, /* a resolver that hangs holds up nobody */
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_PATH_AS_IS, 1 },
		{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_SSL_VERIFYPEER, 1 },
		{ CURLOPT_SSL_VERIFYHOST, 2 },
		{ CURLOPT_TCP_KEEPALIVE, 1 },
		{ CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
		{ CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S },
		{ CURLOPT_MAXCONNECTS, 1 },
		{ CURLOPT_MAXAGE_CONN, CONNECTION_AGE_MAX_S },
		{ CURLOPT_CONNECTTIMEOUT_MS, (long)client->settings->connect_timeout_ms },
	};
	CURLcode code = CURLE_OK;

	for (size_t i = 0; code == CURLE_OK && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		code = curl_easy_setopt(client->curl, numbers[i].option, numbers[i].value);
	}
	return code;
}

static CURLcode set_texts(struct http_client *client)
{
	const struct http_settings *settings = client->settings;
	const struct {
		CURLoption option;
		const char *value; /* NULL: libcurl's default */
	} texts[] = {
		{ CURLOPT_PROTOCOLS_STR, "http,https" },
		{ CURLOPT_PROXY, "" }, /* whatever the environment says */
		{ CURLOPT_NOPROXY, "*" },
		{ CURLOPT_USERAGENT, "onced/" ONCED_VERSION },
		{ CURLOPT_CUSTOMREQUEST, settings->method },
		{ CURLOPT_USERNAME, settings->url.user },
		{ CURLOPT_PASSWORD, settings->url.password },
		{ CURLOPT_CAINFO, settings->tls_ca },
		{ CURLOPT_SSLCERT, settings->tls_cert },
		{ CURLOPT_SSLKEY, settings->tls_key },
		{ CURLOPT_KEYPASSWD, settings->tls_key_password },
	};
	CURLcode code = CURLE_OK;

	for (size_t i = 0; code == CURLE_OK && i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].value) {
			code = curl_easy_setopt(client->curl, texts[i].option, texts[i].value);
		}
	}
	if (code == CURLE_OK && settings->tls_ca) {
		/* these certificates, and no others */
		code = curl_easy_setopt(client->curl, CURLOPT_CAPATH, NULL);
	}
	return code;
}

static void set_callbacks(struct http_client *client)
{
	(void)curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, client->error);
	(void)curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
	(void)curl_easy_setopt(client->curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(client->curl, CURLOPT_HEADERDATA, client);
	(void)curl_easy_setopt(client->curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	(void)curl_easy_setopt(client->curl, CURLOPT_OPENSOCKETDATA, client);
}

int http_client_new(
	const struct http_settings *settings, struct http_client **ret, const char **ret_text)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http_client *client = calloc(1, sizeof(*client));
	CURLcode code = CURLE_OUT_OF_MEMORY;

	pthread_once(&once, initialise);
	if (client && global_code == CURLE_OK) {
		client->settings = settings;
		client->curl = curl_easy_init();
	}
	if (client && client->curl) {
		code = set_numbers(client);
		code = code == CURLE_OK ? set_texts(client) : code;
		set_callbacks(client);
	}
	code = global_code ? global_code : code;
	if (code != CURLE_OK) {
		*ret_text = curl_easy_strerror(code);
		http_client_free(client);
		return code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT ? -ENOMEM : -EINVAL;
	}
	*ret = client;
	return 0;
}

void http_client_free(struct http_client *client)
{
	if (!client) {
		return;
	}
	curl_easy_cleanup(client->curl);
	curl_slist_free_all(client->headers);
	compose_fini(&client->url);
	free(client);
}

/* ---- a request ---- */

void http_client_begin(struct http_client *client)
{
	curl_slist_free_all(client->headers);
	client->headers = NULL;
	client->is_broken = false;
	/* nobody waits for a "100 Continue" */
	http_client_add_header(client, "Expect:");
}

void http_client_add_header(struct http_client *client, const char *line)
{
	struct curl_slist *headers = curl_slist_append(client->headers, line);

	client->headers = headers ? headers : client->headers;
	client->is_broken |= !headers;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum http_end end_of_code(CURLcode code)
{
	static const struct {
		CURLcode code;
		enum http_end end;
	} ends[] = {
		{ CURLE_COULDNT_RESOLVE_HOST, HTTP_END_RESOLVE },
		{ CURLE_COULDNT_CONNECT, HTTP_END_CONNECT },
		{ CURLE_SSL_CONNECT_ERROR, HTTP_END_TLS },
		{ CURLE_PEER_FAILED_VERIFICATION, HTTP_END_TLS },
		{ CURLE_SSL_CERTPROBLEM, HTTP_END_TLS },
		{ CURLE_SSL_CIPHER, HTTP_END_TLS },
		{ CURLE_SSL_CACERT_BADFILE, HTTP_END_TLS },
		{ CURLE_SSL_ENGINE_NOTFOUND, HTTP_END_TLS },
		{ CURLE_SSL_ENGINE_SETFAILED, HTTP_END_TLS },
		{ CURLE_SSL_ENGINE_INITFAILED, HTTP_END_TLS },
		{ CURLE_SSL_ISSUER_ERROR, HTTP_END_TLS },
		{ CURLE_SSL_CRL_BADFILE, HTTP_END_TLS },
		{ CURLE_SSL_INVALIDCERTSTATUS, HTTP_END_TLS },
		{ CURLE_SSL_CLIENTCERT, HTTP_END_TLS },
		{ CURLE_USE_SSL_FAILED, HTTP_END_TLS },
		{ CURLE_SEND_ERROR, HTTP_END_RESET },
		{ CURLE_RECV_ERROR, HTTP_END_RESET },
		{ CURLE_GOT_NOTHING, HTTP_END_RESET },
		{ CURLE_PARTIAL_FILE, HTTP_END_TRUNCATED },
		{ CURLE_URL_MALFORMAT, HTTP_END_URL },
		{ CURLE_OUT_OF_MEMORY, HTTP_END_MEMORY },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (ends[i].code == code) {
			return ends[i].end;
		}
	}
	return HTTP_END_PROTOCOL;
}

/* Too late before the request was on its way: then it took no effect, and nothing was there. */
static enum http_end end_of_timeout(CURL *curl)
{
	curl_off_t resolved_us = 0, ready_us = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_NAMELOOKUP_TIME_T, &resolved_us);
	(void)curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
	if (ready_us > 0) {
		return HTTP_END_TIMEOUT;
	}
	return resolved_us > 0 ? HTTP_END_CONNECT : HTTP_END_RESOLVE;
}

static enum http_end end_of(const struct http_client *client, CURLcode code)
{
	long status = client->reply->status;
	enum http_end end;

	if (client->is_full && status) {
		return HTTP_END_ANSWERED;
	}
	if (code == CURLE_OK) {
		return client->has_head ? HTTP_END_ANSWERED : HTTP_END_TRUNCATED;
	}
	if (code == CURLE_OPERATION_TIMEDOUT) {
		return end_of_timeout(client->curl);
	}
	end = end_of_code(code);
	if (end == HTTP_END_CONNECT && client->is_refused && !client->is_tried) {
		return HTTP_END_ADDRESS;
	}
	/* it began to answer */
	return end == HTTP_END_RESET && status >= 200 ? HTTP_END_TRUNCATED : end;
}

static void read_answer(struct http_client *client, struct http_reply *reply)
{
	curl_off_t retry_after_s = 0;

	(void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &reply->status);
	(void)curl_easy_getinfo(client->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
	if (retry_after_s > 0) {
		bool is_far = retry_after_s > client->settings->retry_after_max_ms / 1000;

		reply->retry_after_ms = is_far ? client->settings->retry_after_max_ms
					       : (int64_t)retry_after_s * 1000;
	}
}

static void perform_once(struct http_client *client, const char *url, int64_t left_ms)
{
	struct http_reply *reply = client->reply;
	CURLcode code;

	*reply = (struct http_reply){ .end = HTTP_END_MEMORY };
	client->answered_bytes = 0;
	client->has_head = client->is_full = client->is_refused = client->is_tried = false;
	client->error[0] = '\0';
	code = curl_easy_setopt(client->curl, CURLOPT_URL, url);
	if (code == CURLE_OK) {
		(void)curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
		code = curl_easy_perform(client->curl);
	}
	read_answer(client, reply);
	reply->end = end_of(client, code);
	if (reply->end != HTTP_END_ANSWERED) {
		snprintf(reply->text, sizeof(reply->text), "%s",
			client->error[0] ? client->error : curl_easy_strerror(code));
	}
}

/*
 * Where an answer sends the request, into client->url; false when it ends here. Only 307 and 308
 * say that the same request shall be made again.
 */
static bool follow(struct http_client *client, unsigned redirects)
{
	struct http_reply *reply = client->reply;
	char *target = NULL;

	if (reply->end != HTTP_END_ANSWERED || reply->status < 300 || reply->status > 399) {
		return false;
	}
	(void)curl_easy_getinfo(client->curl, CURLINFO_REDIRECT_URL, &target);
	if (redirects < client->settings->redirects_max && target &&
		(reply->status == 307 || reply->status == 308) &&
		http_url_may_redirect(compose_str(&client->url), target)) {
		compose_clear(&client->url);
		compose_literal(&client->url, target);
		return true;
	}
	reply->end = HTTP_END_REDIRECT;
	return false;
}

static void perform(struct http_client *client)
{
	int64_t deadline_ms = now_ms() + client->settings->timeout_ms;

	for (unsigned redirects = 0;; redirects++) {
		int64_t left_ms = deadline_ms - now_ms();

		perform_once(client, compose_str(&client->url), left_ms > 1 ? left_ms : 1);
		if (!follow(client, redirects)) {
			return;
		}
	}
}

void http_client_send(struct http_client *client, const char *path, struct onced_bytes body,
	struct http_reply *ret)
{
	client->reply = ret;
	compose_clear(&client->url);
	compose_literal(&client->url, client->settings->url.origin);
	compose_literal(&client->url, path);
	if (client->is_broken) {
		*ret = (struct http_reply){ .end = HTTP_END_MEMORY };
		return;
	}
	(void)curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
	(void)curl_easy_setopt(client->curl, CURLOPT_POST, 1L);
	(void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	(void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body.data ? body.data : "");
	perform(client);
}
