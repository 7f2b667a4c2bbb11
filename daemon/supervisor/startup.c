/*
 * startup - the way from nothing to running workers
 *
 *	locks → control socket → orphans of a dead supervisor gone → migration → probes → workers
 *
 * Runs in: supervisor. Every step that waits is a callback, so that SIGTERM and the control socket
 * work from the start. A store that cannot be reached delays nothing: workers start and hold.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "os/lockfile.h"
#include "os/notify.h"
#include "os/statedir.h"
#include "supervisor/coroner.h"
#include "supervisor/halt.h"
#include "supervisor/health.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

enum { EXIT_CODE_FAILURE = 1, EXIT_CODE_CONFIG = 78 };

/* A supervisor that was told to stop a moment ago may still be leaving. */
enum { LOCK_WAIT_MS = 2000 };
/* Orphans see the end of their channel at once, drain, and have a second or two for closing. */
enum { ORPHAN_CLOSE_US = 5000000, ORPHAN_LOOK_US = 100000, ORPHAN_KILL_MS = 2000 };
/* A connect that is not answered takes 5 s in the store; Kafka is not asked. */
enum { PROBE_TIMEOUT_US = 15000000 };
/* A join takes less than a second; where a broker is away longer, waiting for it helps nobody. */
enum { READY_WAIT_US = 20000000 };
/* A migration may wait for locks or rewrite a table. */
enum { MIGRATION_TIMEOUT_US = 600000000, MIGRATION_RETRY_US = 5000000 };

static void begin_migration(struct supervisor *supervisor);
static void begin_probes(struct supervisor *supervisor);

static bool has_state_dir(const struct supervisor *supervisor)
{
	return supervisor->config->state_dir && supervisor->config->state_dir[0] != '\0';
}

static int tell_lock(int r, const char *what, const struct err *err)
{
	log_error(r > 0 ? "another onced uses what this one is configured for; stop it or use "
			  "different paths"
			: "a lock cannot be taken",
		LOG_ID(LOCKED), LOG_STR("for", what), LOG_STR("error", err->text));
	return EXIT_CODE_FAILURE;
}

static int lock_state_dir(struct supervisor *supervisor)
{
	_cleanup_free_ char *path = NULL;
	struct err err = ERR_INIT;
	pid_t holder;
	int r;

	if (!has_state_dir(supervisor)) {
		return 0;
	}
	if (statedir_prepare(supervisor->config->state_dir, &err) < 0) {
		log_error("the state directory cannot be used", LOG_ID(STATE_DIR_UNUSABLE),
			LOG_STR("error", err.text));
		return EXIT_CODE_FAILURE;
	}
	path = statedir_supervisor_lock(supervisor->config->state_dir);
	r = lockfile_wait(path, LOCK_WAIT_MS, &supervisor->state_lock_fd, &holder, &err);
	return r == 0 ? 0 : tell_lock(r, "state.dir", &err);
}

static const struct config_consumer *consumer_at(const struct supervisor *supervisor, size_t i)
{
	return &supervisor->config->consumers[i];
}

/* Stores are looked at once, however many consumers have them. */
static bool is_first_of_store(const struct supervisor *supervisor, size_t i)
{
	const struct config_consumer *consumer = consumer_at(supervisor, i);

	return config_first_of_store(supervisor->config, consumer) == consumer;
}

static int lock_stores(struct supervisor *supervisor)
{
	struct err err = ERR_INIT;
	int r = store_lock_all(supervisor, supervisor->config, LOCK_WAIT_MS, &err);

	return r == 0 ? 0 : tell_lock(r, "store", &err);
}

static int open_pages(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->tree.consumer_count; i++) {
		struct consumer *consumer = supervisor->tree.consumers[i];

		for (size_t j = 0; j < consumer->slot_count; j++) {
			struct err err = ERR_INIT;

			if (j == 0) {
				coroner_load(consumer, supervisor->config);
			}
			if (slot_open_page(consumer->slots[j], supervisor->config, &err) < 0) {
				log_error("a worker's page cannot be used",
					LOG_STR("consumer", consumer->config->name),
					LOG_INT("slot", (int64_t)j), LOG_STR("error", err.text));
				return EXIT_CODE_FAILURE;
			}
		}
	}
	return 0;
}

/*
 * A broker or an id that is away must not have the service manager give us up: what can be done
 * about it is done here, and the status says so.
 */
void startup_tell_ready(struct supervisor *supervisor)
{
	char why[HEALTH_SENTENCE_MAX];
	bool has_joined;

	if (supervisor->is_told_ready || supervisor->phase != PHASE_RUNNING) {
		return;
	}
	has_joined = health_has_joined(&supervisor->tree, clock_wall_ms(), why);
	if (!has_joined && clock_mono_us() < supervisor->ready_deadline_us) {
		return;
	}
	supervisor->is_told_ready = true;
	notify_ready(why);
	if (!has_joined) {
		log_warning("started, and not everybody has joined yet", LOG_ID(STARTED_INCOMPLETE),
			LOG_STR("why", why));
	}
}

