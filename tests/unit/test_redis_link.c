/*
 * test_redis_link - what a peer may do to a connection, with TLS and without
 *
 * The peer is a thread at the other end of a pair of sockets.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "store/redis/redis.h"

enum { LARGE = 3 * 1000 * 1000 };

#define LONG_US ((int64_t)60 * 1000 * 1000)

struct line {
	char directory[32], certificate[64], key[64];
	struct red_store store;
	struct red_session session;
	SSL_CTX *peer_context;
	int peer_fd;
	void (*play)(SSL *ssl, int fd);
	pthread_t peer;
};

/* ---- certificates ---- */

static X509 *certify(EVP_PKEY *key, const char *name)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_NAME_new();

	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
	X509_set_subject_name(certificate, subject);
	X509_set_issuer_name(certificate, subject);
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	X509_NAME_free(subject);
	return certificate;
}

/* For localhost; the key's file wants a passphrase. */
static void make_certificate(struct line *line)
{
	static unsigned char passphrase[] = "open";
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = certify(key, "localhost");
	FILE *file;

	strcpy(line->directory, "/tmp/onced-link-XXXXXX");
	assert_non_null(mkdtemp(line->directory));
	snprintf(line->certificate, sizeof(line->certificate), "%s/pem", line->directory);
	snprintf(line->key, sizeof(line->key), "%s/key", line->directory);
	file = fopen(line->certificate, "w");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, certificate), 1);
	fclose(file);
	file = fopen(line->key, "w");
	assert_non_null(file);
	assert_int_equal(
		PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(), passphrase, 4, NULL, NULL), 1);
	fclose(file);
	line->peer_context = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(line->peer_context, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(line->peer_context, key), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* ---- the line ---- */

static int line_open(void **state)
{
	struct line *line = test_calloc(1, sizeof(*line));
	int fds[2];

	make_certificate(line);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	line->peer_fd = fds[1];
	line->store.url.is_tls = true;
	line->store.url.tls_ca = line->certificate;
	assert_int_equal(red_tls_new(&line->store.url, &line->store.tls, NULL), 0);
	line->session.store = &line->store;
	line->session.context = redisConnectFd(fds[0]);
	line->session.interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	*state = line;
	return 0;
}

static int line_close(void **state)
{
	struct line *line = *state;

	red_link_close(&line->session);
	red_tls_free(line->store.tls);
	SSL_CTX_free(line->peer_context);
	if (line->peer_fd >= 0) {
		close(line->peer_fd);
	}
	close(line->session.interrupt_fd);
	unlink(line->certificate);
	unlink(line->key);
	rmdir(line->directory);
	test_free(line);
	return 0;
}

static void *peer_run(void *argument)
{
	struct line *line = argument;
	SSL *ssl = SSL_new(line->peer_context);

	SSL_set_fd(ssl, line->peer_fd);
	if (SSL_accept(ssl) == 1) {
		line->play(ssl, line->peer_fd);
	}
	SSL_free(ssl);
	return NULL;
}

static void play(struct line *line, void (*part)(SSL *ssl, int fd))
{
	struct err err = ERR_INIT;

	line->play = part;
	assert_int_equal(pthread_create(&line->peer, NULL, peer_run, line), 0);
	if (red_link_start_tls(&line->session, "localhost", clock_mono_us() + LONG_US, &err) != 0) {
		fail_msg("%s", err.text);
	}
}

static void hang_up(struct line *line)
{
	close(line->peer_fd);
	line->peer_fd = -1;
}

static enum store_failure exchange(
	struct line *line, struct slice bytes, redisReply **replies, size_t count, struct err *err)
{
	return red_link_exchange(
		&line->session, bytes, replies, count, clock_mono_us() + LONG_US, err);
}

static void expect_pong(struct line *line, struct slice bytes)
{
	struct err err = ERR_INIT;
	redisReply *reply;

	if (exchange(line, bytes, &reply, 1, &err) != STORE_OK) {
		fail_msg("%s", err.text);
	}
	assert_string_equal(reply->str, "PONG");
	red_replies_free(&reply, 1);
}

static const char refusal[] = "-DENIED Redis is running in protected mode\r\n";

static void expect_refusal(struct line *line)
{
	struct err err = ERR_INIT;
	redisReply *replies[2];

	assert_int_equal(
		exchange(line, SLICE_LITERAL("AUTH x\r\nINFO\r\n"), replies, 2, &err), STORE_LOST);
	if (!strstr(err.text, "DENIED Redis is running in protected mode")) {
		fail_msg("%s", err.text);
	}
	assert_null(replies[0]);
	assert_null(line->session.context);
}

/* ---- TLS ---- */

static void writing_to_a_peer_that_left_is_an_error_and_no_signal(void **state)
{
	struct line *line = *state;
	struct err err = ERR_INIT;

	hang_up(line);
	assert_int_equal(
		red_link_start_tls(&line->session, "localhost", clock_mono_us() + LONG_US, &err),
		1);
	assert_non_null(strstr(err.text, "TLS with localhost"));
	assert_null(line->session.context);
	assert_null(line->session.stream);
}

static void a_handshake_that_nobody_answers_ends_at_its_deadline(void **state)
{
	struct line *line = *state;
	struct err err = ERR_INIT;

	assert_int_equal(
		red_link_start_tls(&line->session, "localhost", clock_mono_us() + 50000, &err), 1);
	assert_non_null(strstr(err.text, "did not answer in time"));
	assert_null(line->session.context);
}

static void answer_and_leave(SSL *ssl, int fd)
{
	BIO *both = BIO_new(BIO_s_mem());
	char command[64], *bytes;
	long len;

	SSL_read(ssl, command, sizeof(command));
	SSL_set0_wbio(ssl, both);
	SSL_write(ssl, "+PONG\r\n", 7);
	SSL_shutdown(ssl);
	len = BIO_get_mem_data(both, &bytes);
	(void)!send(fd, bytes, (size_t)len, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
}

static void an_answer_counts_that_has_the_end_behind_it(void **state)
{
	struct line *line = *state;
	struct err err = ERR_INIT;
	redisReply *reply;

	play(line, answer_and_leave);
	expect_pong(line, SLICE_LITERAL("PING\r\n"));
	pthread_join(line->peer, NULL);
	assert_int_equal(exchange(line, SLICE_LITERAL("PING\r\n"), &reply, 1, &err), STORE_LOST);
	assert_null(reply);
	assert_null(line->session.context);
	assert_int_equal(exchange(line, SLICE_LITERAL("PING\r\n"), &reply, 1, &err), STORE_LOST);
}

static void read_in_crumbs(SSL *ssl, int fd)
{
	static const char answer[] = "$4\r\nPONG\r\n";
	char crumbs[1000];
	int total = 0, len;

	while (total < LARGE && (len = SSL_read(ssl, crumbs, sizeof(crumbs))) > 0) {
		total += len;
	}
	for (const char *at = answer; total == LARGE && *at; at++) {
		SSL_write(ssl, at, 1);
	}
}

static void what_goes_out_and_comes_in_by_pieces_is_whole(void **state)
{
	struct line *line = *state;
	char *large = test_calloc(1, LARGE);

	play(line, read_in_crumbs);
	expect_pong(line, slice_from(large, LARGE));
	pthread_join(line->peer, NULL);
	test_free(large);
}

static void refuse(SSL *ssl, int fd)
{
	SSL_write(ssl, refusal, (int)strlen(refusal));
}

static void a_server_that_left_is_quoted_through_tls(void **state)
{
	struct line *line = *state;

	play(line, refuse);
	pthread_join(line->peer, NULL);
	hang_up(line);
	expect_refusal(line);
}

/* Not even where standard input would answer. */
static void a_passphrase_is_not_asked_for(void **state)
{
	struct line *line = *state;
	struct red_url url = { .is_tls = true,
		.tls_ca = line->certificate,
		.tls_cert = line->certificate,
		.tls_key = line->key };
	struct err err = ERR_INIT;
	struct red_tls *tls;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "open\n", 5), 5);
	close(fds[1]);
	assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	close(fds[0]);
	assert_int_equal(red_tls_new(&url, &tls, &err), -EINVAL);
	assert_null(tls);
	assert_non_null(strstr(err.text, "needs a passphrase"));
}

