#include "config/deployment.h"

#include <string.h>

#include "base/buffer.h"
#include "config/value.h"

#define SECOND_US ((int64_t)1000000)

/* After the drain: clients close, the last commits are answered. */
#define CLOSE_US (5 * SECOND_US)
/* A service manager's pause, a store that does not answer (5 s), the join. */
#define RESTART_US (10 * SECOND_US)
/* Half of the library's default of three heartbeats in a session is too few on a busy host. */
enum { HEARTBEATS_PER_SESSION = 3 };

/* Defaults of onced and of librdkafka, where [kafka] says nothing. */
#define SESSION_STATIC_US (45 * SECOND_US)
#define SESSION_DYNAMIC_US (10 * SECOND_US)
#define HEARTBEAT_US SECOND_US
#define MAX_POLL_US (300 * SECOND_US)

/*
 * Descriptors of a worker: those it is given, three clients with a few brokers each, a session of
 * the store for each lane and for ledger, clerk and sweeper, pipes to a command of each lane.
 */
enum { FILES_BASE = 128, FILES_PER_LANE = 6, LANES_ELSEWHERE = 16 };
/* Of the supervisor: what the control sockets take, and what each worker has open there. */
enum { FILES_SUPERVISOR = 192, FILES_PER_WORKER = 8 };

struct judging {
	const struct config *config;
	const struct config_consumer *consumer; /* NULL: the rule is about all of it */
	const struct deployment *where;
	struct findings *findings;
};

/* A time as a word; a few at once. */
struct words {
	struct buffer text[3];
};

#define WORDS_INIT ((struct words){ { BUFFER_INIT, BUFFER_INIT, BUFFER_INIT } })

static void words_fini(struct words *words)
{
	for (size_t i = 0; i < 3; i++) {
		buffer_fini(&words->text[i]);
	}
}

static const char *word(struct words *words, size_t i, int64_t us)
{
	buffer_clear(&words->text[i]);
	value_write_duration(&words->text[i], us);
	return buffer_str(&words->text[i]);
}

static int64_t kafka_us(const struct config *config, const char *name, int64_t default_us)
{
	const char *text = config_pairs_get(&config->kafka, name);
	int64_t ms;

	if (!text || value_parse_integer(text, &ms) < 0 || ms > INT32_MAX) {
		return default_us;
	}
	return ms * 1000;
}

bool deployment_is_static(const struct config_consumer *consumer, const struct deployment *where)
{
	if (consumer->groups || strcmp(consumer->instance_id, "off") == 0) {
		return false;
	}
	if (strcmp(consumer->instance_id, "auto") != 0) {
		return true;
	}
	return where->has_stable_host && !config_consumer_is_assigned_by_brokers(consumer);
}

int64_t deployment_session_us(const struct config *config, const struct config_consumer *consumer,
	const struct deployment *where)
{
	if (config_consumer_is_assigned_by_brokers(consumer)) {
		return SESSION_STATIC_US;
	}
	return kafka_us(config, "session.timeout.ms",
		deployment_is_static(consumer, where) ? SESSION_STATIC_US : SESSION_DYNAMIC_US);
}

static int64_t session_us_of(const struct judging *judging)
{
	return deployment_session_us(judging->config, judging->consumer, judging->where);
}

static int64_t longest_call_us(const struct config_consumer *consumer)
{
	int64_t us = consumer->handler ? consumer->handler->timeout_us : 0;

	for (size_t i = 0; i < consumer->route_count; i++) {
		const struct config_handler *handler = consumer->routes[i].handler;

		us = handler && handler->timeout_us > us ? handler->timeout_us : us;
	}
	return us;
}

/* Of retries that wait in topics: each once. */
static int64_t tiers_us(const struct config_tiers *tiers, int64_t call_us)
{
	int64_t sum_us = call_us;

	for (size_t i = 0; i < tiers->count; i++) {
		sum_us += tiers->items[i].delay_us + call_us;
	}
	return sum_us;
}

