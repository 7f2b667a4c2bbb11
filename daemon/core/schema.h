/*
 * schema - the tables of a store, as they are numbered
 *
 * Pure.
 */
#pragma once

/* One migration of a store's schema, and what sql/ says about it. */
struct store_migration {
	unsigned version;
	const char *name; /* "0001_tables.sql" */
	const char *sql; /* many statements; runs inside one transaction */
};

struct store_schema {
	unsigned version; /* of the tables that are there; 0: none */
	unsigned known; /* this program's: the last of `migrations` */
	const struct store_migration *migrations; /* in order, from 1; static */
};
