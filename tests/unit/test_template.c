/*
 * test_template - templates of URLs and headers, and which URLs and addresses are taken
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "handlers/http_address.h"
#include "handlers/http_url.h"
#include "handlers/template.h"

static struct template template;
static struct http_url url;
static struct field_error error;

static int teardown(void **state)
{
	template_fini(&template);
	http_url_fini(&url);
	return 0;
}

static void parse(const char *text)
{
	template_fini(&template);
	if (template_parse(text, &template, &error) < 0) {
		fail_msg("%u:%u: %s in: %s", error.line, error.column, error.text, text);
	}
}

static void parse_url(const char *text)
{
	http_url_fini(&url);
	if (http_url_parse(text, &url, &error) < 0) {
		fail_msg("%u: %s in: %s", error.column, error.text, text);
	}
}

static void assert_literal(size_t i, const char *literal)
{
	assert_true(i < template.piece_count);
	assert_non_null(template.pieces[i].literal);
	assert_string_equal(template.pieces[i].literal, literal);
}

static void assert_field(size_t i, enum field_root root, const char *name, bool is_optional)
{
	assert_true(i < template.piece_count);
	assert_null(template.pieces[i].literal);
	assert_int_equal(template.pieces[i].field.root, root);
	assert_int_equal(template.pieces[i].field.is_optional, is_optional);
	if (name) {
		assert_string_equal(template.pieces[i].field.name, name);
	}
}

static void assert_says(const char *text, unsigned column, const char *says)
{
	if (!strstr(error.text, says)) {
		fail_msg("\"%s\" does not say \"%s\" for %s", error.text, says, text);
	}
	if (error.column != column) {
		fail_msg("column %u, not %u, for %s", error.column, column, text);
	}
}

static void assert_refused(const char *text, unsigned column, const char *says)
{
	template_fini(&template);
	assert_int_equal(template_parse(text, &template, &error), -1);
	assert_says(text, column, says);
}

static void assert_url_refused(const char *text, unsigned column, const char *says)
{
	http_url_fini(&url);
	assert_int_equal(http_url_parse(text, &url, &error), -1);
	assert_says(text, column, says);
}

/* ---- templates ---- */

static void text_and_fields_take_turns(void **state)
{
	parse("/orders/{payload.order_id}/{key}?by={headers.x-tenant?}");
	assert_int_equal(template.piece_count, 6);
	assert_literal(0, "/orders/");
	assert_field(1, FIELD_PATH, "payload.order_id", false);
	assert_literal(2, "/");
	assert_field(3, FIELD_KEY, NULL, false);
	assert_literal(4, "?by=");
	assert_field(5, FIELD_HEADER, "x-tenant", true);
	assert_true(template_has_fields(&template));
}

static void quoted_names_may_hold_braces_and_question_marks(void **state)
{
	parse("{payload.\"a}?b\"?}");
	assert_int_equal(template.piece_count, 1);
	assert_field(0, FIELD_PATH, "payload.a}?b", true);
}

static void doubled_braces_are_braces(void **state)
{
	parse("{{\"id\": {{{event_id}}}}}");
	assert_int_equal(template.piece_count, 3);
	assert_literal(0, "{\"id\": {");
	assert_field(1, FIELD_EVENT_ID, NULL, false);
	assert_literal(2, "}}");
	parse("{{}}");
	assert_false(template_has_fields(&template));
	parse("");
	assert_int_equal(template.piece_count, 0);
}

static void mistakes_are_told_with_their_place(void **state)
{
	assert_refused("/a/{paylod.x}", 4, "did you mean {payload}?");
	assert_refused("/a/{order}", 4, "known are payload");
	assert_refused("/a/{}", 4, "unknown parameter {}");
	assert_refused("/a/{key", 8, "must end with }");
	assert_refused("/a/{key.x}", 8, "{key} has no members");
	assert_refused("/a/{headers}", 4, "{headers.NAME}");
	assert_refused("/a/{payload.a b}", 14, "must end with }");
	assert_refused("/a/{payload.}", 13, "a name must follow the dot");
	assert_refused("/a/}", 4, "write }}");
}

static void too_many_fields_are_refused(void **state)
{
	char text[8 * 200] = "";

	for (int i = 0; i < 200; i++) {
		strcat(text, "x{key}");
	}
	template_fini(&template);
	assert_int_equal(template_parse(text, &template, &error), -1);
	assert_non_null(strstr(error.text, "more than 64"));
}

/* ---- URLs ---- */

