/*
 * test_reload_follow - how long a configuration is kept that was replaced
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/memory.h"
#include "config_case.h"
#include "supervisor/state.h"

/* One consumer with one worker that runs; what it was given is `old`, what holds is `now`. */
struct fixture {
	struct config_case test;
	const struct config *old, *now;
	struct slot slot, *slots[1];
	struct consumer consumer, *consumers[1];
	struct supervisor supervisor;
};

static struct config *load(struct fixture *f)
{
	assert_int_equal(config_case_load_with(&f->test, "", "", "", ""), 0);
	return TAKE(f->test.config);
}

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);
	struct reload *reload = &f->supervisor.reload;

	*state = f;
	config_case_begin(&f->test);
	for (int i = 0; i < 2; i++) {
		ARRAY_GROW(reload->configs, reload->config_count, reload->config_capacity);
		reload->configs[reload->config_count++] = load(f);
	}
	f->old = reload->configs[0];
	f->now = reload->configs[1];
	f->slots[0] = &f->slot;
	f->consumers[0] = &f->consumer;
	f->slot = (struct slot){ .consumer = &f->consumer,
		.state = SLOT_DRAINING,
		.given = &f->old->consumers[0],
		.given_of = f->old,
		.is_reloading = true };
	f->consumer = (struct consumer){ .config = &f->now->consumers[0],
		.config_of = f->now,
		.slots = f->slots,
		.slot_count = 1,
		.slot_total = 1 };
	f->supervisor.phase = PHASE_RUNNING;
	f->supervisor.config = f->now;
	f->supervisor.tree = (struct tree){
		.consumers = f->consumers, .consumer_count = 1, .consumer_total = 1
	};
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	reload_fini(&f->supervisor);
	config_case_end(&f->test);
	free(f);
	return 0;
}

static void become_ready(struct fixture *f)
{
	f->slot.state = SLOT_READY;
	f->slot.given = &f->now->consumers[0];
	f->slot.given_of = f->now;
}

static void what_a_worker_has_is_kept_until_it_has_the_new(void **state)
{
	struct fixture *f = *state;
	const struct reload *reload = &f->supervisor.reload;

	f->supervisor.reload.state = RELOAD_APPLYING;
	reload_check(&f->supervisor);
	assert_int_equal(reload->state, RELOAD_APPLYING);
	assert_int_equal(reload->config_count, 2);
	become_ready(f);
	reload_check(&f->supervisor);
	assert_int_equal(reload->state, RELOAD_DONE);
	assert_int_equal(reload->config_count, 1);
	assert_ptr_equal(reload->configs[0], f->now);
}

/* The file was broken while workers were still on their way. */
static void a_refused_reload_keeps_nothing_of_the_one_before(void **state)
{
	struct fixture *f = *state;
	const struct reload *reload = &f->supervisor.reload;

	f->supervisor.reload.state = RELOAD_REFUSED;
	reload_check(&f->supervisor);
	assert_int_equal(reload->config_count, 2);
	become_ready(f);
	reload_check(&f->supervisor);
	assert_int_equal(reload->state, RELOAD_REFUSED);
	assert_int_equal(reload->config_count, 1);
	assert_ptr_equal(reload->configs[0], f->now);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_worker_has_is_kept_until_it_has_the_new),
		TEST(a_refused_reload_keeps_nothing_of_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
