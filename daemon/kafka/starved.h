/*
 * starved - the end of a process whose client got no thread
 *
 * Runs in: worker, error callbacks of its clients. A client that could not start the thread of a
 * broker goes on without that broker, for ever: partitions and dead letters of it would stand
 * still. As where memory is missing, the process ends by abort(), and another takes its place.
 */
#pragma once

#include <librdkafka/rdkafka.h>

/* Returns unless `code`, of an error callback, says just that. */
void kafka_end_if_starved(int code, const char *reason);
