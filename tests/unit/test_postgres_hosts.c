/*
 * test_postgres_hosts - which addresses libpq is given for the hosts of a URL
 *
 * getaddrinfo() of libpq is that of name_server, too: a name that libpq looked up itself would be
 * counted, or waited for.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "name_server.h"
#include "store/postgres/hosts.h"

#define LONG_US ((int64_t)60 * 1000 * 1000)
#define SHORT_US ((int64_t)100 * 1000)

static struct store *store;
static struct store_session *session;
static struct pg_parameters parameters;
static struct pg_hosts hosts;
static unsigned asked_before;

static int set_up(void **state)
{
	name_server_set("slow.example ?\none.example 192.0.2.1\ntwo.example 192.0.2.2 2001:db8::2\n"
			"gone.example !\nclosed.example 127.0.0.1\ncertificate.example !\n"
			"w@gone.example !\n");
	asked_before = name_server_asked();
	return 0;
}

static void open_session(const char *url)
{
	const struct store_options options = {
		.url = url, .scope = "s", .consumer = "c", .group_id = "g", .cluster_id = "k"
	};
	struct err err = ERR_INIT;

	assert_int_equal(store_postgres_ops.open(&options, &store, &err), 0);
	assert_int_equal(store_postgres_ops.session_open(store, &session, &err), 0);
}

static int look_up(const char *url, int64_t us, struct err *err)
{
	open_session(url);
	parameters = (struct pg_parameters){ .count = 0 };
	hosts = PG_HOSTS_INIT;
	pg_parameters_add(&parameters, "dbname", url);
	return pg_hosts_look_up(
		pg_session(session), &parameters, &hosts, clock_mono_us() + us, err);
}

static int tear_down(void **state)
{
	if (session) {
		store_postgres_ops.session_close(session);
		store_postgres_ops.close(store);
		session = NULL;
	}
	pg_hosts_fini(&hosts);
	return 0;
}

/* NULL: not given. */
static const char *given(const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < parameters.count; i++) {
		if (strcmp(parameters.names[i], name) == 0) {
			value = parameters.values[i];
		}
	}
	return value;
}

static void expect_hosts(const char *host, const char *hostaddr)
{
	assert_string_equal(given("host"), host);
	assert_string_equal(given("hostaddr"), hostaddr);
}

static void expect_left_to_libpq(const char *url)
{
	struct err err = ERR_INIT;

	assert_int_equal(look_up(url, LONG_US, &err), 0);
	assert_int_equal(parameters.count, 1);
	assert_int_equal(name_server_asked() - asked_before, 0);
	tear_down(NULL);
}

/* ---- tests ---- */

static void a_name_keeps_its_place_beside_its_address(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(look_up("postgresql://one.example:7/d", LONG_US, &err), 0);
	expect_hosts("one.example", "192.0.2.1");
	assert_null(given("port"));
}

static void a_name_with_several_addresses_is_as_many_hosts(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(
		look_up("host=one.example,two.example port=1,2 dbname=d", LONG_US, &err), 0);
	expect_hosts("one.example,two.example,two.example", "192.0.2.1,192.0.2.2,2001:db8::2");
	assert_string_equal(given("port"), "1,2,2");
}

static void what_needs_no_name_server_stays_in_the_list(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(look_up("host=,/run/pg,@abstract,two.example,192.0.2.9,known.example "
				 "hostaddr=,,,,,192.0.2.8 port=1,2,3,,5,6",
				 LONG_US, &err),
		0);
	expect_hosts(",/run/pg,@abstract,two.example,two.example,192.0.2.9,known.example",
		",,,192.0.2.2,2001:db8::2,,192.0.2.8");
	assert_string_equal(given("port"), "1,2,3,,,5,6");
}

static void without_names_nothing_is_changed(void **state)
{
	expect_left_to_libpq("postgresql:///d");
	expect_left_to_libpq("host=/run/pg");
	expect_left_to_libpq("postgresql://192.0.2.1:5432,[2001:db8::1]:5433/d");
	expect_left_to_libpq("host=known.example hostaddr=192.0.2.1");
	expect_left_to_libpq("hostaddr=192.0.2.1");
}

