/*
 * check - what several keys say together
 */
#include "config/check.h"

#include <string.h>

#include "config/check_consumer.h"
#include "config/check_loops.h"
#include "config/check_tiers.h"
#include "config/value.h"

static void check_kafka(const struct checking *checking)
{
	const struct config *config = checking->config;
	const char *servers = config_pairs_get(&config->kafka, "bootstrap.servers");

	if (check_is_good(checking, SECTION_KAFKA, "", "bootstrap.servers") &&
		(!servers || !servers[0])) {
		problems_add(checking->problems,
			check_place(checking, SECTION_KAFKA, "", "bootstrap.servers"),
			"[kafka] bootstrap.servers is missing");
	}
}

/* A handler that may run longer than the drain would be cut off at every stop.
 */
static void check_handler_timeout(
	const struct checking *checking, const struct config_handler *handler)
{
	const struct config *config = checking->config;
	const struct place *place =
		check_place(checking, SECTION_HANDLER, handler->name, "timeout");
	struct buffer times = BUFFER_INIT;

	if (handler->timeout_us < config->drain_timeout_us ||
		!check_is_good(checking, SECTION_HANDLER, handler->name, "timeout") ||
		!check_is_good(checking, SECTION_ONCED, "", "drain.timeout")) {
		return;
	}
	if (!check_is_given(checking, SECTION_HANDLER, handler->name, "timeout")) {
		place = check_place(checking, SECTION_ONCED, "", "drain.timeout");
	}
	buffer_append_str(&times, "timeout (");
	value_write_duration(&times, handler->timeout_us);
	buffer_append_str(&times, ") must be shorter than drain.timeout of [onced] (");
	value_write_duration(&times, config->drain_timeout_us);
	buffer_append_str(&times, ")");
	problems_add(
		checking->problems, place, "[handler %s] %s", handler->name, buffer_str(&times));
	buffer_fini(&times);
}

static const char *find_common(const struct config_strings *a, const struct config_strings *b)
{
	for (size_t i = 0; i < a->count; i++) {
		for (size_t j = 0; j < b->count; j++) {
			if (strcmp(a->items[i], b->items[j]) == 0) {
				return a->items[i];
			}
		}
	}
	return NULL;
}

/* One SQLSTATE, two verdicts. */
static void check_verdicts(const struct checking *checking, const struct config_handler *handler)
{
	const struct {
		const char *key;
		const struct config_strings *patterns;
	} lists[] = {
		{ "retry.on", &handler->retry_on },
		{ "reject.on", &handler->reject_on },
		{ "hold.on", &handler->hold_on },
	};

	for (size_t i = 0; i < 3; i++) {
		for (size_t j = i + 1; j < 3; j++) {
			const char *common = find_common(lists[i].patterns, lists[j].patterns);

			if (common) {
				problems_add(checking->problems,
					check_place(checking, SECTION_HANDLER, handler->name,
						lists[j].key),
					"[handler %s] %s is in both %s and %s", handler->name,
					common, lists[i].key, lists[j].key);
			}
		}
	}
}

static void check_retry(const struct checking *checking, const struct config_retry *retry)
{
	static const char *const keys[] = { "delay", "delay.max", "deadline" };
	const char *blank = retry->name[0] ? " " : "";

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!check_is_good(checking, SECTION_RETRY, retry->name, keys[i])) {
			return;
		}
	}
	if (retry->delay_us > retry->delay_max_us) {
		problems_add(checking->problems,
			check_place(checking, SECTION_RETRY, retry->name, "delay"),
			"[retry%s%s] delay must not be longer than delay.max", blank, retry->name);
	}
	if (retry->deadline_us > 0 && retry->deadline_us < retry->delay_us) {
		problems_add(checking->problems,
			check_place(checking, SECTION_RETRY, retry->name, "deadline"),
			"[retry%s%s] deadline must not be shorter than delay: there would be no "
			"second attempt",
			blank, retry->name);
	}
}

void check(struct config *config, struct problems *problems)
{
	const struct checking checking = { config, problems };

	check_kafka(&checking);
	for (size_t i = 0; i < config->handler_count; i++) {
		check_handler_timeout(&checking, &config->handlers[i]);
		check_verdicts(&checking, &config->handlers[i]);
	}
	for (size_t i = 0; i < config->retry_count; i++) {
		check_retry(&checking, &config->retries[i]);
	}
	for (size_t i = 0; i < config->consumer_count; i++) {
		check_consumer(&checking, &config->consumers[i]);
		check_tiers(&checking, &config->consumers[i]);
		for (size_t j = 0; j < i; j++) {
			check_consumer_pair(
				&checking, &config->consumers[j], &config->consumers[i]);
			check_tiers_pair(&checking, &config->consumers[j], &config->consumers[i]);
		}
	}
	check_loops(&checking);
	/* A header with a mistake has been told already. */
	if (config->consumer_count == 0 && problems->count == 0) {
		problems_add(problems, &config->memory->place,
			"there is no [consumer NAME]: nothing to do");
	}
}
