/*
 * operation - something an operator asked for that takes its time
 *
 * Runs in: supervisor. A request starts it and is answered at once with its number; how far it got
 * is asked by GET /v1/operations/ID. It has a part for each worker that something is wanted of.
 * What it is about stands elsewhere (pauses in state.dir): an operation that is forgotten with its
 * supervisor undoes nothing.
 */
#pragma once

#include <jansson.h>

#include "os/proto.h"
#include "supervisor/tree.h"

struct supervisor;

enum { OPERATIONS_MAX = 64 };

enum operation_state { OPERATION_RUNNING, OPERATION_DONE, OPERATION_FAILED };

enum part_state { PART_WAITING, PART_DONE, PART_NOT_MINE, PART_FAILED };

struct operation_part {
	unsigned slot;
	pid_t pid; /* of the process it was asked of */
	enum part_state state;
	int64_t number;
	char text[ERR_TEXT_MAX];
};

enum operation_kind {
	OPERATION_REPORT, /* pause, resume: every worker has heard it */
	OPERATION_DRAIN,
	OPERATION_RELEASE, /* a drain, then the workers leave */
	OPERATION_RESTART,
	OPERATION_PARTITION, /* for whoever has the partition */
};

struct operation {
	uint64_t id; /* 0: none */
	enum operation_kind kind;
	const char *verb;
	struct consumer *consumer;
	char target[512]; /* as the operator wrote it */
	struct proto_order order;
	enum operation_state state;
	char text[ERR_TEXT_MAX]; /* why it failed */
	int64_t started_us, ended_us, started_ms;
	bool is_leaving; /* RELEASE: drained, the workers are told to leave */
	struct operation_part *parts;
	size_t part_count, part_max; /* the consumer may have more workers later */
};

struct operations {
	struct operation items[OPERATIONS_MAX];
	uint64_t last_id;
};

void operations_fini(struct operations *operations);

/* A new one without parts; NULL when too many are under way. */
struct operation *operation_begin(struct supervisor *supervisor, enum operation_kind kind,
	const char *verb, struct consumer *consumer, const char *target);
struct operation *operation_find(struct supervisor *supervisor, uint64_t id);

/* A part for this worker: it is asked for by other means than an order. */
struct operation_part *operation_add_part(struct operation *operation, const struct slot *slot);
/* Send `order`, with the operation's id, to every worker that runs. */
void operation_order(struct operation *operation, const struct proto_order *order);
/* Is it over? Call when all parts were added. */
void operation_check(struct supervisor *supervisor, struct operation *operation);

/* What happens to workers. */
void operations_answered(
	struct supervisor *supervisor, struct slot *slot, const struct proto_answer *answer);
void operations_slot_ready(struct supervisor *supervisor, const struct slot *slot);
void operations_slot_ended(struct supervisor *supervisor, const struct slot *slot);
/* No worker will be ready in it again. */
void operations_slot_retired(struct supervisor *supervisor, const struct slot *slot);

json_t *operation_json(const struct operation *operation);
