/*
 * name_server - names that a test answers for while the program runs
 */
#pragma once

#include <netdb.h>

/* A file of its own for this process; for cmocka_run_group_tests(). */
int name_server_open(void **state);
int name_server_close(void **state);

/* Lines "NAME ADDRESS ...", "NAME ?", "NAME !" for the file named by ONCED_TEST_NAMES. */
void name_server_set(const char *lines);

/* How often a name was asked for in this process. */
unsigned name_server_asked(void);