static void lists_that_do_not_fit_are_left_to_libpq(void **state)
{
	expect_left_to_libpq("host=one.example,two.example port=1,2,3");
	expect_left_to_libpq("host=one.example,two.example hostaddr=192.0.2.1");
	expect_left_to_libpq("host=one.example port=secret");
	expect_left_to_libpq("postgresql://one.example/d?service=nowhere");
}

static void a_name_that_stands_twice_is_asked_for_once(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(look_up("host=one.example,one.example port=1,2", LONG_US, &err), 0);
	expect_hosts("one.example,one.example", "192.0.2.1,192.0.2.1");
	assert_string_equal(given("port"), "1,2");
	assert_int_equal(name_server_asked() - asked_before, 1);
}

static void a_name_without_address_leaves_the_list(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(look_up("host=gone.example,one.example port=1,2", LONG_US, &err), 0);
	expect_hosts("one.example", "192.0.2.1");
	assert_string_equal(given("port"), "2");
}

static void a_name_without_answer_leaves_the_list_before_the_time_is_over(void **state)
{
	int64_t begun_us = clock_mono_us();
	struct err err = ERR_INIT;

	assert_int_equal(look_up("host=slow.example,one.example", 8 * SHORT_US, &err), 0);
	assert_true(clock_mono_us() - begun_us >= 4 * SHORT_US);
	expect_hosts("one.example", "192.0.2.1");
}

static void only_the_last_name_without_address_is_an_error(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(look_up("host=gone.example", LONG_US, &err), 1);
	assert_string_equal(err.text, "cannot look up \"gone.example\": Name or service not known");
	tear_down(NULL);
	assert_int_equal(look_up("host=gone.example,slow.example", SHORT_US, &err), 1);
	assert_string_equal(
		err.text, "cannot look up \"slow.example\": no name server answered in time");
}

static void the_environment_and_service_files_count(void **state)
{
	char path[] = "/tmp/service-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	struct err err = ERR_INIT;

	assert_int_equal(setenv("PGHOST", "one.example", 1), 0);
	assert_int_equal(look_up("postgresql:///d", LONG_US, &err), 0);
	expect_hosts("one.example", "192.0.2.1");
	unsetenv("PGHOST");
	tear_down(NULL);

	assert_true(dprintf(fd, "[shop]\nhost=two.example\nport=7\n") > 0);
	setenv("PGSERVICEFILE", path, 1);
	assert_int_equal(look_up("postgresql:///d?service=shop", LONG_US, &err), 0);
	expect_hosts("two.example,two.example", "192.0.2.2,2001:db8::2");
	unsetenv("PGSERVICEFILE");
	unlink(path);
}

static void each_attempt_looks_up_anew(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(look_up("host=one.example", LONG_US, &err), 0);
	name_server_set("one.example 192.0.2.77\n");
	pg_hosts_fini(&hosts);
	hosts = PG_HOSTS_INIT;
	parameters.count = 1;
	assert_int_equal(pg_hosts_look_up(pg_session(session), &parameters, &hosts,
				 clock_mono_us() + LONG_US, &err),
		0);
	expect_hosts("one.example", "192.0.2.77");
}

static void expect_at(const char *url, unsigned turned, const char *host, const char *hostaddr)
{
	struct err err = ERR_INIT;

	open_session(url);
	pg_session(session)->turned = turned;
	parameters = (struct pg_parameters){ .count = 0 };
	hosts = PG_HOSTS_INIT;
	pg_parameters_add(&parameters, "dbname", url);
	assert_int_equal(pg_hosts_look_up(pg_session(session), &parameters, &hosts,
				 clock_mono_us() + LONG_US, &err),
		0);
	expect_hosts(host, hostaddr);
	tear_down(NULL);
}

static void who_said_nothing_comes_last(void **state)
{
	expect_at("host=one.example,two.example", 1, "two.example,two.example,one.example",
		"192.0.2.2,2001:db8::2,192.0.2.1");
	expect_at("host=one.example,two.example", 5, "two.example,one.example,two.example",
		"2001:db8::2,192.0.2.1,192.0.2.2");
	expect_at("host=192.0.2.8,192.0.2.9", 1, "192.0.2.9,192.0.2.8", ",");
	expect_at("host=one.example", 3, "one.example", "192.0.2.1");
}

/* ---- a whole session ---- */

