/*
 * role_supervisor - `onced -c FILE`
 *
 * Runs in: supervisor.
 */
#include <unistd.h>

#include "base/log.h"
#include "load.h"
#include "roles.h"
#include "supervisor/supervisor.h"

int role_supervisor(const struct args *args)
{
	_cleanup_(config_freep) struct config *config = NULL;
	int r = load_config(args->config_path, &config);

	if (r > 0) {
		return r;
	}
	log_init(STDERR_FILENO, config->log_format, config->log_level, "supervisor", NULL, -1);
	log_notice("starting", LOG_ID(STARTING), LOG_STR("version", ONCED_VERSION),
		LOG_STR("config", args->config_path),
		LOG_INT("consumers", (int64_t)config->consumer_count));
	return supervisor_run(&(struct supervisor_options){
		.config = config,
		.config_path = args->config_path,
		.load = load_again,
		.exe = "/proc/self/exe", /* also after an upgrade replaced the file */
		.version = ONCED_VERSION,
	});
}
