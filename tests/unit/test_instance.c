/*
 * test_instance - the names under which workers join their groups
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/instance.h"

#define S(text) ((char *)(uintptr_t)(text))

static struct config_consumer consumer;
static struct instance_host host;
static char first[INSTANCE_ID_SIZE], second[INSTANCE_ID_SIZE];
static struct err err;

static int setup(void **state)
{
	consumer = (struct config_consumer){
		.name = S("orders"), .group_id = S("g"), .instance_id = S("auto"), .workers = 2
	};
	host = (struct instance_host){ .machine_id = "0123456789abcdef",
		.host = "db1.example.org",
		.unit_instance = "",
		.state_dir = "/var/lib/onced" };
	return 0;
}

static int make(char *ret)
{
	err = ERR_INIT;
	return instance_id_make(&consumer, &host, 0, ret, &err);
}

static void plain_host_is_static_and_stable(void **state)
{
	assert_int_equal(make(first), 0);
	assert_int_equal(make(second), 0);
	assert_string_equal(first, second);
	assert_int_equal(strncmp(first, "onced-", 6), 0);
	assert_non_null(strstr(first, "-orders-0"));
	assert_null(strstr(first, "db1"));
}

static void anything_that_tells_two_daemons_apart_changes_the_id(void **state)
{
	const char **fields[] = { &host.machine_id, &host.host, &host.unit_instance,
		&host.state_dir };

	assert_int_equal(make(first), 0);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *kept = *fields[i];

		*fields[i] = "other";
		assert_int_equal(make(second), 0);
		assert_string_not_equal(first, second);
		*fields[i] = kept;
	}
}

static void pods_and_hosts_without_an_id_are_dynamic(void **state)
{
	host.is_kubernetes = true;
	assert_int_equal(make(first), 0);
	assert_string_equal(first, "");
	host.is_kubernetes = false;
	host.machine_id = "";
	assert_int_equal(make(first), 0);
	assert_string_equal(first, "");
}

static void off_is_dynamic_and_a_template_static_everywhere(void **state)
{
	consumer.instance_id = S("off");
	assert_int_equal(make(first), 0);
	assert_string_equal(first, "");
	consumer.instance_id = S("%H.%c.%n");
	host.is_kubernetes = true;
	assert_int_equal(make(first), 0);
	assert_string_equal(first, "db1.example.org.orders.0");
}

static void auto_is_dynamic_where_brokers_assign(void **state)
{
	static struct config_partition_group listed;

	consumer.assignment = ASSIGNMENT_CONSUMER;
	assert_int_equal(make(first), 0);
	assert_string_equal(first, "");
	consumer.instance_id = S("%c.%n");
	assert_int_equal(make(first), 0);
	assert_string_equal(first, "orders.0");
	consumer.groups = &listed;
	assert_int_equal(make(first), 0);
	assert_string_equal(first, "");
}

static void id_that_kafka_would_refuse_is_refused(void **state)
{
	char longer[300];

	consumer.instance_id = S("with space");
	assert_int_equal(make(first), -EINVAL);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	consumer.instance_id = longer;
	assert_int_equal(make(first), -EINVAL);
}

static struct slot slots[2];
static struct slot *slot_lists[2][1];
static struct consumer consumers[2];
static struct consumer *consumer_list[2];
static struct tree tree;

static int assign_two(const char *template, const char *second_group)
{
	static struct config_consumer other;

	other = consumer;
	other.group_id = S(second_group);
	consumer.instance_id = other.instance_id = S(template);
	for (int i = 0; i < 2; i++) {
		slot_lists[i][0] = &slots[i];
		consumer_list[i] = &consumers[i];
		consumers[i] = (struct consumer){
			.config = i ? &other : &consumer, .slots = slot_lists[i], .slot_count = 1
		};
		slots[i] = (struct slot){ .consumer = &consumers[i] };
	}
	tree = (struct tree){ .consumers = consumer_list, .consumer_count = 2 };
	return instance_assign(&tree, &host, &err);
}

static void two_of_one_group_must_differ(void **state)
{
	assert_int_equal(assign_two("same", "g"), -EINVAL);
	assert_non_null(strstr(err.text, "fence each other"));
	assert_int_equal(assign_two("same", "other"), 0);
	assert_int_equal(assign_two("off", "g"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(plain_host_is_static_and_stable, setup),
		cmocka_unit_test_setup(anything_that_tells_two_daemons_apart_changes_the_id, setup),
		cmocka_unit_test_setup(pods_and_hosts_without_an_id_are_dynamic, setup),
		cmocka_unit_test_setup(off_is_dynamic_and_a_template_static_everywhere, setup),
		cmocka_unit_test_setup(auto_is_dynamic_where_brokers_assign, setup),
		cmocka_unit_test_setup(id_that_kafka_would_refuse_is_refused, setup),
		cmocka_unit_test_setup(two_of_one_group_must_differ, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
