/*
 * starved - the end of a process whose client got no thread
 *
 * Runs in: worker, and oncectl where it sends; error callbacks of their clients. A client that
 * could not start the thread of a broker goes on without that broker, for ever: partitions and dead
 * letters of it would stand still. As where memory is missing, the process ends by abort(): a
 * worker is replaced, and `oncectl dlq replay` knows what it has sent when it is run again. It is
 * told apart from a crash: what the client lacks is no deed of the record that is in hand.
 */
#pragma once

#include <librdkafka/rdkafka.h>

/* Returns unless `code`, of an error callback, says just that. */
void kafka_end_if_starved(int code, const char *reason);
