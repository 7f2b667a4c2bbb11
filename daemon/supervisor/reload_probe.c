/*
 * reload_probe - what a reload asks of probes before anything changes
 *
 * Runs in: supervisor. New stores are migrated, where that is wanted at all; then every consumer
 * whose workers would be started with something else is probed. The last answer decides.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

/* As at the start: a connect that is not answered takes 5 s; a migration may rewrite a table. */
enum { PROBE_TIMEOUT_US = 15000000, MIGRATION_TIMEOUT_US = 600000000 };

static bool is_any_running(const struct reload *reload)
{
	for (size_t i = 0; i < reload->entry_count; i++) {
		if (probe_is_running(&reload->entries[i].probe)) {
			return true;
		}
	}
	return false;
}

/* Is the consumer to remember its events in another place than its workers do now? */
static bool has_other_store(const struct supervisor *supervisor, const struct reload_entry *entry)
{
	return !entry->consumer || entry->is_new ||
		strcmp(config_store_of(supervisor->config, entry->consumer->config),
			config_store_of(supervisor->reload.next, entry->config)) != 0;
}

/*
 * What is wrong is refused, also what killed its probe. What could not be asked now is a warning,
 * as at the start: a database that is down must not keep an operator from changing anything else. A
 * running consumer is not moved to a store that nobody has reached.
 */
static void judge_probe(struct supervisor *supervisor, struct reload_entry *entry)
{
	const struct probe *probe = &entry->probe;
	bool is_wrong = probe->result == -EINVAL || (probe->result == -EIO && !probe->is_late) ||
		(!entry->is_new && has_other_store(supervisor, entry));

	if (probe->result == 0) {
		return;
	}
	if (is_wrong) {
		reload_add_error(supervisor, entry->name, probe->text);
		return;
	}
	snprintf(entry->warning, sizeof(entry->warning), "%s", probe->text);
	log_warning("the consumer could not be checked before its configuration changes",
		LOG_STR("consumer", entry->name), LOG_STR("error", probe->text));
}

static void on_probed(void *context, struct probe *probe)
{
	struct supervisor *supervisor = context;
	struct reload *reload = &supervisor->reload;

	if (supervisor->phase >= PHASE_DRAINING) {
		shutdown_check(supervisor);
		return;
	}
	if (is_any_running(reload)) {
		return;
	}
	for (size_t i = 0; i < reload->entry_count; i++) {
		if (reload->entries[i].probe.on_done) {
			judge_probe(supervisor, &reload->entries[i]);
		}
	}
	if (reload->errors.len > 0) {
		reload_refuse(supervisor);
	} else {
		reload_apply(supervisor);
	}
}

static int start_probe(struct supervisor *supervisor, struct reload_entry *entry, const char *role,
	int64_t timeout_us, void (*on_done)(void *context, struct probe *probe))
{
	struct err err = ERR_INIT;
	struct probe_spec spec = {
		.loop = supervisor->loop,
		.exe = supervisor->options->exe,
		.role = role,
		.config = supervisor->reload.next,
		.consumer = entry->config,
		.timeout_us = timeout_us,
		.context = supervisor,
		.on_done = on_done,
	};
	int r;

	probe_fini(&entry->probe);
	r = probe_start(&entry->probe, &spec, &err);
	if (r < 0) {
		entry->probe.on_done = NULL;
		reload_add_error(supervisor, entry->name, err.text);
	}
	return r;
}

/* Some could not even be started: those that were say nothing anymore. */
static void abandon(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;

	for (size_t i = 0; i < reload->entry_count; i++) {
		probe_kill(&reload->entries[i].probe);
	}
	if (!is_any_running(reload)) {
		reload_refuse(supervisor);
	}
}

static void begin_probes(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;

	reload->state = RELOAD_PROBING;
	for (size_t i = 0; i < reload->entry_count; i++) {
		struct reload_entry *entry = &reload->entries[i];

		entry->probe.on_done = NULL; /* of a migration */
		if (entry->config && (entry->is_new || entry->rule >= CONFIG_ROLLS) &&
			start_probe(supervisor, entry, "--probe", PROBE_TIMEOUT_US, on_probed) <
				0) {
			abandon(supervisor);
			return;
		}
	}
	if (!is_any_running(reload)) {
		reload_apply(supervisor);
	}
}

/* ---- migration ---- */

static void on_migrated(void *context, struct probe *probe)
{
	struct supervisor *supervisor = context;
	struct reload *reload = &supervisor->reload;

	if (supervisor->phase >= PHASE_DRAINING) {
		shutdown_check(supervisor);
		return;
	}
	if (probe->result != 0) {
		reload_add_error(supervisor, probe->consumer->name, probe->text);
	}
	if (is_any_running(reload)) {
		return;
	}
	if (reload->errors.len > 0) {
		reload_refuse(supervisor);
	} else {
		begin_probes(supervisor);
	}
}

static bool is_store_known(const struct supervisor *supervisor, const char *store)
{
	const struct config *config = supervisor->config;

	for (size_t i = 0; i < config->consumer_count; i++) {
		if (strcmp(config_store_of(config, &config->consumers[i]), store) == 0) {
			return true;
		}
	}
	return false;
}

/* Stores that no consumer had before are brought up to date, where that is wanted at all. */
void reload_begin_checks(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;

	reload->state = RELOAD_MIGRATING;
	for (size_t i = 0; reload->next->store_migrate && i < reload->entry_count; i++) {
		struct reload_entry *entry = &reload->entries[i];

		if (entry->config &&
			config_first_of_store(reload->next, entry->config) == entry->config &&
			!is_store_known(supervisor, config_store_of(reload->next, entry->config)) &&
			start_probe(supervisor, entry, "--migrate", MIGRATION_TIMEOUT_US,
				on_migrated) < 0) {
			abandon(supervisor);
			return;
		}
	}
	if (!is_any_running(reload)) {
		begin_probes(supervisor);
	}
}

/* ---- shutdown ---- */

void reload_cancel(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->reload.entry_count; i++) {
		probe_kill(&supervisor->reload.entries[i].probe);
	}
}

bool reload_has_children(const struct supervisor *supervisor)
{
	return is_any_running(&supervisor->reload);
}
