/*
 * supervisor - the parent: keeps the workers of all consumers running and tells about them
 *
 * Runs in: supervisor, its only thread. Init and teardown mirror each other; in between everything
 * is a callback of the loop.
 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/reserve.h"
#include "core/restart.h"
#include "os/orphans.h"
#include "os/process.h"
#include "os/procfs.h"
#include "supervisor/halt.h"
#include "supervisor/instance.h"
#include "supervisor/premises.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

enum { EXIT_CODE_FAILURE = 1, EXIT_CODE_CONFIG = 78 };

static const struct restart_row {
	enum restart_cause cause;
	enum slot_state waiting_as;
} restart_rows[EXIT_CAUSES] = {
	[EXIT_DRAINED] = { RESTART_RECYCLED, SLOT_WAITING },
	[EXIT_STUCK] = { RESTART_RECYCLED, SLOT_WAITING },
	[EXIT_FAILED] = { RESTART_CRASH, SLOT_WAITING },
	[EXIT_CRASHED] = { RESTART_CRASH, SLOT_WAITING },
	[EXIT_FENCED] = { RESTART_FENCED, SLOT_FENCED },
	[EXIT_STALE] = { RESTART_RECYCLED, SLOT_WAITING },
	[EXIT_CONFIG] = { RESTART_CONFIG, SLOT_WAITING },
	[EXIT_HUNG] = { RESTART_CRASH, SLOT_WAITING },
	[EXIT_KILLED] = { RESTART_CRASH, SLOT_WAITING },
	[EXIT_PROTOCOL] = { RESTART_CRASH, SLOT_WAITING },
	[EXIT_OVERRAN] = { RESTART_CRASH, SLOT_WAITING },
	[EXIT_RECYCLED] = { RESTART_RECYCLED, SLOT_WAITING },
};

void supervisor_each_slot(struct supervisor *supervisor,
	void (*visit)(struct supervisor *supervisor, struct slot *slot))
{
	for (size_t i = 0; i < supervisor->tree.consumer_total; i++) {
		struct consumer *consumer = supervisor->tree.consumers[i];

		for (size_t j = 0; j < consumer->slot_total; j++) {
			visit(supervisor, consumer->slots[j]);
		}
	}
}

/*
 * Leave it to its timer: also a delay of 0, so that a start never happens inside the callback of an
 * end.
 */
static void plan_start(struct slot *slot, enum restart_cause cause, enum slot_state waiting_as)
{
	int64_t now_us = clock_mono_us();
	int64_t delay_us = restart_next_delay(&slot->restart, cause, now_us);

	slot->state = waiting_as;
	loop_timer_set(slot->timer, now_us + delay_us);
	if (delay_us > 0) {
		log_warning("a worker starts again after a pause", LOG_ID(WORKER_THROTTLED),
			LOG_STR("consumer", slot->consumer->config->name),
			LOG_INT("slot", slot->number),
			LOG_SECONDS("seconds", (double)delay_us / 1e6));
	}
}

void supervisor_start_slot(struct supervisor *supervisor, struct slot *slot)
{
	struct err err = ERR_INIT;

	if (slot->is_retired || slot->consumer->is_replacing || halt_is_released(slot->consumer)) {
		slot->state = SLOT_STOPPED;
		return;
	}
	if (slot_start(slot, &err) < 0) {
		log_error("a worker cannot be started", LOG_ID(WORKER_UNSTARTABLE),
			LOG_STR("consumer", slot->consumer->config->name),
			LOG_INT("slot", slot->number), LOG_STR("error", err.text));
		plan_start(slot, RESTART_CRASH, SLOT_WAITING);
		return;
	}
	log_info("a worker was started", LOG_STR("consumer", slot->consumer->config->name),
		LOG_INT("slot", slot->number), LOG_INT("worker_pid", slot->pid),
		LOG_STR("instance_id", slot->instance_id[0] ? slot->instance_id : NULL));
}

static void on_slot_timer(void *context)
{
	struct slot *slot = context;

	if (slot->state == SLOT_WAITING || slot->state == SLOT_FENCED) {
		supervisor_start_slot(slot->context->owner, slot);
	}
}

