/*
 * test_store - the contract of core/store.h, held against every store that remembers
 *
 * usage: test_store sqlite | memory | postgres | partitioned | pgbouncer | pgbouncer_session |
 * redis. The servers are named by ONCED_TEST_POSTGRES, ONCED_TEST_PGBOUNCER and
 * ONCED_TEST_PGBOUNCER_SESSION (poolers before it) and ONCED_TEST_REDIS; without them these runs
 * are skipped (exit status 77).
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

static const struct case_list *const sqlite_lists[] = { &claim_cases, &identity_cases, &lease_cases,
	&lease_transaction_cases, &statement_cases, &query_cases, &record_cases, &schema_cases,
	&sweep_cases, &generation_cases, &sqlite_cases, NULL };
static const struct case_list *const postgres_lists[] = { &claim_cases, &identity_cases,
	&lease_cases, &lease_transaction_cases, &statement_cases, &query_cases, &record_cases,
	&schema_cases, &sweep_cases, &generation_cases, &postgres_sweep_cases, &postgres_cases,
	&postgres_fault_cases, &postgres_interleaving_cases, &postgres_set_cases,
	&postgres_set_value_cases, &postgres_outdated_cases, NULL };
static const struct case_list *const shared_lists[] = { &claim_cases, &identity_cases, &lease_cases,
	&lease_transaction_cases, &statement_cases, &query_cases, &record_cases, &schema_cases,
	&sweep_cases, &generation_cases, &postgres_sweep_cases, &postgres_set_cases, NULL };
static const struct case_list *const redis_lists[] = { &lease_cases, &record_cases, &keyed_cases,
	&keyed_identity_cases, &redis_cases, &redis_greet_cases, &redis_door_cases, NULL };
static const struct case_list *const memory_lists[] = { &lease_cases, &record_cases, &keyed_cases,
	&keyed_identity_cases, &memory_cases, NULL };

static const struct {
	const char *name;
	const struct case_list *const *lists;
	CMFixtureFunction open;
	const char *server; /* the variable that names it; NULL: needs none */
} stores[] = {
	{ "sqlite", sqlite_lists, bench_open_sqlite, NULL },
	{ "memory", memory_lists, bench_open_memory, NULL },
	{ "postgres", postgres_lists, bench_open_postgres, "ONCED_TEST_POSTGRES" },
	{ "partitioned", shared_lists, bench_open_partitioned, "ONCED_TEST_POSTGRES" },
	{ "pgbouncer", shared_lists, bench_open_pgbouncer, "ONCED_TEST_PGBOUNCER" },
	{ "pgbouncer_session", shared_lists, bench_open_pgbouncer_session,
		"ONCED_TEST_PGBOUNCER_SESSION" },
	{ "redis", redis_lists, bench_open_redis, "ONCED_TEST_REDIS" },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(stores) / sizeof(stores[0]); i++) {
		if (strcmp(argv[1], stores[i].name) != 0) {
			continue;
		}
		if (stores[i].server && !getenv(stores[i].server)) {
			fprintf(stderr, "%s names no server\n", stores[i].server);
			return EXIT_SKIPPED;
		}
		return run(stores[i].name, stores[i].lists, stores[i].open);
	}
	fprintf(stderr,
		"usage: test_store sqlite | memory | postgres | partitioned | pgbouncer | "
		"pgbouncer_session | redis\n");
	return 2;
}
