/*
 * book_case - a book over the unit bench's store and handlers, for the tests of one program
 */
#pragma once

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "unit_bench.h"
#include "worker/book.h"

enum { ERRANDS_MAX = 16 };
#define LEASE_US ((int64_t)60 * 1000 * 1000)

static const uint8_t us[STORE_OWNER_SIZE] = "us", them[STORE_OWNER_SIZE] = "them";

static struct unit_bench *bench;
static struct book book;
static struct errand *errands[ERRANDS_MAX];
static unsigned errand_count;

static inline int open_with(const struct bench_options *options)
{
	bench = bench_open(options);
	book_init(&book, &fake_store_ops, bench->session, us, LEASE_US);
	errand_count = 0;
	return 0;
}

static inline int set_up(void **state)
{
	return open_with(NULL);
}

static inline int tear_down(void **state)
{
	for (unsigned i = 0; i < errand_count; i++) {
		errand_free(errands[i]);
	}
	book_fini(&book);
	bench_close(bench);
	return 0;
}

/* ---- going through ---- */

static inline struct errand *claim_record(unsigned record)
{
	struct errand *errand = errands[errand_count++] =
		errand_new(&bench->unit.options, bench->session);

	errand_begin(errand, bench->records[record]);
	book_claim(&book, errand);
	return errand;
}

static inline struct errand *claim_doing(const char *id, const char *what)
{
	return claim_record(bench_add_doing(bench, errand_count, id, what));
}

static inline struct errand *claim(const char *id)
{
	return claim_doing(id, NULL);
}

static inline enum store_failure fly(void)
{
	struct err err = ERR_INIT;

	assert_int_equal(fake_store_ops.session_ready(bench->session, &err), 0);
	return book_fly(&book);
}

/* The runners' part. */
static inline unsigned run_claimed(void)
{
	struct errand *errand;
	unsigned count = 0;

	while ((errand = errand_pop(&book.claimed))) {
		errand_run(errand, 0, NULL);
		book_end(&book, errand);
		count++;
	}
	return count;
}

static inline void go_through(void)
{
	for (unsigned i = 0; i < 50 && (run_claimed() || book_has_work(&book, clock_mono_us()));
		i++) {
		fly();
	}
	assert_false(book_has_work(&book, clock_mono_us()));
}

static inline void expect_end(const struct errand *errand, enum unit_end end)
{
	const struct errand *ended = book.ended.head;

	while (ended && ended != errand) {
		ended = ended->next;
	}
	assert_non_null(ended);
	assert_int_equal(errand->unit.works[0].end, end);
	assert_false(errand->is_leased);
}

static inline void expect_row(const char *id, enum store_outcome outcome)
{
	const struct fake_row *row = bench_row(bench, id);

	assert_non_null(row);
	assert_int_equal(row->outcome, outcome);
}

/* ---- another worker ---- */

static inline enum claim_verdict lease_as(const uint8_t *owner, const struct errand *errand)
{
	struct store_lease lease = { .lease_us = LEASE_US };
	struct store_claim claim = errand->unit.works[0].claim;
	struct store_flight flight;

	memcpy(lease.owner, owner, sizeof(lease.owner));
	fake_store_ops.begin(bench->session);
	fake_store_ops.lease(bench->session, &lease, &claim, 1);
	fake_store_ops.commit(bench->session);
	assert_int_equal(fake_store_ops.flush(bench->session, &flight), STORE_OK);
	return claim.verdict;
}

static inline void take_over(const struct errand *errand)
{
	fake_store_advance(bench->store, LEASE_US);
	assert_int_equal(lease_as(them, errand), CLAIM_TAKEN_OVER);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