int64_t deployment_retry_us(const struct config_consumer *consumer)
{
	const struct config_retry *retry = consumer->retry;
	double pause_us = (double)retry->delay_us, sum_us = 0;
	int64_t call_us = longest_call_us(consumer), limit_us;

	if (consumer->tiers.count > 0) {
		return tiers_us(&consumer->tiers, call_us);
	}
	limit_us = retry->deadline_us ? retry->deadline_us + call_us : 0;
	if (retry->attempts == 0) {
		return limit_us;
	}
	for (unsigned i = 1; i < retry->attempts; i++) {
		sum_us += pause_us < (double)retry->delay_max_us ? pause_us
								 : (double)retry->delay_max_us;
		pause_us *= retry->factor;
		if (limit_us && sum_us > (double)limit_us) {
			return limit_us;
		}
	}
	sum_us += (double)call_us * retry->attempts;
	return limit_us && sum_us > (double)limit_us ? limit_us : (int64_t)sum_us;
}

/* ---- about all of it ---- */

static void judge_stop(const struct judging *judging)
{
	const struct config *config = judging->config;
	_cleanup_(words_fini) struct words words = WORDS_INIT;

	if (config->stop_timeout_us == 0 ||
		config->stop_timeout_us >= config->drain_timeout_us + CLOSE_US) {
		return;
	}
	findings_add(judging->findings, FINDING_WARNING,
		"lower drain.timeout, or raise TimeoutStopSec (terminationGracePeriodSeconds) and "
		"stop.timeout with it",
		"stop.timeout (%s) leaves no time for drain.timeout (%s) and %s to close: the "
		"service manager would kill workers in the middle of their work",
		word(&words, 0, config->stop_timeout_us), word(&words, 1, config->drain_timeout_us),
		word(&words, 2, CLOSE_US));
}

static unsigned worker_count(const struct config *config)
{
	unsigned count = 0;

	for (size_t i = 0; i < config->consumer_count; i++) {
		count += config->consumers[i].workers;
	}
	return count;
}

static void judge_supervisor_files(const struct judging *judging)
{
	int64_t needed =
		FILES_SUPERVISOR + (int64_t)FILES_PER_WORKER * worker_count(judging->config);

	if (judging->where->files_max > 0 && judging->where->files_max < needed) {
		findings_add(judging->findings, FINDING_WARNING,
			"raise LimitNOFILE of the unit (ulimit -n)",
			"a process may open %lld files, and the supervisor of %u workers may need "
			"%lld",
			(long long)judging->where->files_max, worker_count(judging->config),
			(long long)needed);
	}
}

/* ---- about a consumer ---- */

/* A member that is back within its session gets its partitions back without a word to others. */
static void judge_restart(const struct judging *judging)
{
	bool is_static = deployment_is_static(judging->consumer, judging->where);
	int64_t session_us = session_us_of(judging);
	_cleanup_(words_fini) struct words words = WORDS_INIT;

	if (is_static && session_us < RESTART_US) {
		findings_add(judging->findings, FINDING_WARNING,
			"raise session.timeout.ms in [kafka], or set instance.id = off",
			"the session timeout (%s) is shorter than a restart may take (%s): the "
			"partitions of a static member would move meanwhile, and back",
			word(&words, 0, session_us), word(&words, 1, RESTART_US));
	}
}

/* The brokers keep the name of a member that died without a word, and let nobody else have it. */
static void judge_name(const struct judging *judging)
{
	if (config_consumer_is_assigned_by_brokers(judging->consumer) &&
		deployment_is_static(judging->consumer, judging->where)) {
		findings_add(judging->findings, FINDING_WARNING,
			"set instance.id = off, or leave it out",
			"with assignment = consumer a killed worker with an instance.id cannot "
			"come "
			"back before its group's consumer.session.timeout.ms is over");
	}
}

static void judge_heartbeat(const struct judging *judging)
{
	int64_t session_us = session_us_of(judging);
	int64_t heartbeat_us = kafka_us(judging->config, "heartbeat.interval.ms", HEARTBEAT_US);
	_cleanup_(words_fini) struct words words = WORDS_INIT;

	if (heartbeat_us * HEARTBEATS_PER_SESSION > session_us) {
		findings_add(judging->findings, FINDING_WARNING,
			"lower heartbeat.interval.ms in [kafka] to a third of session.timeout.ms, "
			"or less",
			"heartbeat.interval.ms (%s) is more than a third of the session timeout "
			"(%s): one lost heartbeat may cost a worker its partitions",
			word(&words, 0, heartbeat_us), word(&words, 1, session_us));
	}
}

