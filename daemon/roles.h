/*
 * roles - what this program can be, each in its own process
 *
 * Every function is a whole run and returns the exit status.
 */
#pragma once

#include "args.h"

/* Exit statuses of the daemon and its commands. */
enum {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_FAILURE = 1,
	EXIT_STATUS_USAGE = 2,
	EXIT_STATUS_CONFIG = 78,
};

int role_supervisor(const struct args *args); /* role_supervisor.c */

/* role_child.c: started by the supervisor with the descriptors of os/proto.h */
int role_worker(const struct args *args);
int role_probe(const struct args *args);
int role_migrate(const struct args *args);

/* role_demo.c: the demonstration, and the broker that it starts */
int role_demo(const struct args *args);
int role_embedded_broker(const struct args *args);

int role_test_handler(const struct args *args); /* role_test_handler.c */

/* role_info.c: print and leave */
int role_check_config(const struct args *args);
int role_dump_config(const struct args *args);
int role_write_sample(const struct args *args);
int role_write_manual(const struct args *args);
int role_version(const struct args *args);
int role_help(const struct args *args);
