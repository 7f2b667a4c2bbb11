/*
 * reload_apply - the change of the tree
 *
 * Runs in: supervisor. Slots never move and never go away: what is no longer wanted is retired and
 * keeps its counters, and is wanted again when the configuration says so.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/reserve.h"
#include "supervisor/coroner.h"
#include "supervisor/halt.h"
#include "supervisor/premises.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

static enum config_rule rule_between(const struct config *before,
	const struct config_consumer *consumer_before, const struct config *after,
	const struct config_consumer *consumer_after)
{
	struct config_diff diff;
	enum config_rule rule;

	config_diff(before, consumer_before, after, consumer_after, &diff);
	rule = config_diff_rule(&diff);
	config_diff_fini(&diff);
	return rule;
}

/* Of a worker that runs: it may still have what an earlier reload replaced. */
static enum config_rule rule_for_slot(
	const struct slot *slot, const struct config *next, const struct config_consumer *config)
{
	return rule_between(slot->given_of, slot->given, next, config);
}

enum config_rule reload_rule_for(const struct supervisor *supervisor,
	const struct consumer *consumer, const struct config *next,
	const struct config_consumer *config)
{
	enum config_rule rule = rule_between(supervisor->config, consumer->config, next, config);

	for (size_t i = 0; i < consumer->slot_count; i++) {
		const struct slot *slot = consumer->slots[i];

		if (slot_is_running(slot)) {
			enum config_rule its = rule_for_slot(slot, next, config);

			rule = its > rule ? its : rule;
		}
	}
	return rule;
}

/* ---- what can fail ---- */

static struct consumer *find_retired(const struct tree *tree, const char *name)
{
	for (size_t i = tree->consumer_count; i < tree->consumer_total; i++) {
		if (strcmp(tree->consumers[i]->config->name, name) == 0) {
			return tree->consumers[i];
		}
	}
	return NULL;
}

/* Slots that are not there yet: made, with their pages, and retired until they are wanted. */
static int make_slots(
	struct supervisor *supervisor, struct consumer *consumer, size_t count, struct err *err)
{
	struct restart_policy policy =
		tree_restart_policy(supervisor->reload.next, consumer->config);
	size_t wanted = consumer->slot_count;
	int r;

	consumer_resize(consumer, count > wanted ? count : wanted, &policy);
	consumer_resize(consumer, wanted, &policy);
	r = supervisor_adopt(supervisor, consumer);
	for (size_t i = 0; r == 0 && i < consumer->slot_total; i++) {
		if (!consumer->slots[i]->page) {
			r = slot_open_page(consumer->slots[i], supervisor->config, err);
		}
	}
	return r < 0 && err->text[0] == '\0' ? err_set(err, r, "cannot set up a timer") : r;
}

static void append(struct tree *tree, struct consumer *consumer)
{
	tree->consumers =
		xrealloc(tree->consumers, (tree->consumer_total + 1) * sizeof(*tree->consumers));
	tree->consumers[tree->consumer_total++] = consumer;
}

/* Behind those that are configured, where nobody looks for it by name. */
static int make_consumer(struct supervisor *supervisor, struct reload_entry *entry, struct err *err)
{
	struct reload *reload = &supervisor->reload;
	struct consumer *consumer = find_retired(&supervisor->tree, entry->name);

	if (!consumer) {
		consumer = consumer_new(reload->next, entry->config);
		append(&supervisor->tree, consumer);
		coroner_load(consumer, supervisor->config);
		halt_load(consumer, supervisor->config);
	}
	entry->consumer = consumer;
	return make_slots(supervisor, consumer, entry->config->workers, err);
}

/* What was made for a reload that is refused is of no use, and its configuration goes. */
static void unmake(struct supervisor *supervisor)
{
	struct tree *tree = &supervisor->tree;

	while (tree->consumer_total > tree->consumer_count &&
		tree->consumers[tree->consumer_total - 1]->config_of == supervisor->reload.next) {
		consumer_free(tree->consumers[--tree->consumer_total]);
	}
}