static void judge_max_poll(const struct judging *judging)
{
	int64_t session_us = session_us_of(judging);
	int64_t poll_us = kafka_us(judging->config, "max.poll.interval.ms", MAX_POLL_US);
	_cleanup_(words_fini) struct words words = WORDS_INIT;

	if (poll_us < session_us && !config_consumer_is_assigned_by_brokers(judging->consumer)) {
		findings_add(judging->findings, FINDING_ERROR,
			"raise max.poll.interval.ms in [kafka], or leave it out",
			"max.poll.interval.ms (%s) is shorter than the session timeout (%s): the "
			"Kafka library refuses that",
			word(&words, 0, poll_us), word(&words, 1, session_us));
		return;
	}
	if (poll_us < judging->consumer->revoke_timeout_us + CLOSE_US) {
		findings_add(judging->findings, FINDING_WARNING,
			"raise max.poll.interval.ms in [kafka], or lower revoke.timeout",
			"max.poll.interval.ms (%s) is shorter than revoke.timeout (%s) and %s to "
			"commit: a worker that gives up partitions would be thrown out of its "
			"group",
			word(&words, 0, poll_us),
			word(&words, 1, judging->consumer->revoke_timeout_us),
			word(&words, 2, CLOSE_US));
	}
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (size_t i = 0; words[i]; i++) {
		if (strcmp(word, words[i]) == 0) {
			return true;
		}
	}
	return false;
}

static const struct config_handler *handler_at(const struct config_consumer *consumer, size_t i)
{
	if (i == 0) {
		return consumer->handler;
	}
	return i - 1 < consumer->route_count ? consumer->routes[i - 1].handler : NULL;
}

static bool has_scheme(const struct judging *judging, const char *scheme)
{
	const char *store = config_store_of(judging->config, judging->consumer);

	return store && strncmp(store, scheme, strlen(scheme)) == 0;
}

/* Events of it belong to their worker for a time, by a row of the store. */
static bool has_leases(const struct judging *judging)
{
	static const char *const elsewhere[] = { "exec", "forward", "http", "plugin", NULL };

	if (has_scheme(judging, "none:") || has_scheme(judging, "memory:")) {
		return false;
	}
	for (size_t i = 0; i <= judging->consumer->route_count; i++) {
		const struct config_handler *handler = handler_at(judging->consumer, i);

		if (handler && is_one_of(handler->type, elsewhere)) {
			return true;
		}
	}
	return has_scheme(judging, "redis");
}

/* It is renewed when a third of it has passed; an answer of the store may take this long. */
static void judge_lease(const struct judging *judging)
{
	int64_t lease_us = judging->consumer->claim_lease_us;
	int64_t lock_us = judging->config->store_lock_timeout_us;
	_cleanup_(words_fini) struct words words = WORDS_INIT;

	if (has_leases(judging) && lease_us - lease_us / 3 <= lock_us) {
		findings_add(judging->findings, FINDING_WARNING,
			"raise claim.lease, or lower store.lock.timeout",
			"claim.lease (%s) may run out while its renewal waits for the store "
			"(store.lock.timeout, %s): another worker would take the event over while "
			"its handler still runs",
			word(&words, 0, lease_us), word(&words, 1, lock_us));
	}
}

/* While a plugin computes, its transaction is idle. */
static void judge_idle(const struct judging *judging)
{
	int64_t idle_us = judging->config->store_idle_timeout_us;
	_cleanup_(words_fini) struct words words = WORDS_INIT;

	for (size_t i = 0; has_scheme(judging, "postgres") && i <= judging->consumer->route_count;
		i++) {
		const struct config_handler *handler = handler_at(judging->consumer, i);

		if (handler && strcmp(handler->type, "plugin") == 0 &&
			handler->timeout_us > idle_us) {
			findings_add(judging->findings, FINDING_WARNING,
				"raise store.idle.timeout above the handler's timeout",
				"handler %s may compute for %s, and the database ends its "
				"transaction after %s without a statement (store.idle.timeout)",
				handler->name, word(&words, 0, handler->timeout_us),
				word(&words, 1, idle_us));
		}
	}
}

