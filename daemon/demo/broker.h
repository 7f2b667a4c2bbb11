/*
 * broker - the embedded broker's process: `onced --embedded-broker`
 *
 * Runs in: a process of its own, started by the demonstration with one descriptor. It writes its
 * address and a newline there and lives until the other end is closed.
 */
#pragma once

enum { DEMO_PARTITIONS = 4, DEMO_LETTER_PARTITIONS = 1 };
#define DEMO_TOPIC "orders"
#define DEMO_LETTER_TOPIC "orders.dlq"

/* A whole run; the exit status. */
int demo_broker_run(int fd);