static void begin_workers(struct supervisor *supervisor)
{
	supervisor->phase = PHASE_RUNNING;
	supervisor->ready_deadline_us = clock_mono_us() + READY_WAIT_US;
	notify_extend(READY_WAIT_US + PROBE_TIMEOUT_US);
	supervisor_each_slot(supervisor, supervisor_start_slot);
	startup_tell_ready(supervisor);
	reload_go_on(supervisor);
}

/* ---- orphans ---- */

static void kill_orphan(void *context, const char *path, pid_t holder)
{
	int r = lockfile_kill_holder(path, ORPHAN_KILL_MS);

	log_warning("a worker of an earlier supervisor did not drain in time and was killed",
		LOG_ID(ORPHAN_KILLED), LOG_STR("lock", path), LOG_INT("worker_pid", holder),
		LOG_STR("error", r < 0 ? strerror(-r) : NULL));
}

static int count_orphans(struct supervisor *supervisor)
{
	int held = has_state_dir(supervisor)
		? statedir_orphans(supervisor->config->state_dir, NULL, NULL)
		: 0;

	if (held > 0 && clock_mono_us() >= supervisor->orphan_deadline_us) {
		(void)statedir_orphans(supervisor->config->state_dir, kill_orphan, supervisor);
		held = statedir_orphans(supervisor->config->state_dir, NULL, NULL);
		return held > 0 ? -EBUSY : held;
	}
	return held;
}

static void on_orphan_timer(struct supervisor *supervisor)
{
	int held = count_orphans(supervisor);

	if (held > 0) {
		loop_timer_set(supervisor->startup_timer, clock_mono_us() + ORPHAN_LOOK_US);
		return;
	}
	if (held < 0 || open_pages(supervisor) != 0) {
		if (held < 0) {
			log_error("workers of an earlier supervisor cannot be waited for",
				LOG_STR("error", strerror(-held)));
		}
		shutdown_begin(supervisor, EXIT_CODE_FAILURE);
		return;
	}
	if (supervisor->config->store_migrate) {
		begin_migration(supervisor);
	} else {
		begin_probes(supervisor);
	}
}

static void begin_orphans(struct supervisor *supervisor)
{
	int64_t wait_us = supervisor->config->drain_timeout_us + ORPHAN_CLOSE_US;

	supervisor->phase = PHASE_ORPHANS;
	supervisor->orphan_deadline_us = clock_mono_us() + wait_us;
	notify_extend(wait_us + PROBE_TIMEOUT_US);
	if (count_orphans(supervisor) > 0) {
		log_notice("waiting for workers of an earlier supervisor to drain",
			LOG_SECONDS("at_most", (double)wait_us / 1e6));
	}
	loop_timer_set(supervisor->startup_timer, clock_mono_us());
}

/* ---- migration ---- */

/* Go on to the next store, if there is one. */
static bool has_next_store(struct supervisor *supervisor)
{
	do {
		supervisor->migrating++;
	} while (supervisor->migrating < supervisor->config->consumer_count &&
		!is_first_of_store(supervisor, supervisor->migrating));
	return supervisor->migrating < supervisor->config->consumer_count;
}

static void on_migrated(void *context, struct probe *probe)
{
	struct supervisor *supervisor = context;

	if (supervisor->phase >= PHASE_DRAINING) {
		shutdown_check(supervisor);
		return;
	}
	if (probe->result == 0) {
		log_info("the store's schema is up to date", LOG_STR("detail", probe->text));
		if (has_next_store(supervisor)) {
			begin_migration(supervisor);
			return;
		}
	} else if (probe->result == -EINVAL) {
		log_error("the store cannot be migrated", LOG_ID(MIGRATION_FAILED),
			LOG_STR("error", probe->text));
		if (supervisor->phase == PHASE_MIGRATING) {
			shutdown_begin(supervisor, EXIT_CODE_CONFIG);
		}
		return;
	} else {
		log_warning("the store cannot be migrated now; trying again",
			LOG_ID(MIGRATION_WAITS), LOG_STR("error", probe->text));
		loop_timer_set(supervisor->startup_timer, clock_mono_us() + MIGRATION_RETRY_US);
	}
	if (supervisor->phase == PHASE_MIGRATING) {
		begin_probes(supervisor);
	}
}

static int start_migration(struct supervisor *supervisor, struct err *err)
{
	struct probe_spec spec = {
		.loop = supervisor->loop,
		.exe = supervisor->options->exe,
		.role = "--migrate",
		.config = supervisor->config,
		.consumer = consumer_at(supervisor, supervisor->migrating),
		.timeout_us = MIGRATION_TIMEOUT_US,
		.context = supervisor,
		.on_done = on_migrated,
	};

	probe_fini(&supervisor->migration);
	return probe_start(&supervisor->migration, &spec, err);
}