static void url_is_taken_apart(void **state)
{
	parse_url("https://user:p%40ss@api.example:8443/v1/{key}?x=1");
	assert_string_equal(url.origin, "https://api.example:8443");
	assert_string_equal(url.host, "api.example");
	assert_string_equal(url.user, "user");
	assert_string_equal(url.password, "p@ss");
	assert_true(url.is_https);
	assert_int_equal(url.path.piece_count, 3);
	parse_url("http://[::1]:80");
	assert_string_equal(url.origin, "http://[::1]:80");
	assert_string_equal(url.path.pieces[0].literal, "/");
	parse_url("HTTP://h?a={key}");
	assert_string_equal(url.origin, "http://h");
	assert_string_equal(url.path.pieces[0].literal, "/?a=");
	assert_null(url.user);
}

static void where_a_url_leads_does_not_depend_on_the_event(void **state)
{
	assert_url_refused("{payload.url}", 1, "fixed by the configuration");
	assert_url_refused("https://{payload.host}/a", 9, "fixed by the configuration");
	assert_url_refused("https://h{key}.example/", 10, "fixed by the configuration");
	assert_url_refused("https://host:{key}/", 14, "fixed by the configuration");
	assert_url_refused("https://host{key}", 13, "fixed by the configuration");
	assert_url_refused("https://{key}@host/", 9, "fixed by the configuration");
}

static void what_is_no_url_is_refused(void **state)
{
	assert_url_refused("ftp://host/", 1, "must start with https:// or http://");
	assert_url_refused("file:///etc/passwd", 1, "must start with https:// or http://");
	assert_url_refused("host/path", 1, "must start with https:// or http://");
	assert_url_refused("https://", 1, "no URL");
	assert_url_refused("https://host:99999/", 1, "no URL");
	assert_url_refused("https://ho st/", 1, "no URL");
	assert_url_refused("https://host/a b", 15, "percent-encoded");
	assert_url_refused("https://host/a\nb", 15, "percent-encoded");
	assert_url_refused("https://host/{{x}}", 14, "percent-encoded");
	assert_url_refused("https://host/caf\xc3\xa9", 17, "percent-encoded");
	assert_url_refused("https://host/a#b", 15, "never sent");
	assert_url_refused("https://host/a/../b", 13, ". or ..");
	assert_url_refused("https://host/{key", 18, "must end with }");
}

static void dot_segments_are_seen_in_the_path_alone(void **state)
{
	assert_true(http_url_has_dots("/a/.."));
	assert_true(http_url_has_dots("/./a"));
	assert_true(http_url_has_dots("/a/..?x"));
	assert_true(http_url_has_dots("/a/..%2Fb"));
	assert_true(http_url_has_dots("/a%2f.%5C"));
	assert_true(http_url_has_dots("/a/%2E%2e"));
	assert_true(http_url_has_dots("/.%2e?"));
	assert_false(http_url_has_dots("/a%2F%2E.%2E/%252E%"));
	assert_false(http_url_has_dots("/a%2F..b/%2"));
	assert_false(http_url_has_dots("/a/...?x=/../"));
	assert_false(http_url_has_dots("/a..b/.c/d."));
	assert_false(http_url_has_dots("/"));
}

static void redirects_stay_at_the_host(void **state)
{
	assert_true(http_url_may_redirect("http://h/a", "http://H:80/b"));
	assert_true(http_url_may_redirect("http://h:8080/a", "https://h/b"));
	assert_true(http_url_may_redirect("https://h/a", "https://h/b"));
	assert_false(http_url_may_redirect("https://h/a", "http://h/b"));
	assert_false(http_url_may_redirect("https://h/a", "https://other/b"));
	assert_false(http_url_may_redirect("http://h/a", "http://h:8080/b"));
	assert_false(http_url_may_redirect("http://h/a", "http://h.example/b"));
	assert_false(http_url_may_redirect("http://h/a", "file:///etc/passwd"));
	assert_false(http_url_may_redirect("http://h/a", "not a url"));
}

/* ---- addresses ---- */

static enum http_address_class classify(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		return http_address_classify((struct sockaddr *)&in);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return http_address_classify((struct sockaddr *)&in6);
}

