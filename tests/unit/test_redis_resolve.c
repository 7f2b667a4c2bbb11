/*
 * test_redis_resolve - a host whose name servers say nothing
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "name_server.h"
#include "store/redis/redis.h"

#define LONG_US ((int64_t)60 * 1000 * 1000)

/* ---- a session and who listens ---- */

static struct red_session session;
static char slow[] = "slow.example";
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
	name_server_set("slow.example ?\n");
	return 0;
}

static int tear_down(void **state)
{
	red_link_close(&session);
	resolver_fini(&session.resolver);
	close(session.interrupt_fd);
	close(listener);
	return 0;
}

static int connect_within(int64_t us, struct err *err)
{
	return red_link_open(&session, &endpoint, NULL, clock_mono_us() + us, err);
}

/* ---- tests ---- */

static void dead_name_servers_cost_no_more_than_the_deadline(void **state)
{
	int64_t begun_us = clock_mono_us();
	struct err err = ERR_INIT;

	assert_int_equal(connect_within(50000, &err), 1);
	assert_string_equal(
		err.text, "cannot look up \"slow.example\": no name server answered in time");
	assert_true(clock_mono_us() - begun_us < LONG_US);
	assert_null(session.context);
}

static void the_answer_of_a_question_that_stayed_open_is_taken(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(connect_within(20000, &err), 1);
	name_server_set("slow.example 127.0.0.1\n");
	assert_int_equal(connect_within(LONG_US, &err), 0);
	assert_non_null(session.context);
}

static void whoever_interrupts_the_session_ends_the_wait(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(eventfd_write(session.interrupt_fd, 1), 0);
	assert_int_equal(connect_within(LONG_US, &err), 1);
	assert_string_equal(err.text, "cannot look up \"slow.example\": the wait was ended");
}

static void an_address_is_not_looked_up(void **state)
{
	static char address[] = "127.0.0.1";
	struct err err = ERR_INIT;

	endpoint.host = address;
	assert_int_equal(connect_within(LONG_US, &err), 0);
	assert_null(session.resolver.open);
}

#define WITH_SESSION(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SESSION(dead_name_servers_cost_no_more_than_the_deadline),
		WITH_SESSION(the_answer_of_a_question_that_stayed_open_is_taken),
		WITH_SESSION(whoever_interrupts_the_session_ends_the_wait),
		WITH_SESSION(an_address_is_not_looked_up),
	};

	return cmocka_run_group_tests(tests, name_server_open, name_server_close);
}