/* ---- and without ---- */

static void a_server_that_lets_nobody_in_is_quoted(void **state)
{
	struct line *line = *state;

	assert_int_equal(write(line->peer_fd, refusal, strlen(refusal)), strlen(refusal));
	shutdown(line->peer_fd, SHUT_WR);
	expect_refusal(line);
}

/* Nothing can be written to it any more, and still it is heard. */
static void a_server_that_left_is_quoted(void **state)
{
	struct line *line = *state;

	assert_int_equal(write(line->peer_fd, refusal, strlen(refusal)), strlen(refusal));
	hang_up(line);
	expect_refusal(line);
}

static void what_does_not_speak_redis_is_left(void **state)
{
	static const char words[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	struct line *line = *state;
	struct err err = ERR_INIT;
	redisReply *reply;

	assert_int_equal(write(line->peer_fd, words, strlen(words)), strlen(words));
	assert_int_equal(exchange(line, SLICE_LITERAL("INFO\r\n"), &reply, 1, &err), STORE_LOST);
	assert_non_null(strstr(err.text, "Protocol error"));
	assert_null(line->session.context);
}

/* ---- Sentinels ---- */

static int listen_somewhere(struct red_endpoint *ret)
{
	static char host[] = "127.0.0.1";
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*ret = (struct red_endpoint){ host, ntohs(at.sin_port) };
	return fd;
}

struct liar {
	int listener;
	const char *words;
};

static void *lie(void *argument)
{
	const struct liar *liar = argument;
	int fd = accept(liar->listener, NULL, NULL);
	char command[256];

	(void)!read(fd, command, sizeof(command));
	(void)!send(fd, liar->words, strlen(liar->words), MSG_NOSIGNAL);
	(void)!read(fd, command, sizeof(command));
	close(fd);
	return NULL;
}

/* A line has TLS, unless it is told. */
static void speak_in_the_clear(struct line *line)
{
	red_tls_free(line->store.tls);
	line->store.tls = NULL;
}

static void a_sentinel_that_talks_nonsense_is_not_believed(void **state)
{
	static const char *const answers[] = { "*2\r\n:1\r\n:2\r\n", "*2\r\n$-1\r\n$-1\r\n",
		"*2\r\n*0\r\n$4\r\n6379\r\n", "*1\r\n$1\r\nx\r\n", "$4\r\nhost\r\n", "*-1\r\n" };
	struct line *line = *state;
	struct red_url *url = &line->store.url;
	static char name[] = "shop";
	struct liar liar = { .listener = listen_somewhere(&url->endpoints[0]) };

	speak_in_the_clear(line);
	url->master = name;
	url->endpoint_count = 1;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct err err = ERR_INIT;
		int64_t now_us = clock_mono_us();
		pthread_t thread;

		liar.words = answers[i];
		assert_int_equal(pthread_create(&thread, NULL, lie, &liar), 0);
		assert_int_equal(red_connect(&line->session, now_us, now_us + LONG_US, &err), 1);
		assert_non_null(strstr(err.text, "knows no master shop"));
		pthread_join(thread, NULL);
	}
	close(liar.listener);
}

