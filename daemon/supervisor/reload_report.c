/*
 * reload_report - what is told about a reload
 *
 * Runs in: supervisor. Values of secrets are masked before they come here.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "supervisor/state.h"
#include "supervisor/status.h"

#include "supervisor/poison.h"

static const char *const state_names[RELOAD_STATES] = {
	[RELOAD_NONE] = "none",
	[RELOAD_MIGRATING] = "checking",
	[RELOAD_PROBING] = "checking",
	[RELOAD_APPLYING] = "applying",
	[RELOAD_DONE] = "done",
	[RELOAD_REFUSED] = "refused",
};

static void set(json_t *object, const char *key, json_t *take_value)
{
	(void)json_object_set_new(object, key, take_value);
}

static json_t *text_or_null(const char *text)
{
	return text ? status_text(text) : json_null();
}

static json_t *change_json(const struct config_change *change)
{
	json_t *object = json_object();

	set(object, "section", status_text(change->section));
	set(object, "key", status_text(change->key));
	set(object, "running", text_or_null(change->before));
	set(object, "file", text_or_null(change->after));
	set(object, "origin", text_or_null(change->origin));
	set(object, "rule", json_string(config_rule_names[change->rule]));
	return object;
}

static json_t *changes_json(const struct config_diff *diff)
{
	json_t *array = json_array();

	for (size_t i = 0; i < diff->count; i++) {
		(void)json_array_append_new(array, change_json(&diff->items[i]));
	}
	return array;
}

/* Each line of the text. */
static json_t *lines_json(const struct buffer *text)
{
	json_t *array = json_array();
	const char *at = buffer_str(text);

	while (*at) {
		size_t length = strcspn(at, "\n");
		_cleanup_(buffer_fini) struct buffer line = BUFFER_INIT;

		buffer_append(&line, at, length);
		(void)json_array_append_new(array, status_text(buffer_str(&line)));
		at += length + (at[length] == '\n');
	}
	return array;
}

static const char *action_of(const struct reload_entry *entry)
{
	static const char *const actions[CONFIG_RULES] = {
		[CONFIG_UNCHANGED] = "unchanged",
		[CONFIG_LIVE] = "unchanged",
		[CONFIG_SLOTS] = "resized",
		[CONFIG_ROLLS] = "rolled",
		[CONFIG_REPLACES] = "replaced",
		[CONFIG_NEEDS_RESTART] = "unchanged",
	};

	if (entry->is_new) {
		return "started";
	}
	return entry->is_gone ? "drained" : actions[entry->rule];
}

static unsigned count_waiting(const struct consumer *consumer)
{
	unsigned count = 0;

	for (size_t i = 0; consumer && i < consumer->slot_total; i++) {
		count += consumer->slots[i]->is_reloading;
	}
	return count;
}

static json_t *entry_json(const struct reload *reload, const struct reload_entry *entry)
{
	json_t *object = json_object();
	unsigned waiting = reload->state == RELOAD_APPLYING ? count_waiting(entry->consumer) : 0;

	waiting = waiting < entry->touched ? waiting : entry->touched;
	set(object, "name", status_text(entry->name));
	set(object, "action",
		json_string(reload->state == RELOAD_REFUSED ? "unchanged" : action_of(entry)));
	set(object, "workers", json_integer(entry->touched));
	set(object, "done", json_integer(entry->touched - waiting));
	set(object, "warning", status_text(entry->warning));
	return object;
}

static json_t *restart_json(const struct config_diff *diff)
{
	json_t *array = json_array();

	for (size_t i = 0; i < diff->count; i++) {
		if (diff->items[i].rule == CONFIG_NEEDS_RESTART) {
			(void)json_array_append_new(array, status_text(diff->items[i].key));
		}
	}
	return array;
}

json_t *reload_json(const struct supervisor *supervisor)
{
	const struct reload *reload = &supervisor->reload;
	int64_t until_us = reload->ended_us > 0 ? reload->ended_us : clock_mono_us();
	json_t *object = json_object(), *consumers = json_array();

	for (size_t i = 0; i < reload->entry_count; i++) {
		(void)json_array_append_new(consumers, entry_json(reload, &reload->entries[i]));
	}
	set(object, "reload", json_integer((json_int_t)reload->number));
	set(object, "state", json_string(state_names[reload->state]));
	set(object, "who", status_text(reload->who));
	set(object, "path", status_text(supervisor->options->config_path));
	set(object, "started_ms", json_integer(reload->started_ms));
	set(object, "seconds",
		json_real(reload->number > 0 ? (double)(until_us - reload->started_us) / 1e6 : 0));
	set(object, "errors", lines_json(&reload->errors));
	set(object, "changes", changes_json(&reload->changes));
	set(object, "needs_restart", restart_json(&reload->changes));
	set(object, "consumers", consumers);
	return object;
}

json_t *reload_preview_json(const struct supervisor *supervisor)
{
	_cleanup_(buffer_fini) struct buffer errors = BUFFER_INIT;
	_cleanup_(config_freep) struct config *file = NULL;
	struct config_diff diff = { 0 };
	json_t *object = json_object();

	if (reload_load(supervisor, &file, &errors) == 0) {
		config_diff(supervisor->config, NULL, file, NULL, &diff);
	}
	set(object, "path", status_text(supervisor->options->config_path));
	set(object, "errors", lines_json(&errors));
	set(object, "changes", changes_json(&diff));
	config_diff_fini(&diff);
	return object;
}