int reload_prepare(struct supervisor *supervisor, struct err *err)
{
	struct reload *reload = &supervisor->reload;
	int r = 0;

	for (size_t i = 0; r == 0 && i < reload->entry_count; i++) {
		struct reload_entry *entry = &reload->entries[i];

		if (entry->config && entry->is_new) {
			r = make_consumer(supervisor, entry, err);
		} else if (entry->config) {
			r = make_slots(supervisor, entry->consumer, entry->config->workers, err);
		}
		if (r < 0) {
			r = err_prefix(err, r, "consumer %s", entry->name);
		}
	}
	if (r == 0 && reserve_is_spent()) {
		r = err_set(err, -ENOMEM, "%s", reload_out_of_memory);
	}
	if (r < 0) {
		unmake(supervisor);
	}
	return r;
}

/* ---- what cannot ---- */

static void touch(struct reload_entry *entry, struct slot *slot)
{
	slot->is_reloading = true;
	entry->touched++;
}

/* Leaves its group: its partitions go to the others at once, and not after a session timeout. */
static void drain(struct supervisor *supervisor, struct slot *slot, bool is_leaving)
{
	slot->wants_restart = false;
	loop_timer_stop(slot->timer);
	if (!slot_is_running(slot)) {
		slot->state = SLOT_STOPPED;
		return;
	}
	if (slot->recycle_deadline_us == 0) {
		slot->recycle_deadline_us = clock_mono_us() + supervisor->config->drain_timeout_us;
	}
	slot_drain(slot, slot->recycle_deadline_us, is_leaving);
}

static void retire_slots(struct supervisor *supervisor, struct reload_entry *entry)
{
	struct consumer *consumer = entry->consumer;

	for (size_t i = consumer->slot_count; i < consumer->slot_total; i++) {
		struct slot *slot = consumer->slots[i];

		slot->is_recycling = slot->is_reloading = false;
		operations_slot_retired(supervisor, slot);
		if (slot_is_running(slot)) {
			touch(entry, slot);
		}
		drain(supervisor, slot, true);
	}
}

/* Its next start has the new configuration; a throttled one need not wait: it may be mended now. */
static void start_now(struct reload_entry *entry, struct slot *slot)
{
	touch(entry, slot);
	restart_reset(&slot->restart);
	slot->state = SLOT_WAITING;
	loop_timer_set(slot->timer, clock_mono_us());
}

static void roll(struct supervisor *supervisor, struct reload_entry *entry, struct slot *slot)
{
	touch(entry, slot);
	if (slot->state == SLOT_STARTING) {
		drain(supervisor, slot, false); /* has nothing to lose, and may never be ready */
	} else if (slot->state == SLOT_READY) {
		slot->wants_restart = true;
	}
}

static void follow_running(
	struct supervisor *supervisor, struct reload_entry *entry, struct slot *slot)
{
	const struct consumer *consumer = entry->consumer;
	enum config_rule rule = rule_for_slot(slot, supervisor->config, consumer->config);

	if (rule == CONFIG_REPLACES) {
		entry->consumer->is_replacing = true;
	} else if (rule == CONFIG_ROLLS) {
		roll(supervisor, entry, slot);
	} else {
		/* It means the same: nothing is to be told to that process. */
		slot->given = consumer->config;
		slot->given_of = consumer->config_of;
	}
	if (slot->state == SLOT_DRAINING && !slot->is_reloading) {
		touch(entry, slot); /* another one follows it */
	}
}

static void follow_slot(
	struct supervisor *supervisor, struct reload_entry *entry, struct slot *slot)
{
	bool is_missing = slot->state == SLOT_STOPPED && !halt_is_released(slot->consumer);

	slot->is_reloading = false;
	if (slot_is_running(slot)) {
		follow_running(supervisor, entry, slot);
	} else if (is_missing || (slot->state == SLOT_WAITING && entry->rule >= CONFIG_ROLLS)) {
		start_now(entry, slot);
	}
}

