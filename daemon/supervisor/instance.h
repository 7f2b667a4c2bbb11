/*
 * instance - under which name a worker joins its group
 *
 * Pure. A static member keeps its partitions over a restart, so the name must be the same each time
 * and belong to nobody else: it is made of the host, the unit's instance, the state directory, the
 * consumer and the slot.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "config/config.h"
#include "supervisor/tree.h"

struct instance_host {
	const char *machine_id; /* "" when the host has none */
	const char *host;
	const char *unit_instance; /* of a templated unit; "" none */
	const char *state_dir;
	bool is_kubernetes; /* pods come and go: nothing static about them */
};

enum { INSTANCE_ID_SIZE = 256 };

/* 0 and the id, "" for a dynamic member; -EINVAL for a template that cannot be an id. */
int instance_id_make(const struct config_consumer *consumer, const struct instance_host *host,
	unsigned slot, char ret[INSTANCE_ID_SIZE], struct err *err);

/* Name every slot; -EINVAL when two of one group would fence each other. */
int instance_assign(struct tree *tree, const struct instance_host *host, struct err *err);
