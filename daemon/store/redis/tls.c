/*
 * tls - a stream of OpenSSL over a connection of hiredis
 *
 * Runs in: the session's thread. hiredis connects and parses; the bytes between are ours, so that
 * every version of it will do, the handshake has a deadline, and the certificate's name is compared
 * with the host. Nothing here waits: link.c does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/redis/redis.h"

struct red_tls {
	SSL_CTX *context;
};

struct red_stream {
	SSL *ssl;
	short wants; /* before it can go on */
};

static int load_files(SSL_CTX *context, const struct red_url *url, struct err *err)
{
	bool has_ca = url->tls_ca ? SSL_CTX_load_verify_locations(context, url->tls_ca, NULL) == 1
				  : SSL_CTX_set_default_verify_paths(context) == 1;

	if (!has_ca) {
		return err_set(err, -EINVAL, "store: ca=%s cannot be read",
			url->tls_ca ? url->tls_ca : "(the system's)");
	}
	if (url->tls_cert && SSL_CTX_use_certificate_chain_file(context, url->tls_cert) != 1) {
		return err_set(err, -EINVAL, "store: cert=%s cannot be read", url->tls_cert);
	}
	if (url->tls_key &&
		(SSL_CTX_use_PrivateKey_file(context, url->tls_key, SSL_FILETYPE_PEM) != 1 ||
			SSL_CTX_check_private_key(context) != 1)) {
		return err_set(err, -EINVAL,
			"store: key=%s cannot be read, or is not the certificate's", url->tls_key);
	}
	return 0;
}

int red_tls_new(const struct red_url *url, struct red_tls **ret, struct err *err)
{
	struct red_tls *tls;
	int r;

	*ret = NULL;
	if (!url->is_tls) {
		return 0;
	}
	tls = NEW(struct red_tls);
	tls->context = SSL_CTX_new(TLS_client_method());
	if (!tls->context) {
		red_tls_free(tls);
		return err_set(err, -EINVAL, "OpenSSL gives no context");
	}
	SSL_CTX_set_mode(
		tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	r = load_files(tls->context, url, err);
	ERR_clear_error();
	if (r < 0) {
		red_tls_free(tls);
		return r;
	}
	*ret = tls;
	return 0;
}

void red_tls_free(struct red_tls *tls)
{
	if (tls) {
		SSL_CTX_free(tls->context);
		free(tls);
	}
}

/* ---- one connection ---- */

static bool expect_host(SSL *ssl, const char *host)
{
	struct in6_addr address;
	bool is_address =
		inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;

	if (is_address) {
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	}
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct red_stream *red_stream_open(struct red_tls *tls, int fd, const char *host, struct err *err)
{
	struct red_stream *stream = NEW(struct red_stream);

	stream->ssl = SSL_new(tls->context);
	if (!stream->ssl || SSL_set_fd(stream->ssl, fd) != 1 || !expect_host(stream->ssl, host)) {
		red_stream_close(stream);
		err_set(err, 0, "TLS: no connection for %s", host);
		return NULL;
	}
	return stream;
}

void red_stream_close(struct red_stream *stream)
{
	if (stream) {
		SSL_free(stream->ssl);
		free(stream);
	}
}

/* True: later, when `wants` has come. */
static bool is_to_wait(struct red_stream *stream, int result)
{
	int error = SSL_get_error(stream->ssl, result);

	stream->wants = error == SSL_ERROR_WANT_READ ? POLLIN
		: error == SSL_ERROR_WANT_WRITE      ? POLLOUT
						     : 0;
	return stream->wants != 0;
}

static const char *reason(void)
{
	unsigned long error = ERR_get_error();
	const char *text = error ? ERR_reason_error_string(error) : NULL;

	ERR_clear_error();
	return text ? text : "the connection was closed";
}

static int explain(struct red_stream *stream, const char *host, struct err *err)
{
	long verified = SSL_get_verify_result(stream->ssl);
	const char *why = X509_verify_cert_error_string(verified);

	if (verified == X509_V_ERR_HOSTNAME_MISMATCH ||
		verified == X509_V_ERR_IP_ADDRESS_MISMATCH) {
		ERR_clear_error();
		return err_set(err, -EINVAL,
			"TLS: the certificate of Redis is not for %s (%s): connect by a name that "
			"stands in it",
			host, why);
	}
	if (verified != X509_V_OK) {
		ERR_clear_error();
		return err_set(err, -EINVAL,
			"TLS: the certificate of %s is not trusted (%s): name its authority by "
			"?ca=FILE",
			host, why);
	}
	return err_set(err, 1, "TLS with %s: %s", host, reason());
}

int red_stream_shake(struct red_stream *stream, const char *host, short *ret_wants, struct err *err)
{
	int result;

	ERR_clear_error();
	result = SSL_connect(stream->ssl);
	*ret_wants = 0;
	if (result == 1) {
		return 0;
	}
	if (is_to_wait(stream, result)) {
		*ret_wants = stream->wants;
		return 0;
	}
	return explain(stream, host, err);
}

static ssize_t tell(struct red_stream *stream, int result, struct err *err)
{
	if (result > 0) {
		stream->wants = 0;
		return result;
	}
	return is_to_wait(stream, result) ? 0 : err_set(err, -1, "TLS: %s", reason());
}

ssize_t red_stream_write(struct red_stream *stream, struct slice bytes, struct err *err)
{
	int len = bytes.len < INT_MAX ? (int)bytes.len : INT_MAX;

	ERR_clear_error();
	return tell(stream, SSL_write(stream->ssl, bytes.data, len), err);
}

ssize_t red_stream_read(struct red_stream *stream, char *to, size_t size, struct err *err)
{
	ERR_clear_error();
	return tell(stream, SSL_read(stream->ssl, to, (int)size), err);
}

short red_stream_wants(const struct red_stream *stream)
{
	return stream->wants;
}
