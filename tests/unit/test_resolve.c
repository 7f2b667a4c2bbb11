/*
 * test_resolve - questions that stay open, and answers that are taken or asked for anew
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "name_server.h"
#include "store/resolve.h"

enum { LONG_MS = 60 * 1000, SHORT_MS = 30 };

static struct resolver resolver;
static unsigned asked_before;

static int set_up(void **state)
{
	name_server_set("slow.example ?\nslow.other ?\ntwo.example 127.0.0.2 ::1 127.0.0.1\n"
			"gone.example !\n");
	asked_before = name_server_asked();
	resolver = (struct resolver){ NULL };
	return 0;
}

static int tear_down(void **state)
{
	resolver_fini(&resolver);
	return 0;
}

static int attempt(const char *host, int ms, struct addrinfo **ret, struct err *err)
{
	struct pollfd fd = { .fd = resolver_ask(&resolver, host, err), .events = POLLIN };

	*ret = NULL;
	assert_true(fd.fd >= 0);
	poll(&fd, 1, ms);
	return resolver_take(&resolver, host, ret, err);
}

static void expect_addresses(struct addrinfo *found, const char *const *texts)
{
	const struct addrinfo *one = found;
	char text[RESOLVED_TEXT_MAX];

	for (; *texts; texts++, one = one->ai_next) {
		assert_non_null(one);
		assert_true(resolved_text(one, text));
		assert_string_equal(text, *texts);
	}
	assert_null(one);
	freeaddrinfo(found);
}

static void wait_asked(unsigned wanted)
{
	while (name_server_asked() - asked_before < wanted) {
		poll(NULL, 0, 1);
	}
}

/* ---- tests ---- */

static void all_addresses_come_in_the_order_of_the_name_servers(void **state)
{
	static const char *const texts[] = { "127.0.0.2", "::1", "127.0.0.1", NULL };
	struct addrinfo *found;
	struct err err = ERR_INIT;

	assert_int_equal(attempt("two.example", LONG_MS, &found, &err), 0);
	expect_addresses(found, texts);
}

static void a_name_that_is_not_there_is_said(void **state)
{
	struct addrinfo *found;
	struct err err = ERR_INIT;

	assert_int_equal(attempt("gone.example", LONG_MS, &found, &err), RESOLVE_FAILED);
	assert_string_equal(err.text, "cannot look up \"gone.example\": Name or service not known");
	assert_null(found);
}

static void a_question_that_is_open_is_not_asked_again_and_its_answer_is_taken(void **state)
{
	static const char *const texts[] = { "127.0.0.9", NULL };
	struct addrinfo *found;
	struct err err = ERR_INIT;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(attempt("slow.example", SHORT_MS, &found, &err), RESOLVE_OPEN);
	}
	wait_asked(1);
	name_server_set("slow.example 127.0.0.9\n");
	assert_int_equal(attempt("slow.example", LONG_MS, &found, &err), 0);
	assert_int_equal(name_server_asked() - asked_before, 1);
	expect_addresses(found, texts);
	assert_null(resolver.open);
}

static void names_are_asked_for_beside_each_other(void **state)
{
	struct addrinfo *found;
	struct err err = ERR_INIT;

	assert_int_equal(attempt("slow.example", SHORT_MS, &found, &err), RESOLVE_OPEN);
	assert_int_equal(attempt("slow.other", SHORT_MS, &found, &err), RESOLVE_OPEN);
	assert_string_equal(
		err.text, "cannot look up \"slow.other\": no name server answered in time");
	assert_int_equal(attempt("slow.example", SHORT_MS, &found, &err), RESOLVE_OPEN);
	wait_asked(2);
	assert_int_equal(name_server_asked() - asked_before, 2);
}

static void what_failed_meanwhile_is_asked_anew(void **state)
{
	static const char *const texts[] = { "127.0.0.1", NULL };
	struct pollfd fd = { .events = POLLIN };
	struct addrinfo *found;
	struct err err = ERR_INIT;

	assert_int_equal(attempt("slow.example", SHORT_MS, &found, &err), RESOLVE_OPEN);
	fd.fd = resolver_ask(&resolver, "slow.example", &err);
	name_server_set("slow.example !\n");
	assert_int_equal(poll(&fd, 1, LONG_MS), 1);
	name_server_set("slow.example 127.0.0.1\n");
	assert_int_equal(attempt("slow.example", LONG_MS, &found, &err), 0);
	expect_addresses(found, texts);
}

static void ask_numbered(int number)
{
	struct err err = ERR_INIT;
	char host[32];

	snprintf(host, sizeof(host), "slow.%d", number);
	assert_true(resolver_ask(&resolver, host, &err) >= 0);
}

static void no_more_questions_are_open_than_may_be(void **state)
{
	_cleanup_(buffer_fini) struct buffer lines = BUFFER_INIT;

	for (int i = 0; i <= RESOLVER_OPEN_MAX; i++) {
		buffer_printf(&lines, "slow.%d ?\n", i);
	}
	name_server_set(buffer_str(&lines));
	for (int i = 0; i <= RESOLVER_OPEN_MAX; i++) {
		ask_numbered(i);
	}
	wait_asked(1 + RESOLVER_OPEN_MAX);
	ask_numbered(1); /* open still, and now the last */
	ask_numbered(0);
	ask_numbered(1);
	wait_asked(2 + RESOLVER_OPEN_MAX);
	ask_numbered(2);
	wait_asked(3 + RESOLVER_OPEN_MAX);
	assert_int_equal(name_server_asked() - asked_before, 3 + RESOLVER_OPEN_MAX);
}

static void an_address_needs_no_name_server(void **state)
{
	static const char *const texts[] = { "::1", NULL };

	expect_addresses(resolve_address("::1"), texts);
	assert_null(resolve_address("two.example"));
	assert_int_equal(name_server_asked() - asked_before, 0);
}

#define WITH_RESOLVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RESOLVER(all_addresses_come_in_the_order_of_the_name_servers),
		WITH_RESOLVER(a_name_that_is_not_there_is_said),
		WITH_RESOLVER(a_question_that_is_open_is_not_asked_again_and_its_answer_is_taken),
		WITH_RESOLVER(names_are_asked_for_beside_each_other),
		WITH_RESOLVER(what_failed_meanwhile_is_asked_anew),
		WITH_RESOLVER(no_more_questions_are_open_than_may_be),
		WITH_RESOLVER(an_address_needs_no_name_server),
	};

	return cmocka_run_group_tests(tests, name_server_open, name_server_close);
}