/* A group whose members differ too much for each other has all of them leave first. */
static void begin_replacing(struct supervisor *supervisor, struct reload_entry *entry)
{
	struct consumer *consumer = entry->consumer;

	for (size_t i = 0; i < consumer->slot_count; i++) {
		drain(supervisor, consumer->slots[i], true);
		if (!consumer->slots[i]->is_reloading && !halt_is_released(consumer)) {
			touch(entry, consumer->slots[i]);
		}
	}
}

static void name_slots(const struct supervisor *supervisor, size_t index, struct consumer *consumer)
{
	const struct consumer *named = supervisor->reload.names.consumers[index];

	for (size_t i = 0; i < consumer->slot_count; i++) {
		memcpy(consumer->slots[i]->instance_id, named->slots[i]->instance_id,
			sizeof(named->slots[i]->instance_id));
	}
}

static void follow(struct supervisor *supervisor, struct reload_entry *entry, size_t index)
{
	struct consumer *consumer = entry->consumer;
	struct restart_policy policy = tree_restart_policy(supervisor->config, entry->config);

	consumer->config = entry->config;
	consumer->config_of = supervisor->config;
	consumer->quarantine.after = entry->config->quarantine_after;
	consumer_resize(consumer, entry->config->workers, &policy);
	name_slots(supervisor, index, consumer);
	for (size_t i = 0; i < consumer->slot_total; i++) {
		restart_set_policy(&consumer->slots[i]->restart, &policy);
	}
	for (size_t i = 0; i < consumer->slot_count; i++) {
		follow_slot(supervisor, entry, consumer->slots[i]);
	}
	retire_slots(supervisor, entry);
	if (consumer->is_replacing) {
		begin_replacing(supervisor, entry);
	}
}

static void retire(struct supervisor *supervisor, struct reload_entry *entry)
{
	struct restart_policy policy =
		tree_restart_policy(supervisor->config, entry->consumer->config);

	entry->consumer->is_replacing = false;
	consumer_resize(entry->consumer, 0, &policy);
	retire_slots(supervisor, entry);
}

static bool is_configured(const struct supervisor *supervisor, const struct consumer *consumer)
{
	return consumer->config_of == supervisor->config;
}

/* In the order of the file; behind them those that are in it no longer. */
static void arrange(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;
	struct tree *tree = &supervisor->tree;
	struct consumer **arranged = xcalloc(tree->consumer_total + 1, sizeof(*arranged));
	size_t count = 0;

	for (size_t i = 0; i < reload->entry_count; i++) {
		if (reload->entries[i].config) {
			arranged[count++] = reload->entries[i].consumer;
		}
	}
	tree->consumer_count = count;
	for (size_t i = 0; i < tree->consumer_total; i++) {
		if (!is_configured(supervisor, tree->consumers[i])) {
			arranged[count++] = tree->consumers[i];
		}
	}
	free(tree->consumers);
	tree->consumers = arranged;
}

static void take_over(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;

	ARRAY_GROW(reload->configs, reload->config_count, reload->config_capacity);
	reload->configs[reload->config_count++] = reload->next;
	supervisor->config = reload->next;
	supervisor->slot_context.config = reload->next;
	premises_tell(supervisor->config, supervisor_has_stable_host(supervisor));
	reload->next = NULL;
	levels_apply(supervisor);
}

void reload_commit(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;

	take_over(supervisor);
	for (size_t i = 0; i < reload->entry_count; i++) {
		struct reload_entry *entry = &reload->entries[i];

		if (entry->config) {
			follow(supervisor, entry, i);
		} else {
			retire(supervisor, entry);
		}
	}
	arrange(supervisor);
	tree_fini(&reload->names);
	levels_tick(supervisor, clock_mono_us());
	recycle_check(supervisor, clock_mono_us());
}
