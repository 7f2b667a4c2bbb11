/*
 * test_store - the contract of core/store.h, held against every transactional store
 *
 * usage: test_store sqlite | postgres. The Postgres server is named by ONCED_TEST_POSTGRES; without
 * it that run is skipped (exit status 77).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cases.h"

enum { EXIT_SKIPPED = 77 };

static struct CMUnitTest *join(const struct case_list *const *lists, size_t *ret_count)
{
	struct CMUnitTest *all = NULL;
	size_t count = 0;

	for (; *lists; lists++) {
		all = xrealloc(all, (count + (*lists)->count) * sizeof(*all));
		memcpy(all + count, (*lists)->cases, (*lists)->count * sizeof(*all));
		count += (*lists)->count;
	}
	*ret_count = count;
	return all;
}

static int run(const char *name, const struct case_list *const *lists, CMFixtureFunction open)
{
	size_t count;
	struct CMUnitTest *cases = join(lists, &count);
	int failed = _cmocka_run_group_tests(name, cases, count, open, bench_close);

	free(cases);
	return failed != 0;
}

int main(int argc, char **argv)
{
	static const struct case_list *const sqlite_lists[] = { &claim_cases, &identity_cases,
		&lease_cases, &statement_cases, &query_cases, &record_cases, &schema_cases,
		&sweep_cases, &sqlite_cases, NULL };
	static const struct case_list *const postgres_lists[] = { &claim_cases, &identity_cases,
		&lease_cases, &statement_cases, &query_cases, &record_cases, &schema_cases,
		&sweep_cases, &postgres_sweep_cases, &postgres_cases, &postgres_fault_cases,
		&postgres_set_cases, &postgres_set_value_cases, NULL };

	if (argc == 2 && strcmp(argv[1], "sqlite") == 0) {
		return run("sqlite", sqlite_lists, bench_open_sqlite);
	}
	if (argc != 2 || strcmp(argv[1], "postgres") != 0) {
		fprintf(stderr, "usage: test_store sqlite | postgres\n");
		return 2;
	}
	if (!getenv("ONCED_TEST_POSTGRES")) {
		fprintf(stderr, "ONCED_TEST_POSTGRES names no server\n");
		return EXIT_SKIPPED;
	}
	return run("postgres", postgres_lists, bench_open_postgres);
}
