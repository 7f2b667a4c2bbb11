/*
 * test_redis_resolve - a host whose name servers say nothing
 *
 * getaddrinfo() of the archives is the one below: a name that begins with "slow" is answered when
 * the test says so, with the address of this machine.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/redis/redis.h"

#define LONG_US ((int64_t)60 * 1000 * 1000)

/* ---- name servers ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_answering;
static unsigned asked;

int __real_getaddrinfo(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret);
int __wrap_getaddrinfo(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret);

int __wrap_getaddrinfo(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	if (strncmp(host, "slow", 4) != 0 || (hints->ai_flags & AI_NUMERICHOST)) {
		return __real_getaddrinfo(host, service, hints, ret);
	}
	pthread_mutex_lock(&lock);
	asked++;
	while (!is_answering) {
		pthread_cond_wait(&changed, &lock);
	}
	pthread_mutex_unlock(&lock);
	return __real_getaddrinfo("127.0.0.1", service, hints, ret);
}

static void answer(bool is)
{
	pthread_mutex_lock(&lock);
	is_answering = is;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* ---- a session and who listens ---- */

static struct red_session session;
static char slow[] = "slow.example", other[] = "slow.other";
static struct red_endpoint endpoint;
static int listener;

static int set_up(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 8) != 0 ||
		getsockname(listener, (struct sockaddr *)&address, &len) != 0) {
		return -1;
	}
	endpoint = (struct red_endpoint){ slow, ntohs(address.sin_port) };
	session = (struct red_session){ .interrupt_fd = eventfd(
						0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE) };
	asked = 0;
	answer(false);
	return 0;
}

static int tear_down(void **state)
{
	answer(true);
	red_link_close(&session);
	red_questions_drop(&session);
	close(session.interrupt_fd);
	close(listener);
	return 0;
}

static int connect_within(int64_t us, struct err *err)
{
	return red_link_open(&session, &endpoint, NULL, clock_mono_us() + us, err);
}

static unsigned count_asked(void)
{
	unsigned count;

	pthread_mutex_lock(&lock);
	count = asked;
	pthread_mutex_unlock(&lock);
	return count;
}

static void wait_asked(unsigned wanted)
{
	while (count_asked() < wanted) {
		usleep(1000);
	}
}

/* ---- tests ---- */

static void dead_name_servers_cost_no_more_than_the_deadline(void **state)
{
	int64_t begun_us = clock_mono_us();
	struct err err = ERR_INIT;

	assert_int_equal(connect_within(50000, &err), 1);
	assert_string_equal(
		err.text, "cannot look up slow.example: no name server answered in time");
	assert_true(clock_mono_us() - begun_us < LONG_US);
	assert_null(session.context);
}

static void a_question_that_is_open_is_not_asked_again_and_its_answer_is_taken(void **state)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(connect_within(20000, &err), 1);
	}
	wait_asked(1);
	answer(true);
	assert_int_equal(connect_within(LONG_US, &err), 0);
	assert_int_equal(count_asked(), 1);
	assert_non_null(session.context);
	assert_null(session.questions);
}

static void another_host_is_another_question(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(connect_within(20000, &err), 1);
	endpoint.host = other;
	assert_int_equal(connect_within(20000, &err), 1);
	wait_asked(2);
	assert_non_null(strstr(err.text, "slow.other"));
}

/* With dead name servers each attempt asks for all Sentinels. */
static void hosts_asked_for_in_turn_are_one_question_each(void **state)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < 6; i++) {
		endpoint.host = i % 2 ? other : slow;
		assert_int_equal(connect_within(20000, &err), 1);
	}
	wait_asked(2);
	answer(true);
	endpoint.host = slow;
	assert_int_equal(connect_within(LONG_US, &err), 0);
	endpoint.host = other;
	assert_int_equal(connect_within(LONG_US, &err), 0);
	assert_int_equal(count_asked(), 2);
	assert_null(session.questions);
}

/* Not used when it comes up again much later. */
static void an_answer_that_nobody_came_for_is_dropped_with_another_question(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(connect_within(20000, &err), 1);
	answer(true);
	endpoint.host = other;
	do {
		assert_int_equal(connect_within(LONG_US, &err), 0);
	} while (session.questions);
	wait_asked(2);
}

static void whoever_interrupts_the_session_ends_the_wait(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(eventfd_write(session.interrupt_fd, 1), 0);
	assert_int_equal(connect_within(LONG_US, &err), 1);
	assert_string_equal(err.text, "cannot look up slow.example: the wait was ended");
}

static void an_address_is_not_looked_up(void **state)
{
	static char address[] = "127.0.0.1";
	struct err err = ERR_INIT;

	endpoint.host = address;
	assert_int_equal(connect_within(LONG_US, &err), 0);
	assert_null(session.questions);
}

#define WITH_SESSION(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SESSION(dead_name_servers_cost_no_more_than_the_deadline),
		WITH_SESSION(a_question_that_is_open_is_not_asked_again_and_its_answer_is_taken),
		WITH_SESSION(another_host_is_another_question),
		WITH_SESSION(hosts_asked_for_in_turn_are_one_question_each),
		WITH_SESSION(an_answer_that_nobody_came_for_is_dropped_with_another_question),
		WITH_SESSION(whoever_interrupts_the_session_ends_the_wait),
		WITH_SESSION(an_address_is_not_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