static void judge_statement(const struct judging *judging)
{
	int64_t statement_us = judging->config->store_statement_timeout_us;
	int64_t drain_us = judging->config->drain_timeout_us;
	_cleanup_(words_fini) struct words words = WORDS_INIT;

	if (statement_us >= drain_us) {
		findings_add(judging->findings, FINDING_WARNING,
			"lower store.statement.timeout below drain.timeout",
			"a statement may run for %s (store.statement.timeout), longer than a stop "
			"waits (drain.timeout, %s): it would be cut off",
			word(&words, 0, statement_us), word(&words, 1, drain_us));
	}
}

static void judge_worker_files(const struct judging *judging)
{
	const struct config_consumer *consumer = judging->consumer;
	unsigned lanes = consumer->lanes ? consumer->lanes : LANES_ELSEWHERE;
	int64_t needed = FILES_BASE + (int64_t)FILES_PER_LANE * lanes;

	if (judging->where->files_max > 0 && judging->where->files_max < needed) {
		findings_add(judging->findings, FINDING_WARNING,
			"raise LimitNOFILE of the unit (ulimit -n), or lower lanes",
			"a process may open %lld files, and a worker with %u lanes may need %lld",
			(long long)judging->where->files_max, lanes, (long long)needed);
	}
}

/* Several onceds at once: what of this can only one of them have? */
static void judge_replicas(const struct judging *judging)
{
	const struct config_consumer *consumer = judging->consumer;
	const char *id = consumer->instance_id;
	unsigned replicas = judging->config->replicas;

	if (replicas < 2) {
		return;
	}
	if (has_scheme(judging, "sqlite:") || has_scheme(judging, "memory:")) {
		findings_add(judging->findings, FINDING_ERROR,
			"use postgresql:// or redis://, or replicas = 1",
			"%u replicas cannot share a store of one host: each would remember its own "
			"part alone",
			replicas);
	}
	if (consumer->groups) {
		findings_add(judging->findings, FINDING_ERROR,
			"leave partitions out, or give each replica a file of its own with its own "
			"lists",
			"%u replicas would all read the partitions that are listed here", replicas);
		return;
	}
	if (strcmp(id, "auto") != 0 && strcmp(id, "off") != 0 && !strstr(id, "%H")) {
		findings_add(judging->findings, FINDING_ERROR,
			"use %H, the host's name, in instance.id",
			"instance.id is the same on all %u replicas: they would throw each other "
			"out of the group",
			replicas);
	}
}

/* ---- the table ---- */

static const struct rule {
	void (*judge)(const struct judging *judging);
	bool is_of_consumer;
} rules[] = {
	{ judge_stop, false },
	{ judge_supervisor_files, false },
	{ judge_replicas, true },
	{ judge_restart, true },
	{ judge_name, true },
	{ judge_heartbeat, true },
	{ judge_max_poll, true },
	{ judge_lease, true },
	{ judge_idle, true },
	{ judge_statement, true },
	{ judge_worker_files, true },
};

static void judge_rules(const struct judging *judging)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].is_of_consumer == (judging->consumer != NULL)) {
			rules[i].judge(judging);
		}
	}
}

static void judge_consumer(
	struct judging *judging, const struct config_consumer *consumer, struct buffer *subject)
{
	buffer_clear(subject);
	buffer_printf(subject, "consumer %s", consumer->name);
	judging->consumer = consumer;
	judging->findings->subject = buffer_str(subject);
	judge_rules(judging);
}

void deployment_judge(
	const struct config *config, const struct deployment *where, struct findings *findings)
{
	struct judging judging = { .config = config, .where = where, .findings = findings };
	_cleanup_(buffer_fini) struct buffer subject = BUFFER_INIT;

	findings->subject = "";
	judge_rules(&judging);
	for (size_t i = 0; i < config->consumer_count; i++) {
		judge_consumer(&judging, &config->consumers[i], &subject);
	}
	findings->subject = "";
}

void deployment_judge_partitions(const struct config *config,
	const struct config_consumer *consumer, unsigned partitions, struct findings *findings)
{
	uint64_t workers = (uint64_t)config->replicas * consumer->workers;

	if (workers <= partitions || consumer->groups) {
		return;
	}
	findings_add(findings, FINDING_WARNING,
		"lower workers or replicas, or add partitions (which moves keys to other ones)",
		"%llu workers (%u replicas of %u) share %u partitions: %llu of them will never "
		"have anything to do",
		(unsigned long long)workers, config->replicas, consumer->workers, partitions,
		(unsigned long long)(workers - partitions));
}
