/*
 * levels - what each part of the program logs
 */
#include "supervisor/levels.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "supervisor/slot.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

static struct log_levels in_use(const struct supervisor *supervisor)
{
	struct log_levels levels = log_levels_all(supervisor->config->log_level);

	for (int i = 0; i < LOG_MODULES; i++) {
		if (supervisor->levels.of[i] != 0) {
			levels.of[i] = supervisor->levels.of[i];
		}
	}
	return levels;
}

void levels_apply(struct supervisor *supervisor)
{
	struct log_levels levels = in_use(supervisor);

	log_set_levels(&levels);
}

static void tell(struct supervisor *supervisor, struct slot *slot)
{
	struct proto_frame frame = { .type = PROTO_LOG_LEVEL, .log_levels = in_use(supervisor) };

	if (slot_is_running(slot) &&
		memcmp(&slot->log_levels, &frame.log_levels, sizeof(frame.log_levels)) != 0 &&
		proto_send(slot->child.channel_fd, &frame) == 0) {
		slot->log_levels = frame.log_levels;
	}
}

void levels_ask(
	struct supervisor *supervisor, enum log_module module, unsigned level, int64_t seconds)
{
	struct levels_asked *asked = &supervisor->levels;
	int64_t now_us = clock_mono_us();

	for (int i = 0; i < LOG_MODULES; i++) {
		if (module == LOG_MODULES || (int)module == i) {
			asked->of[i] = (uint8_t)level;
			asked->until_us[i] =
				level != 0 && seconds > 0 ? now_us + seconds * 1000000 : 0;
		}
	}
	levels_apply(supervisor);
	levels_tick(supervisor, now_us);
}

void levels_tick(struct supervisor *supervisor, int64_t now_us)
{
	struct levels_asked *asked = &supervisor->levels;

	for (int i = 0; i < LOG_MODULES; i++) {
		if (asked->until_us[i] != 0 && now_us >= asked->until_us[i]) {
			asked->of[i] = 0;
			asked->until_us[i] = 0;
			levels_apply(supervisor);
		}
	}
	supervisor_each_slot(supervisor, tell);
}

json_t *levels_json(const struct supervisor *supervisor)
{
	struct log_levels levels = in_use(supervisor);
	json_t *modules = json_array();
	int64_t now_us = clock_mono_us();

	for (int i = 0; i < LOG_MODULES; i++) {
		int64_t left_us = supervisor->levels.until_us[i] - now_us;
		json_t *module =
			json_pack("{s:s, s:s, s:b}", "module", log_module_name((enum log_module)i),
				"level", log_level_name((enum log_level)levels.of[i]), "is_asked",
				supervisor->levels.of[i] != 0);

		if (supervisor->levels.until_us[i] != 0) {
			(void)json_object_set_new(module, "seconds_left",
				json_integer(left_us > 0 ? left_us / 1000000 : 0));
		}
		(void)json_array_append_new(modules, module);
	}
	return json_pack("{s:s, s:o}", "configured", log_level_name(supervisor->config->log_level),
		"modules", modules);
}