static void on_slot_ready(void *owner, struct slot *slot)
{
	struct supervisor *supervisor = owner;

	slot->is_recycling = false;
	log_info("a worker is ready", LOG_STR("consumer", slot->consumer->config->name),
		LOG_INT("slot", slot->number), LOG_INT("worker_pid", slot->pid),
		LOG_SECONDS("seconds", (double)(slot->ready_us - slot->spawned_us) / 1e6));
	operations_slot_ready(supervisor, slot);
	recycle_check(supervisor, clock_mono_us()); /* the next one's turn */
	reload_check(supervisor);
	startup_tell_ready(supervisor);
}

static void on_slot_answer(void *owner, struct slot *slot, const struct proto_answer *answer)
{
	operations_answered(owner, slot, answer);
}

static void on_slot_end(void *owner, struct slot *slot)
{
	struct supervisor *supervisor = owner;
	const struct restart_row *row = &restart_rows[slot->cause];
	enum restart_cause cause = row->cause;

	operations_slot_ended(supervisor, slot);
	if (supervisor->phase >= PHASE_DRAINING) {
		if (cause != RESTART_RECYCLED) {
			supervisor->exit_code = EXIT_CODE_FAILURE;
		}
		shutdown_check(supervisor);
		return;
	}
	if (slot->is_retired || slot->consumer->is_replacing || halt_is_released(slot->consumer)) {
		reload_slot_ended(supervisor, slot);
		return; /* the state is SLOT_STOPPED, and stays */
	}
	/*
	 * An exit 0 before it ever joined, that nobody asked for, would otherwise be repeated
	 * without end.
	 */
	if (cause == RESTART_RECYCLED && slot->ready_us == 0 && slot->recycle_deadline_us == 0) {
		cause = RESTART_CRASH;
	}
	if (slot->is_explained) {
		cause = RESTART_SUSPECT;
	}
	plan_start(slot, cause, row->waiting_as);
}

static void on_stop_signal(void *context)
{
	struct supervisor *supervisor = context;

	if (supervisor->phase >= PHASE_DRAINING) {
		log_info("told to stop again; the drain goes on");
		return;
	}
	log_notice("told to stop; draining", LOG_ID(STOPPING));
	shutdown_begin(supervisor, 0);
}

static void on_status_signal(void *context)
{
	watch_log_status(context);
}

static void on_reload_signal(void *context)
{
	reload_signalled(context);
}

static void on_child_signal(void *context)
{
	const struct supervisor *supervisor = context;

	(void)orphans_bury(supervisor->loop);
}

static int add_signals(struct supervisor *supervisor)
{
	static const struct {
		int signo;
		loop_callback callback;
	} signals[] = {
		{ SIGTERM, on_stop_signal },
		{ SIGINT, on_stop_signal },
		{ SIGHUP, on_reload_signal },
		{ SIGUSR1, on_status_signal },
	};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int r = loop_add_signal(
			supervisor->loop, signals[i].signo, signals[i].callback, supervisor);

		if (r < 0) {
			return r;
		}
	}
	/* Our own children have descriptors in the loop; this is for those we did not start. */
	return orphans_come()
		? loop_add_signal(supervisor->loop, SIGCHLD, on_child_signal, supervisor)
		: 0;
}

int supervisor_adopt(struct supervisor *supervisor, struct consumer *consumer)
{
	for (size_t i = 0; i < consumer->slot_total; i++) {
		struct slot *slot = consumer->slots[i];
		int r = 0;

		slot->context = &supervisor->slot_context;
		if (!slot->timer) {
			r = loop_add_timer(supervisor->loop, on_slot_timer, slot, &slot->timer);
		}
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

static int adopt_all(struct supervisor *supervisor)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < supervisor->tree.consumer_total; i++) {
		r = supervisor_adopt(supervisor, supervisor->tree.consumers[i]);
	}
	return r;
}

static int init_loop(struct supervisor *supervisor)
{
	int r = process_block_signals();

	if (r == 0) {
		r = loop_new(&supervisor->loop);
	}
	if (r == 0) {
		r = add_signals(supervisor);
	}
	if (r == 0) {
		r = adopt_all(supervisor);
	}
	if (r == 0) {
		r = watch_begin(supervisor);
	}
	if (r < 0) {
		log_error("cannot set up the event loop", LOG_STR("error", strerror(-r)));
		return EXIT_CODE_FAILURE;
	}
	(void)loop_enable_watchdog(supervisor->loop);
	return 0;
}

