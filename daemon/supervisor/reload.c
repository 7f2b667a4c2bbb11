/*
 * reload - from the configuration in use to that of the file, while workers run
 *
 * Runs in: supervisor.
 */
#include "supervisor/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/reserve.h"
#include "os/notify.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

const char reload_out_of_memory[] =
	"there is not enough memory to change the configuration; reload when there is";

/* ---- the end ---- */

static void forget_last(struct reload *reload)
{
	for (size_t i = 0; i < reload->entry_count; i++) {
		probe_fini(&reload->entries[i].probe);
		free(reload->entries[i].name);
	}
	free(reload->entries);
	reload->entries = NULL;
	reload->entry_count = 0;
	config_diff_fini(&reload->changes);
	buffer_clear(&reload->errors);
	tree_fini(&reload->names);
	config_free(reload->next);
	reload->next = NULL;
}

void reload_go_on(struct supervisor *supervisor)
{
	if (supervisor->reload.is_asked_again) {
		reload_signalled(supervisor);
	}
}

void reload_refuse(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;

	reload->state = RELOAD_REFUSED;
	reload->ended_us = clock_mono_us();
	log_error("the configuration was not reloaded; the one in use stays",
		LOG_ID(RELOAD_REFUSED), LOG_STR("errors", buffer_str(&reload->errors)));
	notify_ready("reload refused, see the log; the old configuration stays");
	tree_fini(&reload->names);
	config_free(reload->next);
	reload->next = NULL;
	for (size_t i = 0; i < reload->entry_count; i++) {
		struct reload_entry *entry = &reload->entries[i];

		entry->config = NULL; /* went with it */
		entry->consumer = entry->is_new ? NULL : entry->consumer;
	}
	reload_go_on(supervisor);
}

void reload_add_error(struct supervisor *supervisor, const char *consumer, const char *text)
{
	struct buffer *errors = &supervisor->reload.errors;

	if (consumer) {
		buffer_printf(errors, "consumer %s: ", consumer);
	}
	buffer_append_str(errors, text);
	if (errors->len > 0 && errors->data[errors->len - 1] != '\n') {
		buffer_append_char(errors, '\n');
	}
}

void reload_apply(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;
	size_t locks = supervisor->store_locks.count;
	struct err err = ERR_INIT;

	if (store_lock_all(supervisor, reload->next, 0, &err) != 0 ||
		reload_prepare(supervisor, &err) < 0) {
		store_lock_undo(&supervisor->store_locks, locks);
		reload_add_error(supervisor, NULL, err.text);
		reload_refuse(supervisor);
		return;
	}
	reload->state = RELOAD_APPLYING;
	reload_commit(supervisor);
	log_notice("the configuration was reloaded", LOG_ID(RELOADED),
		LOG_INT("reload", (int64_t)reload->number),
		LOG_INT("consumers", (int64_t)supervisor->tree.consumer_count));
	notify_ready("configuration reloaded");
	reload_check(supervisor);
	reload_go_on(supervisor);
}

/* ---- load and compare ---- */

static struct consumer *find_consumer(const struct tree *tree, const char *name)
{
	for (size_t i = 0; i < tree->consumer_count; i++) {
		if (strcmp(tree->consumers[i]->config->name, name) == 0) {
			return tree->consumers[i];
		}
	}
	return NULL;
}

static void add_wanted(struct supervisor *supervisor, const struct config_consumer *config)
{
	struct reload *reload = &supervisor->reload;
	struct reload_entry *entry = &reload->entries[reload->entry_count++];

	entry->probe.child = CHILD_INIT;
	entry->name = xstrdup(config->name);
	entry->config = config;
	entry->consumer = find_consumer(&supervisor->tree, config->name);
	entry->is_new = entry->consumer == NULL;
	if (entry->consumer) {
		entry->rule = reload_rule_for(supervisor, entry->consumer, reload->next, config);
	}
}

static void add_gone(struct supervisor *supervisor, struct consumer *consumer)
{
	struct reload *reload = &supervisor->reload;
	struct reload_entry *entry;

	if (config_find_consumer(reload->next, consumer->config->name)) {
		return;
	}
	entry = &reload->entries[reload->entry_count++];
	entry->probe.child = CHILD_INIT;
	entry->name = xstrdup(consumer->config->name);
	entry->consumer = consumer;
	entry->is_gone = true;
}

