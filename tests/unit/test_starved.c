/*
 * test_starved - a client that gets no thread for a broker ends its process, with a sentence
 *
 * thrd_create() of this program stands before the C library's. A mock cluster of two brokers lives
 * in the same child process and has its threads before any is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dlfcn.h>
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "kafka/kafka.h"

enum { THREADS_MAX = 8, REFUSED_AT_ONCE = 3, MISTAKEN = 4 };

static atomic_int threads_left = -1; /* that are granted; < 0: all */

__attribute__((visibility("default"))) int thrd_create(
	thrd_t *ret, thrd_start_t start, void *argument)
{
	int (*real)(thrd_t *, thrd_start_t, void *);
	void *found = dlsym(RTLD_NEXT, "thrd_create");

	memcpy(&real, &found, sizeof(real));
	if (atomic_load(&threads_left) >= 0 && atomic_fetch_sub(&threads_left, 1) <= 0) {
		atomic_store(&threads_left, 0);
		return thrd_error;
	}
	return real(ret, start, argument);
}

/* 0: acknowledged; REFUSED_AT_ONCE: there was no client */
static int publish_with(int threads)
{
	char text[256];
	rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, text, sizeof(text));
	rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(host, 2);
	struct config_pair kafka = { .name = (char *)"bootstrap.servers",
		.value = (char *)rd_kafka_mock_cluster_bootstraps(cluster) };
	struct config config = { .kafka = { &kafka, 1 } };
	struct publisher_topic topic = { "there", 5000 };
	const struct publisher_options options = {
		.config = &config, .client_id = "test", .topics = &topic, .topic_count = 1
	};
	const struct sink_message message = { .partition = -1,
		.key = slice_from_str("key"),
		.value = slice_from_str("value"),
		.timestamp_ms = -1 };
	struct publisher *publisher;
	struct err err = ERR_INIT;
	int r;

	*strchr(kafka.value, ',') = '\0'; /* the other one is learned of */
	atomic_store(&threads_left, threads);
	r = kafka_publisher_ops.open(&options, &publisher, &err);
	if (r < 0) {
		return r == -EAGAIN ? REFUSED_AT_ONCE
				    : MISTAKEN; /* no fault of the configuration */
	}
	return kafka_publisher_ops.publish(publisher, 0, &message, &err) == PUBLISHER_ACKED ? 0 : 1;
}

/* The wait status of a process whose client gets so many threads; what it said into `said`. */
static int end_with(int threads, char *said, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int pipes[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(pipes[1], STDERR_FILENO);
		_exit(publish_with(threads));
	}
	close(pipes[1]);
	while (len < size - 1 && (n = read(pipes[0], said + len, size - 1 - len)) > 0) {
		len += (size_t)n;
	}
	said[len] = '\0';
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_client_without_a_thread_ends_its_process(void **state)
{
	unsigned ended = 0, refused = 0, worked = 0;
	char said[8192];

	for (int threads = 0; threads <= THREADS_MAX; threads++) {
		int status = end_with(threads, said, sizeof(said));

		if (WIFSIGNALED(status)) {
			assert_int_equal(WTERMSIG(status), SIGABRT);
			assert_non_null(strstr(said, "lacks a thread"));
			ended++;
			continue;
		}
		refused += WEXITSTATUS(status) == REFUSED_AT_ONCE;
		worked += WEXITSTATUS(status) == 0;
		assert_true(WEXITSTATUS(status) == REFUSED_AT_ONCE || WEXITSTATUS(status) == 0);
	}
	assert_true(ended > 0);
	assert_true(refused > 0);
	assert_true(worked > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_without_a_thread_ends_its_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