bool supervisor_has_stable_host(const struct supervisor *supervisor)
{
	return supervisor->machine.id[0] != '\0' && getenv("KUBERNETES_SERVICE_HOST") == NULL;
}

int supervisor_name_instances(
	const struct supervisor *supervisor, struct tree *tree, struct err *err)
{
	const char *unit_instance = getenv("ONCED_INSTANCE");
	struct instance_host host = {
		.machine_id = supervisor->machine.id,
		.host = supervisor->machine.host,
		.unit_instance = unit_instance ? unit_instance : "",
		.state_dir = supervisor->config->state_dir,
		.is_kubernetes = getenv("KUBERNETES_SERVICE_HOST") != NULL,
	};

	return instance_assign(tree, &host, err);
}

static int name_instances(struct supervisor *supervisor)
{
	struct err err = ERR_INIT;

	if (supervisor_name_instances(supervisor, &supervisor->tree, &err) < 0) {
		log_error("the configuration cannot work", LOG_ID(CONFIG_UNWORKABLE),
			LOG_STR("error", err.text));
		return EXIT_CODE_CONFIG;
	}
	return 0;
}

/*
 * The kernel's count has grown: it killed somebody of ours. One death takes one of them. Nothing
 * has grown where there was no count before.
 */
static bool is_oom(void *owner)
{
	struct supervisor *supervisor = owner;
	int64_t kills = procfs_oom_kills();

	if (supervisor->oom_kills[0] < 0 || kills <= supervisor->oom_kills[0]) {
		return false;
	}
	supervisor->oom_kills[0]++;
	if (supervisor->oom_kills[1] < supervisor->oom_kills[0]) {
		supervisor->oom_kills[1] = supervisor->oom_kills[0];
	}
	return true;
}

static void init(struct supervisor *supervisor, const struct supervisor_options *options)
{
	*supervisor = (struct supervisor){
		.options = options,
		.config = options->config,
		.state_lock_fd = -1,
		.listener = LISTENER_INIT,
		.migration.child = CHILD_INIT,
	};
	(void)reserve_fill(); /* else the watch tries again */
	machine_get(&supervisor->machine);
	tree_init(&supervisor->tree, options->config, options->version);
	supervisor->slot_context = (struct slot_context){
		.config = options->config,
		.exe = options->exe,
		.host = supervisor->machine.host,
		.owner = supervisor,
		.on_ready = on_slot_ready,
		.on_end = on_slot_end,
		.on_answer = on_slot_answer,
		.is_oom = is_oom,
	};
}

static void fini(struct supervisor *supervisor)
{
	control_close(supervisor);
	reload_fini(supervisor);
	startup_fini(supervisor);
	loop_source_free(supervisor->drain_timer);
	loop_source_free(supervisor->tick_timer);
	operations_fini(&supervisor->operations);
	tree_fini(&supervisor->tree);
	loop_free(supervisor->loop);
	(void)reserve_release();
}

static void remove_page(struct supervisor *supervisor, struct slot *slot)
{
	slot_remove_page(slot, supervisor->config);
}

static int run(struct supervisor *supervisor)
{
	int r = init_loop(supervisor);

	if (r > 0) {
		return r;
	}
	supervisor->slot_context.loop = supervisor->loop;
	r = name_instances(supervisor);
	if (r == 0) {
		premises_tell(supervisor->config, supervisor_has_stable_host(supervisor));
		r = startup_begin(supervisor);
	}
	if (r > 0) {
		return r;
	}
	r = loop_run(supervisor->loop);
	if (r < 0) {
		log_error("the event loop failed", LOG_STR("error", strerror(-r)));
		return EXIT_CODE_FAILURE;
	}
	if (r == 0) {
		supervisor_each_slot(supervisor, remove_page);
	}
	return r;
}

int supervisor_run(const struct supervisor_options *options)
{
	struct supervisor supervisor;
	int exit_code;

	init(&supervisor, options);
	exit_code = run(&supervisor);
	fini(&supervisor);
	log_notice("stopped", LOG_ID(STOPPED), LOG_INT("exit_code", exit_code));
	log_finish();
	return exit_code;
}
