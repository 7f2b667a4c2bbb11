/*
 * role_child - processes that the supervisor starts: worker, probe, migration
 *
 * Runs in: each of them; the descriptors are those of os/proto.h.
 * Here adapters meet ports: Kafka, stores and handlers are named nowhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/private.h"
#include "config/config.h"
#include "handler_find.h"
#include "kafka/kafka.h"
#include "migration.h"
#include "os/lockfile.h"
#include "os/page.h"
#include "os/proto.h"
#include "os/statedir.h"
#include "roles.h"
#include "store/stores.h"
#include "worker/worker.h"

/* The slot's last holder is dead or on its last steps when we are started. */
enum { LOCK_WAIT_MS = 5000 };

/* Last words: to the supervisor, which makes them part of its sentence. */
static int fail(int exit_status, const char *text)
{
	struct proto_frame frame = { .type = PROTO_FAILED };

	frame.failed.exit_status = exit_status;
	snprintf(frame.failed.text, sizeof(frame.failed.text), "%s", text);
	if (proto_send(PROTO_FD_CHANNEL, &frame) < 0) {
		log_error("cannot go on", LOG_STR("error", text));
	}
	log_finish();
	return exit_status;
}

/* A probe's answer; its exit status repeats it. */
static int answer(int result, const char *text)
{
	struct proto_frame frame = { .type = PROTO_PROBED };

	frame.probed.result = result;
	snprintf(frame.probed.text, sizeof(frame.probed.text), "%s", text);
	if (proto_send(PROTO_FD_CHANNEL, &frame) < 0) {
		log_error("nobody hears the answer of a probe", LOG_STR("answer", text));
		log_finish();
		return EXIT_STATUS_FAILURE;
	}
	log_finish();
	return result < 0 ? EXIT_STATUS_CONFIG : EXIT_STATUS_OK;
}

/* What handlers start must not inherit our descriptors. */
static void keep_descriptors_private(void)
{
	for (int fd = PROTO_FD_CHANNEL; fd <= PROTO_FD_PAGE; fd++) {
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
}

struct child {
	struct config *config;
	struct worker_wiring wiring;
	char name[128];
	unsigned slot;
	char problem[ERR_TEXT_MAX]; /* why child_load() failed */
};

static void child_fini(struct child *child)
{
	config_free(child->config);
}

static int split_name(struct child *child, const char *text)
{
	const char *slash = strrchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);

	if (len >= sizeof(child->name)) {
		return -EINVAL;
	}
	memcpy(child->name, text, len);
	child->name[len] = '\0';
	child->slot = slash ? (unsigned)strtoul(slash + 1, NULL, 10) : 0;
	return 0;
}

static void wire(struct child *child, const struct config_consumer *consumer)
{
	child->wiring = (struct worker_wiring){
		.config = child->config,
		.consumer = consumer,
		.source = &kafka_source_ops,
		.sink = &kafka_sink_ops,
		.publisher = &kafka_publisher_ops,
		.transactor = &kafka_transactor_ops,
		.store = stores_find(config_store_of(child->config, consumer)),
		.find_handler = handler_find,
	};
}

/* Read fd 4 and wire what it asks for. -EINVAL with `problem`. */
static int child_load(struct child *child, const struct args *args, const char *process)
{
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;
	const struct config_consumer *consumer;

	keep_descriptors_private();
	if (split_name(child, args->name) < 0) {
		snprintf(child->problem, sizeof(child->problem), "not a name: %s", args->name);
		return -EINVAL;
	}
	if (config_load_fd(PROTO_FD_CONFIG, &child->config, &errors) < 0) {
		snprintf(child->problem, sizeof(child->problem), "%s", buffer_str(&errors.text));
		return -EINVAL;
	}
	log_init(STDERR_FILENO, child->config->log_format, child->config->log_level, process,
		child->name, (int)child->slot);
	consumer = config_find_consumer(child->config, child->name);
	if (!consumer) {
		snprintf(child->problem, sizeof(child->problem), "no consumer of that name: %s",
			child->name);
		return -EINVAL;
	}
	wire(child, consumer);
	if (!child->wiring.store) {
		snprintf(child->problem, sizeof(child->problem), "store: this build has %s",
			stores_schemes());
		return -EINVAL;
	}
	return 0;
}

/* While we live the slot is ours, whatever becomes of the supervisor. */
static int lock_slot(const struct child *child, int *ret_fd, struct err *err)
{
	const char *dir = child->config->state_dir;
	_cleanup_free_ char *path = NULL;
	pid_t holder;

	*ret_fd = -1;
	if (!dir || dir[0] == '\0') {
		return 0;
	}
	path = statedir_worker_lock(dir, child->name, child->slot);
	return lockfile_wait(path, LOCK_WAIT_MS, ret_fd, &holder, err);
}

int role_worker(const struct args *args)
{
	_cleanup_(child_fini) struct child child = { 0 };
	_cleanup_close_ int lock_fd = -1;
	struct err err = ERR_INIT;
	struct page *page;
	int r;

	if (child_load(&child, args, "worker") < 0) {
		return fail(WORKER_EXIT_CONFIG, child.problem);
	}
	close(PROTO_FD_CONFIG);
	r = page_map(PROTO_FD_PAGE, &page);
	if (r < 0) {
		return fail(WORKER_EXIT_FAILURE, "descriptor 5 is no page of this version");
	}
	if (lock_slot(&child, &lock_fd, &err) != 0) {
		return fail(WORKER_EXIT_FAILURE, err.text);
	}
	private_core(child.config->worker_core_memory);
	page_begin(page, getpid(), clock_mono_us(), clock_wall_ms());
	r = worker_run(&child.wiring, PROTO_FD_CHANNEL, page);
	log_finish();
	return r;
}

int role_probe(const struct args *args)
{
	_cleanup_(child_fini) struct child child = { 0 };
	struct err err = ERR_INIT;

	if (child_load(&child, args, "probe") < 0) {
		return answer(-EINVAL, child.problem);
	}
	return answer(worker_probe(&child.wiring, &err), err.text);
}

int role_migrate(const struct args *args)
{
	_cleanup_(child_fini) struct child child = { 0 };
	struct err err = ERR_INIT;
	unsigned applied;
	int r;

	if (child_load(&child, args, "migrate") < 0) {
		return answer(-EINVAL, child.problem);
	}
	r = migration_run(child.config, child.wiring.consumer, 0, &applied, &err);
	if (r == 0) {
		err_set(&err, 0, "%u migration%s applied", applied, applied == 1 ? "" : "s");
	}
	return answer(r == 0 || r == -EINVAL ? r : 1, err.text);
}