static int ready(const char *url, struct err *err)
{
	open_session(url);
	return store_postgres_ops.session_ready(session, err);
}

static void *interrupt(void *context)
{
	while (name_server_asked() == asked_before) {
		usleep(1000);
	}
	store_postgres_ops.session_interrupt(session);
	return NULL;
}

static void whoever_interrupts_the_session_ends_the_wait_for_name_servers(void **state)
{
	struct err err = ERR_INIT;
	pthread_t thread;

	open_session("postgresql://slow.example/d");
	assert_int_equal(pthread_create(&thread, NULL, interrupt, NULL), 0);
	assert_int_equal(store_postgres_ops.session_ready(session, &err), 1);
	pthread_join(thread, NULL);
	assert_non_null(strstr(err.text, "interrupted while looking up \"slow.example\""));
}

static void a_missing_name_is_a_store_that_is_away(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(ready("postgresql://certificate.example/d", &err), 1);
	assert_string_equal(err.text,
		"cannot connect to the database: cannot look up \"certificate.example\": Name or "
		"service not known");
}

static void a_password_that_was_taken_for_a_host_is_not_shown(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(ready("postgresql://app:p@w@gone.example/d", &err), 1);
	assert_null(strstr(err.text, "w@"));
	assert_non_null(strstr(err.text, "cannot look up \"***\""));
	assert_non_null(strstr(err.text, "better use store.password"));
}

/* A port where nobody listens, for as long as the descriptor is open. */
static int closed_port(int *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void a_server_that_refuses_is_named_by_host_and_address(void **state)
{
	char url[64], wanted[200];
	int port;
	_cleanup_close_ int fd = closed_port(&port);
	struct err err = ERR_INIT;

	snprintf(url, sizeof(url), "postgresql://closed.example:%d/d", port);
	snprintf(wanted, sizeof(wanted),
		"cannot connect to the database: connection to server at \"closed.example\" "
		"(127.0.0.1), port %d failed: Connection refused",
		port);
	assert_int_equal(ready(url, &err), 1);
	assert_string_equal(err.text, wanted);
	assert_int_equal(name_server_asked() - asked_before, 1);
	assert_true(fd >= 0);
}

/* Its connections wait in the queue of the kernel. */
static void a_connect_without_answer_turns_the_list(void **state)
{
	char url[64];
	int port;
	_cleanup_close_ int fd = closed_port(&port);
	struct err err = ERR_INIT;

	assert_int_equal(listen(fd, 8), 0);
	snprintf(url, sizeof(url), "postgresql://closed.example:%d/d", port);
	assert_int_equal(ready(url, &err), 1);
	assert_string_equal(err.text, "cannot connect to the database: no answer in 5 s");
	assert_int_equal(pg_session(session)->turned, 1);
}

#define WITH_NAMES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_NAMES(a_name_keeps_its_place_beside_its_address),
		WITH_NAMES(a_name_with_several_addresses_is_as_many_hosts),
		WITH_NAMES(what_needs_no_name_server_stays_in_the_list),
		WITH_NAMES(without_names_nothing_is_changed),
		WITH_NAMES(lists_that_do_not_fit_are_left_to_libpq),
		WITH_NAMES(a_name_that_stands_twice_is_asked_for_once),
		WITH_NAMES(a_name_without_address_leaves_the_list),
		WITH_NAMES(a_name_without_answer_leaves_the_list_before_the_time_is_over),
		WITH_NAMES(only_the_last_name_without_address_is_an_error),
		WITH_NAMES(the_environment_and_service_files_count),
		WITH_NAMES(each_attempt_looks_up_anew),
		WITH_NAMES(who_said_nothing_comes_last),
		WITH_NAMES(whoever_interrupts_the_session_ends_the_wait_for_name_servers),
		WITH_NAMES(a_missing_name_is_a_store_that_is_away),
		WITH_NAMES(a_password_that_was_taken_for_a_host_is_not_shown),
		WITH_NAMES(a_server_that_refuses_is_named_by_host_and_address),
		WITH_NAMES(a_connect_without_answer_turns_the_list),
	};

	unsetenv("PGHOST");
	unsetenv("PGHOSTADDR");
	unsetenv("PGPORT");
	return cmocka_run_group_tests(tests, name_server_open, name_server_close);
}
