/*
 * worker - one process that owns a partition group
 *
 * Runs in: worker and probe. The main thread polls, dispatches, tracks and commits; lanes run units
 * of work; the clerk does what may block and belongs to no batch. Adapters come in by `struct
 * worker_wiring`; nothing here names Kafka or a database.
 */
#pragma once

#include "base/err.h"
#include "config/config.h"
#include "core/publisher.h"
#include "core/sink.h"
#include "core/source.h"
#include "core/store.h"
#include "core/transactor.h"
#include "onced/handler.h"

struct page;

struct worker_wiring {
	const struct config *config;
	const struct config_consumer *consumer; /* the only one of `config` */
	const struct source_ops *source;
	const struct sink_ops *sink;
	const struct publisher_ops *publisher;
	const struct transactor_ops *transactor; /* instead, where they are transactional */
	const struct store_ops *store;
	/* Fill in the handler of a [handler NAME]; 0, -EINVAL or a shortage with the sentence. */
	int (*find_handler)(const struct config_handler *config, struct onced_handler *ret,
		struct err *err);
};

/*
 * Serve until drained, fenced or failed. `channel_fd` is read for PROTO_START first. Returns the
 * exit status; when library threads are stuck it does not return but exits.
 */
int worker_run(const struct worker_wiring *wiring, int channel_fd, struct page *page);

/*
 * Check what needs foreign code: [kafka] values, handler parameters and, where the store is
 * reachable, statements. 0; 1: the store could not be reached, the rest is fine, or this process
 * got no thread or descriptor; -EINVAL.
 */
int worker_probe(const struct worker_wiring *wiring, struct err *err);
