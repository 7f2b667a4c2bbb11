/*
 * supervised - a real supervisor in a process of its own, over stub workers, in a scratch directory
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct supervised {
	char *dir; /* config, state, socket, orders, diary, log */
	const char *onced_keys; /* further lines of [onced]; may be NULL */
	const char *consumer_keys; /* further lines of [consumer orders]; may be NULL */
	const char *sections; /* further sections; may be NULL */
	int64_t heartbeat_limit_us;
	pid_t pid; /* 0: not running */
};

/* A scratch directory and nothing running. $STUB_SUPERVISOR and $STUB_WORKER name the programs. */
void supervised_init(struct supervised *supervised);
/* Kills what runs, removes the directory. */
void supervised_fini(struct supervised *supervised);

void supervised_start(struct supervised *supervised);
/* And all its workers are ready. */
void supervised_start_ready(struct supervised *supervised);
/* By SIGTERM; it ends with this exit status. */
void supervised_stop(struct supervised *supervised, int expected);
/* Write the configuration again, for one that runs. */
void supervised_configure(const struct supervised *supervised);
void supervised_signal(const struct supervised *supervised, int signo);
/* Exit status, or 1000 + signal. */
int supervised_wait(struct supervised *supervised);

/*
 * What a stub is to do at its next start; `who` is "orders-0" for worker orders/0, "probe",
 * "migrate".
 */
void supervised_order(const struct supervised *supervised, const char *who, const char *order);

/* Body of a GET, "" when nobody answers; the caller frees. `ret_code` may be NULL. */
char *supervised_get(const struct supervised *supervised, const char *path, int *ret_code);
/* The whole answer; "" and 0 when nobody answers. The caller frees. */
char *supervised_post(const struct supervised *supervised, const char *path, const char *body,
	int *ret_code);
char *supervised_request(const struct supervised *supervised, const char *request);
/* GET /v1/status; NULL when nobody answers. */
json_t *supervised_status(const struct supervised *supervised);
/* Of consumer 0 in a status. */
json_t *supervised_worker(json_t *status, unsigned slot);
/* 0 when it has none, or nobody answers. */
pid_t supervised_worker_pid(const struct supervised *supervised, unsigned slot);
void supervised_signal_worker(const struct supervised *supervised, unsigned slot, int signo);

/* Value of the first sample that begins with `sample` ("name{label=\"x\""), -1 without one. */
double supervised_metric(const struct supervised *supervised, const char *sample);

/* The diary or the log; the caller frees. */
char *supervised_read(const struct supervised *supervised, const char *name);
/* How often a word is in it. */
unsigned supervised_count(const struct supervised *supervised, const char *name, const char *word);

/* Until `is_so`, at most 20 s; fails the test with `what`, the log shown. */
void supervised_wait_until(struct supervised *supervised,
	bool (*is_so)(struct supervised *supervised, long argument), long argument,
	const char *what);
/* All workers of consumer 0 are in this state. */
void supervised_wait_state(struct supervised *supervised, const char *state);
