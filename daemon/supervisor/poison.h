/*
 * poison - what the supervisor must never do
 *
 * Included after all other headers by every file here. The supervisor has one thread and no client
 * of anything: it outlives whatever its workers run into. Processes are started by os/process
 * alone.
 */
#pragma once

#pragma GCC poison fork vfork pthread_create thrd_create popen system
#pragma GCC poison rd_kafka_new PQconnectdb PQconnectStart sqlite3_open sqlite3_open_v2 dlopen