/* The first takes the connection and says nothing; what the second one's answer is taken for. */
static void ask_a_silent_one_and_a_liar(struct line *line, const char *says)
{
	struct red_url *url = &line->store.url;
	static char name[] = "shop";
	int silent = listen_somewhere(&url->endpoints[0]);
	struct liar liar = { listen_somewhere(&url->endpoints[1]), "*-1\r\n" };
	int64_t now_us = clock_mono_us();
	struct err err = ERR_INIT;
	pthread_t thread;

	url->master = name;
	url->endpoint_count = 2;
	assert_int_equal(pthread_create(&thread, NULL, lie, &liar), 0);
	assert_int_equal(red_connect(&line->session, now_us, now_us + 6000000, &err), 1);
	if (!strstr(err.text, says) || strstr(err.text, "did not answer in time")) {
		fail_msg("%s", err.text);
	}
	pthread_join(thread, NULL);
	close(silent);
	close(liar.listener);
}

static void a_silent_sentinel_leaves_time_for_the_next(void **state)
{
	speak_in_the_clear(*state);
	ask_a_silent_one_and_a_liar(*state, "knows no master shop");
}

static void a_sentinel_that_never_shakes_hands_leaves_time_for_the_next(void **state)
{
	ask_a_silent_one_and_a_liar(*state, "TLS with 127.0.0.1: ");
}

#define WITH_LINE(test) cmocka_unit_test_setup_teardown(test, line_open, line_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LINE(writing_to_a_peer_that_left_is_an_error_and_no_signal),
		WITH_LINE(a_handshake_that_nobody_answers_ends_at_its_deadline),
		WITH_LINE(an_answer_counts_that_has_the_end_behind_it),
		WITH_LINE(what_goes_out_and_comes_in_by_pieces_is_whole),
		WITH_LINE(a_server_that_left_is_quoted_through_tls),
		WITH_LINE(a_passphrase_is_not_asked_for),
		WITH_LINE(a_server_that_lets_nobody_in_is_quoted),
		WITH_LINE(a_server_that_left_is_quoted),
		WITH_LINE(what_does_not_speak_redis_is_left),
		WITH_LINE(a_sentinel_that_talks_nonsense_is_not_believed),
		WITH_LINE(a_silent_sentinel_leaves_time_for_the_next),
		WITH_LINE(a_sentinel_that_never_shakes_hands_leaves_time_for_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