static void compare(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;
	const struct tree *tree = &supervisor->tree;

	config_diff(supervisor->config, NULL, reload->next, NULL, &reload->changes);
	config_keep(supervisor->config, reload->next);
	reload->entries = xcalloc(
		reload->next->consumer_count + tree->consumer_count + 1, sizeof(*reload->entries));
	for (size_t i = 0; i < reload->next->consumer_count; i++) {
		add_wanted(supervisor, &reload->next->consumers[i]);
	}
	for (size_t i = 0; i < tree->consumer_count; i++) {
		add_gone(supervisor, tree->consumers[i]);
	}
}

int reload_load(const struct supervisor *supervisor, struct config **ret, struct buffer *errors)
{
	_cleanup_(config_errors_fini) struct config_errors found = CONFIG_ERRORS_INIT;
	int r = supervisor->options->load(supervisor->options->config_path, ret, &found);

	if (r < 0) {
		buffer_append(errors, buffer_str(&found.text), found.text.len);
	}
	return r;
}

static int name_instances(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;
	struct err err = ERR_INIT;
	int r;

	tree_init(&reload->names, reload->next, supervisor->options->version);
	r = supervisor_name_instances(supervisor, &reload->names, &err);
	if (r < 0) {
		reload_add_error(supervisor, NULL, err.text);
	}
	return r;
}

/*
 * A shortage shows here or in the middle; what was begun then ends with what is set aside, and is
 * refused: the next allocation might be the one that cannot be done without.
 */
static int find_memory(struct supervisor *supervisor)
{
	int r = reserve_fill();

	if (r < 0) {
		reload_add_error(supervisor, NULL, reload_out_of_memory);
	}
	return r;
}

static int plan(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;
	int r = reload_load(supervisor, &reload->next, &reload->errors);

	if (r < 0) {
		return r;
	}
	compare(supervisor);
	r = name_instances(supervisor);
	if (r == 0 && reserve_is_spent()) {
		reload_add_error(supervisor, NULL, reload_out_of_memory);
		r = -ENOMEM;
	}
	return r;
}

int reload_begin(struct supervisor *supervisor, const char *who, struct err *err)
{
	struct reload *reload = &supervisor->reload;

	if (supervisor->phase != PHASE_RUNNING) {
		return err_set(err, -EAGAIN, "the daemon is %s",
			supervisor->phase < PHASE_RUNNING ? "still starting" : "stopping");
	}
	if (reload->state == RELOAD_MIGRATING || reload->state == RELOAD_PROBING) {
		return err_set(err, -EBUSY, "another reload, by %s, is being checked", reload->who);
	}
	forget_last(reload);
	reload->number++;
	reload->is_asked_again = false;
	reload->started_ms = clock_wall_ms();
	reload->started_us = clock_mono_us();
	reload->ended_us = 0;
	snprintf(reload->who, sizeof(reload->who), "%s", who);
	notify_reloading(reload->started_us);
	log_notice("reloading the configuration", LOG_STR("who", who),
		LOG_STR("path", supervisor->options->config_path));
	if (find_memory(supervisor) < 0 || plan(supervisor) < 0) {
		reload_refuse(supervisor);
	} else {
		reload_begin_checks(supervisor);
	}
	return 0;
}

void reload_signalled(struct supervisor *supervisor)
{
	struct err err = ERR_INIT;
	int r = reload_begin(supervisor, "a signal", &err);

	supervisor->reload.is_asked_again = r < 0 && supervisor->phase <= PHASE_RUNNING;
	if (r < 0) {
		log_notice(supervisor->reload.is_asked_again ? "the configuration is reloaded later"
							     : "the configuration is not reloaded",
			LOG_STR("reason", err.text));
	}
}

void reload_fini(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;

	forget_last(reload);
	buffer_fini(&reload->errors);
	for (size_t i = 0; i < reload->config_count; i++) {
		config_free(reload->configs[i]);
	}
	free(reload->configs);
}
