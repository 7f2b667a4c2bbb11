/*
 * premises - say at start whether times and numbers fit where this runs
 *
 * Runs in: supervisor. `oncectl doctor` shows the same before the start, and more.
 */
#include "supervisor/premises.h"

#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "config/deployment.h"
#include "config/value.h"

#include "supervisor/poison.h"

static int64_t files_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY) {
		return 0;
	}
	return (int64_t)limit.rlim_cur;
}

static void tell_consumer(const struct config *config, const struct config_consumer *consumer,
	const struct deployment *where)
{
	bool is_static = deployment_is_static(consumer, where);
	_cleanup_(buffer_fini) struct buffer drain = BUFFER_INIT, stop = BUFFER_INIT,
					     session = BUFFER_INIT;

	value_write_duration(&drain, config->drain_timeout_us);
	value_write_duration(&session, deployment_session_us(config, consumer, where));
	if (config->stop_timeout_us) {
		value_write_duration(&stop, config->stop_timeout_us);
	}
	log_info("deployment", LOG_STR("consumer", consumer->name),
		LOG_INT("replicas", config->replicas), LOG_INT("workers", consumer->workers),
		LOG_STR("members", is_static ? "static" : "dynamic"),
		LOG_STR("session_timeout", buffer_str(&session)),
		LOG_STR("drain_timeout", buffer_str(&drain)),
		LOG_STR("stop_timeout", stop.len ? buffer_str(&stop) : NULL));
}

void premises_tell(const struct config *config, bool has_stable_host)
{
	const struct deployment where = { .has_stable_host = has_stable_host,
		.files_max = files_max() };
	_cleanup_(findings_fini) struct findings findings = FINDINGS_INIT;

	for (size_t i = 0; i < config->consumer_count; i++) {
		tell_consumer(config, &config->consumers[i], &where);
	}
	deployment_judge(config, &where, &findings);
	for (size_t i = 0; i < findings.count; i++) {
		const struct finding *finding = &findings.items[i];

		log_warning("the deployment does not fit",
			LOG_STR("where", finding->subject[0] ? finding->subject : NULL),
			LOG_STR("what", finding->text), LOG_STR("change", finding->remedy));
	}
}
