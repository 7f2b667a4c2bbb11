/*
 * cases - the lists of cases that test_store.c runs
 */
#pragma once

#include "bench.h"

struct case_list {
	const struct CMUnitTest *cases;
	size_t count;
};

/* For every store that remembers. */
extern const struct case_list lease_cases, record_cases;
/* For every transactional store. */
extern const struct case_list claim_cases, identity_cases, lease_transaction_cases;
extern const struct case_list statement_cases, query_cases, schema_cases, sweep_cases;
extern const struct case_list generation_cases;
/* For stores that are not, and may forget. */
extern const struct case_list keyed_cases, keyed_identity_cases;
/* What only one database can show. */
extern const struct case_list postgres_cases, postgres_fault_cases, sqlite_cases;
extern const struct case_list redis_cases, redis_greet_cases, redis_door_cases, memory_cases;
extern const struct case_list postgres_interleaving_cases;
extern const struct case_list postgres_set_cases, postgres_set_value_cases,
	postgres_outdated_cases,
	postgres_sweep_cases;

#define CASE(function) cmocka_unit_test_setup_teardown(function, bench_setup, bench_teardown)
#define CASE_LIST(name, array)                                                                     \
	const struct case_list name = { array, sizeof(array) / sizeof((array)[0]) }
