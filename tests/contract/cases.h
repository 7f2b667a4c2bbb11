/*
 * cases - the lists of cases that test_store.c runs
 */
#pragma once

#include "bench.h"

struct case_list {
	const struct CMUnitTest *cases;
	size_t count;
};

/* For every transactional store. */
extern const struct case_list claim_cases, identity_cases, lease_cases, statement_cases;
extern const struct case_list query_cases, record_cases, schema_cases, sweep_cases;
/* What only one database can show. */
extern const struct case_list postgres_cases, postgres_fault_cases, sqlite_cases;
extern const struct case_list postgres_set_cases, postgres_set_value_cases,
	postgres_sweep_cases;

#define CASE(function) cmocka_unit_test_setup_teardown(function, bench_setup, bench_teardown)
#define CASE_LIST(name, array)                                                                     \
	const struct case_list name = { array, sizeof(array) / sizeof((array)[0]) }
