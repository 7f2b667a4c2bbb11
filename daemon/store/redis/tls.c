/*
 * tls - a stream of OpenSSL over a connection of hiredis
 *
 * Runs in: the session's thread. hiredis connects and parses; the bytes between are ours, so that
 * every version of it will do, the handshake has a deadline, and the certificate's name is compared
 * with the host. Nothing here waits: link.c does. OpenSSL's own socket BIO would write with
 * SIGPIPE, which ends a probe or oncectl, so it is given another one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "store/redis/redis.h"

struct red_tls {
	SSL_CTX *context;
	BIO_METHOD *transport;
};

struct red_stream {
	SSL *ssl;
	int fd; /* borrowed */
	short wants; /* before it can go on */
};

/* ---- the bytes on the wire ---- */

static bool is_for_later(ssize_t done)
{
	return done < 0 && (errno == EAGAIN || errno == EINTR);
}

static int transport_write(BIO *bio, const char *bytes, int len)
{
	const struct red_stream *stream = BIO_get_data(bio);
	ssize_t done = send(stream->fd, bytes, (size_t)len, MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	if (is_for_later(done)) {
		BIO_set_retry_write(bio);
	}
	return (int)done;
}

static int transport_read(BIO *bio, char *to, int size)
{
	const struct red_stream *stream = BIO_get_data(bio);
	ssize_t done = recv(stream->fd, to, (size_t)size, 0);

	BIO_clear_retry_flags(bio);
	if (is_for_later(done)) {
		BIO_set_retry_read(bio);
	}
	return (int)done;
}

static long transport_control(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH; /* nothing is kept back */
}

static BIO_METHOD *transport_new(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");

	if (method) {
		BIO_meth_set_write(method, transport_write);
		BIO_meth_set_read(method, transport_read);
		BIO_meth_set_ctrl(method, transport_control);
	}
	return method;
}

/* ---- what all connections share ---- */

/* Nobody is asked for a passphrase: there is nobody. */
static int no_passphrase(char *to, int size, int is_for_writing, void *context)
{
	return -1;
}

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
			"store: key=%s cannot be read, needs a passphrase, or is not the "
			"certificate's",
			url->tls_key);
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
	tls->transport = transport_new();
	if (!tls->context || !tls->transport) {
		red_tls_free(tls);
		return err_set(err, -EINVAL, "OpenSSL gives no context");
	}
	SSL_CTX_set_mode(
		tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_default_passwd_cb(tls->context, no_passphrase);
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
		BIO_meth_free(tls->transport);
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
	BIO *transport = BIO_new(tls->transport);

	stream->fd = fd;
	stream->ssl = SSL_new(tls->context);
	if (transport && stream->ssl) {
		BIO_set_data(transport, stream);
		BIO_set_init(transport, 1);
		SSL_set_bio(stream->ssl, transport, transport);
	} else {
		BIO_free(transport);
	}
	if (!transport || !stream->ssl || !expect_host(stream->ssl, host)) {
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

bool red_stream_has_more(const struct red_stream *stream)
{
	return SSL_pending(stream->ssl) > 0;
}

short red_stream_wants(const struct red_stream *stream)
{
	return stream->wants;
}