static void addresses_have_classes(void **state)
{
	static const struct {
		const char *text;
		enum http_address_class class;
	} addresses[] = {
		{ "127.0.0.1", HTTP_ADDRESS_LOOPBACK },
		{ "127.255.255.255", HTTP_ADDRESS_LOOPBACK },
		{ "128.0.0.0", HTTP_ADDRESS_PUBLIC },
		{ "10.0.0.1", HTTP_ADDRESS_PRIVATE },
		{ "11.0.0.0", HTTP_ADDRESS_PUBLIC },
		{ "172.15.255.255", HTTP_ADDRESS_PUBLIC },
		{ "172.16.0.0", HTTP_ADDRESS_PRIVATE },
		{ "172.31.255.255", HTTP_ADDRESS_PRIVATE },
		{ "172.32.0.0", HTTP_ADDRESS_PUBLIC },
		{ "192.168.1.1", HTTP_ADDRESS_PRIVATE },
		{ "100.64.0.1", HTTP_ADDRESS_PRIVATE },
		{ "100.128.0.0", HTTP_ADDRESS_PUBLIC },
		{ "169.254.169.254", HTTP_ADDRESS_LINK_LOCAL },
		{ "0.0.0.0", HTTP_ADDRESS_RESERVED },
		{ "224.0.0.1", HTTP_ADDRESS_RESERVED },
		{ "255.255.255.255", HTTP_ADDRESS_RESERVED },
		{ "8.8.8.8", HTTP_ADDRESS_PUBLIC },
		{ "::1", HTTP_ADDRESS_LOOPBACK },
		{ "::", HTTP_ADDRESS_RESERVED },
		{ "::ffff:127.0.0.1", HTTP_ADDRESS_LOOPBACK },
		{ "::ffff:10.1.2.3", HTTP_ADDRESS_PRIVATE },
		{ "::ffff:8.8.8.8", HTTP_ADDRESS_PUBLIC },
		{ "::ffff:0:127.0.0.1", HTTP_ADDRESS_LOOPBACK },
		{ "3fff::1", HTTP_ADDRESS_RESERVED },
		{ "3fff:1000::1", HTTP_ADDRESS_PUBLIC },
		{ "::7f00:1", HTTP_ADDRESS_RESERVED },
		{ "64:ff9b::a9fe:a9fe", HTTP_ADDRESS_LINK_LOCAL },
		{ "2002:7f00:1::", HTTP_ADDRESS_LOOPBACK },
		{ "2002:808:808::1", HTTP_ADDRESS_PUBLIC },
		{ "2001:0:1::", HTTP_ADDRESS_RESERVED },
		{ "2001:db8::1", HTTP_ADDRESS_RESERVED },
		{ "2001:4860:4860::8888", HTTP_ADDRESS_PUBLIC },
		{ "fd00::1", HTTP_ADDRESS_PRIVATE },
		{ "fe80::1", HTTP_ADDRESS_LINK_LOCAL },
		{ "febf::1", HTTP_ADDRESS_LINK_LOCAL },
		{ "ff02::1", HTTP_ADDRESS_RESERVED },
	};

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		if (classify(addresses[i].text) != addresses[i].class) {
			fail_msg("%s is %s", addresses[i].text,
				http_address_class_name(classify(addresses[i].text)));
		}
	}
}

static void only_a_host_written_as_an_address_has_a_class(void **state)
{
	enum http_address_class class;

	assert_true(http_address_of_host("[::1]", &class) && class == HTTP_ADDRESS_LOOPBACK);
	assert_true(http_address_of_host("[fe80::1%25eth0]", &class) &&
		class == HTTP_ADDRESS_LINK_LOCAL);
	assert_true(http_address_of_host("192.168.0.1", &class) && class == HTTP_ADDRESS_PRIVATE);
	assert_true(http_address_of_host("LocalHost", &class) && class == HTTP_ADDRESS_LOOPBACK);
	assert_false(http_address_of_host("localhost.example", &class));
	assert_false(http_address_of_host("10.0.0.1.nip.example", &class));
	assert_false(http_address_of_host("api.example", &class));
}

static void class_names_are_found_again(void **state)
{
	for (int i = 0; i < HTTP_ADDRESS_CLASSES; i++) {
		assert_int_equal(http_address_class_find(http_address_class_name(i)), i);
	}
	assert_int_equal(http_address_class_find("internal"), HTTP_ADDRESS_CLASSES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(text_and_fields_take_turns, teardown),
		cmocka_unit_test_teardown(
			quoted_names_may_hold_braces_and_question_marks, teardown),
		cmocka_unit_test_teardown(doubled_braces_are_braces, teardown),
		cmocka_unit_test_teardown(mistakes_are_told_with_their_place, teardown),
		cmocka_unit_test_teardown(too_many_fields_are_refused, teardown),
		cmocka_unit_test_teardown(url_is_taken_apart, teardown),
		cmocka_unit_test_teardown(where_a_url_leads_does_not_depend_on_the_event, teardown),
		cmocka_unit_test_teardown(what_is_no_url_is_refused, teardown),
		cmocka_unit_test_teardown(dot_segments_are_seen_in_the_path_alone, teardown),
		cmocka_unit_test_teardown(redirects_stay_at_the_host, teardown),
		cmocka_unit_test(addresses_have_classes),
		cmocka_unit_test(only_a_host_written_as_an_address_has_a_class),
		cmocka_unit_test(class_names_are_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
