/*
 * tls - the only file that knows whether hiredis has TLS
 *
 * Runs in: the session's thread. hiredis before 1.0 has none; from then on it takes a connection of
 * OpenSSL. That one is ours, because hiredis itself does not compare the certificate's name with
 * the host.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "store/redis/redis.h"

#ifdef ONCED_REDIS_TLS

#include <arpa/inet.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

struct red_tls {
	SSL_CTX *context;
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

int red_tls_start(struct red_tls *tls, redisContext *context, const char *host, struct err *err)
{
	SSL *ssl = SSL_new(tls->context);

	if (!ssl || !expect_host(ssl, host)) {
		SSL_free(ssl);
		return err_set(err, 1, "TLS: no connection for %s", host);
	}
	if (redisInitiateSSL(context, ssl) != REDIS_OK) {
		return err_set(err, 1, "TLS with %s: %s", host, context->errstr);
	}
	return 0;
}

#else

int red_tls_new(const struct red_url *url, struct red_tls **ret, struct err *err)
{
	*ret = NULL;
	if (url->is_tls) {
		return err_set(err, -EINVAL,
			"store: this build has no TLS for Redis (hiredis before 1.0, or without "
			"hiredis_ssl): use redis:// through a tunnel, stunnel perhaps");
	}
	return 0;
}

void red_tls_free(struct red_tls *tls)
{
}

int red_tls_start(struct red_tls *tls, redisContext *context, const char *host, struct err *err)
{
	return err_set(err, 1, "this build has no TLS for Redis");
}

#endif