static void begin_migration(struct supervisor *supervisor)
{
	struct err err = ERR_INIT;

	if (supervisor->phase == PHASE_ORPHANS) {
		supervisor->phase = PHASE_MIGRATING;
		notify_extend(MIGRATION_TIMEOUT_US);
	}
	if (start_migration(supervisor, &err) < 0) {
		log_error("cannot start a migration", LOG_STR("error", err.text));
		shutdown_begin(supervisor, EXIT_CODE_FAILURE);
	}
}

/* ---- probes ---- */

static void on_all_probed(struct supervisor *supervisor)
{
	bool is_wrong = false;

	for (size_t i = 0; i < supervisor->probe_count; i++) {
		is_wrong |= supervisor->probes[i].result == -EINVAL;
	}
	if (is_wrong) {
		shutdown_begin(supervisor, EXIT_CODE_CONFIG);
	} else {
		begin_workers(supervisor);
	}
}

static void log_probe(const struct probe *probe)
{
	if (probe->result == -EINVAL) {
		log_error("the configuration cannot work", LOG_ID(CONFIG_UNWORKABLE),
			LOG_STR("consumer", probe->consumer->name), LOG_STR("error", probe->text));
	} else if (probe->result != 0) {
		log_warning("the consumer could not be checked before its start",
			LOG_ID(CONSUMER_UNCHECKED), LOG_STR("consumer", probe->consumer->name),
			LOG_STR("error", probe->text));
	}
}

static void on_probed(void *context, struct probe *probe)
{
	struct supervisor *supervisor = context;

	if (supervisor->phase >= PHASE_DRAINING) {
		shutdown_check(supervisor);
		return;
	}
	log_probe(probe);
	for (size_t i = 0; i < supervisor->probe_count; i++) {
		if (probe_is_running(&supervisor->probes[i])) {
			return;
		}
	}
	on_all_probed(supervisor);
}

static void begin_probes(struct supervisor *supervisor)
{
	supervisor->phase = PHASE_PROBING;
	notify_extend(2 * (int64_t)PROBE_TIMEOUT_US);
	for (size_t i = 0; i < supervisor->tree.consumer_count; i++) {
		struct err err = ERR_INIT;
		struct probe_spec spec = {
			.loop = supervisor->loop,
			.exe = supervisor->options->exe,
			.role = "--probe",
			.config = supervisor->config,
			.consumer = supervisor->tree.consumers[i]->config,
			.timeout_us = PROBE_TIMEOUT_US,
			.context = supervisor,
			.on_done = on_probed,
		};

		if (probe_start(&supervisor->probes[i], &spec, &err) < 0) {
			log_error("cannot start a probe", LOG_STR("error", err.text));
			shutdown_begin(supervisor, EXIT_CODE_FAILURE);
			return;
		}
	}
}

static void on_startup_timer(void *context)
{
	struct supervisor *supervisor = context;

	if (supervisor->phase == PHASE_ORPHANS) {
		on_orphan_timer(supervisor);
	} else if (supervisor->phase < PHASE_DRAINING) {
		begin_migration(supervisor);
	}
}

int startup_begin(struct supervisor *supervisor)
{
	struct err err = ERR_INIT;
	int r;

	supervisor->probe_count = supervisor->tree.consumer_count;
	supervisor->probes = xcalloc(supervisor->probe_count, sizeof(*supervisor->probes));
	for (size_t i = 0; i < supervisor->probe_count; i++) {
		supervisor->probes[i].child = CHILD_INIT;
	}
	r = lock_state_dir(supervisor);
	if (r == 0) {
		r = lock_stores(supervisor);
	}
	if (r > 0) {
		return r;
	}
	for (size_t i = 0; i < supervisor->tree.consumer_count; i++) {
		/* before anybody can say more */
		halt_load(supervisor->tree.consumers[i], supervisor->config);
	}
	if (control_open(supervisor, &err) < 0) {
		log_error("a socket cannot be served", LOG_ID(SOCKET_UNUSABLE),
			LOG_STR("error", err.text));
		return EXIT_CODE_FAILURE;
	}
	r = loop_add_timer(
		supervisor->loop, on_startup_timer, supervisor, &supervisor->startup_timer);
	if (r < 0) {
		log_error("cannot set up a timer", LOG_STR("error", strerror(-r)));
		return EXIT_CODE_FAILURE;
	}
	begin_orphans(supervisor);
	return 0;
}

void startup_fini(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->probe_count; i++) {
		probe_fini(&supervisor->probes[i]);
	}
	free(supervisor->probes);
	probe_fini(&supervisor->migration);
	loop_source_free(supervisor->startup_timer);
	store_lock_fini(&supervisor->store_locks);
	if (supervisor->state_lock_fd >= 0) {
		close(supervisor->state_lock_fd);
	}
}
