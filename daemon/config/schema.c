/*
 * schema - every key of the configuration, once
 */
#include "config/schema.h"

#include <limits.h>
#include <string.h>

#define MS 1000LL
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KIB 1024LL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* `rule_`: how a reload applies it. */
#define KEY(section_, type_, field, rule_)                                                         \
	.section = (section_), .offset = offsetof(struct type_, field), .rule = (rule_)
#define ONCED(field, rule) KEY(SECTION_ONCED, config, field, rule)
#define CONSUMER(field) KEY(SECTION_CONSUMER, config_consumer, field, CONFIG_ROLLS)
/*
 * Members that differ in it cannot share a group, or would share a partition; and a static member
 * that comes back with other topics moves no partition.
 */
#define MEMBER(field) KEY(SECTION_CONSUMER, config_consumer, field, CONFIG_REPLACES)
#define HANDLER(field) KEY(SECTION_HANDLER, config_handler, field, CONFIG_ROLLS)
#define RETRY(field) KEY(SECTION_RETRY, config_retry, field, CONFIG_ROLLS)

/* A word's number is its place plus the row's `min`. */
_Static_assert(LOG_FORMAT_AUTO == 0 && LOG_FORMAT_JOURNAL == 4, "words of log.format");
_Static_assert(LOG_LEVEL_ERROR == 3 && LOG_LEVEL_DEBUG == 7, "words of log.level");
_Static_assert(ORDERING_NONE == 2 && ASSIGNMENT_CONSUMER == 2, "words of ordering, assignment");
_Static_assert(OFFSET_INITIAL_LATEST == 1 && OFFSET_LOST_LATEST == 2, "words of offset.*");
_Static_assert(DLQ_HEADERS_PLAIN == 1 && DLQ_OVERSIZED_HEADERS_ONLY == 1, "words of dlq.*");
_Static_assert(EVENT_DIGEST_OFF == 2, "words of event.digest");
_Static_assert(EVENT_MISSING_NONE == 2 && TOMBSTONE_SKIP == 1, "words of event.missing, tombstone");
_Static_assert(JITTER_NONE == 1, "words of jitter");

const struct schema_key schema_keys[] = {
	/* ---- [onced] ---- */
	{ ONCED(store, CONFIG_ROLLS), .name = "store", .type = SCHEMA_STORE_URL,
		.flags = SCHEMA_REQUIRED, .max = 4096,
		.help = "Where applied events are remembered: postgresql://HOST/DATABASE, "
			"sqlite:/PATH, redis://HOST/DB (leases: events may repeat), memory: (for "
			"development), or none: (nothing is remembered, events may repeat after a "
			"crash)." },
	{ ONCED(store_user, CONFIG_ROLLS), .name = "store.user", .type = SCHEMA_STRING, .max = 255,
		.help = "User of the store's database, instead of one in the URL." },
	{ ONCED(store_password, CONFIG_ROLLS), .name = "store.password", .type = SCHEMA_STRING,
		.max = 4096, .flags = SCHEMA_SECRET,
		.help = "Its password, best as @/path/to/file or @cred:NAME." },
	{ ONCED(store_sentinel_user, CONFIG_ROLLS), .name = "store.sentinel.user",
		.type = SCHEMA_STRING, .max = 255,
		.help = "User at the Sentinels of redis+sentinel://, where they want one." },
	{ ONCED(store_sentinel_password, CONFIG_ROLLS), .name = "store.sentinel.password",
		.type = SCHEMA_STRING, .max = 4096, .flags = SCHEMA_SECRET,
		.help = "Password at the Sentinels." },
	{ ONCED(store_migrate, CONFIG_LIVE), .name = "store.migrate", .type = SCHEMA_BOOL,
		.default_text = "no",
		.help = "Bring the store's tables to this version at start. `oncectl migrate` does "
			"the same by hand." },
	{ ONCED(store_statement_timeout_us, CONFIG_ROLLS), .name = "store.statement.timeout",
		.type = SCHEMA_DURATION, .default_text = "0", .min = 0, .max = DAY,
		.help = "Longest run of one statement of a transaction; 0 takes the handler's "
			"timeout." },
	{ ONCED(store_lock_timeout_us, CONFIG_ROLLS), .name = "store.lock.timeout",
		.type = SCHEMA_DURATION, .default_text = "5s", .min = MS, .max = HOUR,
		.help = "Longest wait for a lock in the store; the batch is then redone, "
			"smaller. For an answer of Redis; the connection is then made anew." },
	{ ONCED(store_idle_timeout_us, CONFIG_ROLLS), .name = "store.idle.timeout",
		.type = SCHEMA_DURATION, .default_text = "10s", .min = 100 * MS, .max = HOUR,
		.help = "The database ends a transaction that its worker left idle this long (a "
			"worker that was stopped holds up its successor until then)." },
	{ ONCED(store_reconnect_max_us, CONFIG_ROLLS), .name = "store.reconnect.max",
		.type = SCHEMA_DURATION, .default_text = "1s", .min = 10 * MS, .max = 10 * MINUTE,
		.help = "Longest pause between two attempts to reach a store that is down." },
	{ ONCED(store_prepare, CONFIG_ROLLS), .name = "store.prepare", .type = SCHEMA_ENUM,
		.default_text = "auto", .words = WORDS("auto", "yes", "no"),
		.help = "Whether statements are prepared under names. A pooler in transaction mode "
			"may lose them (pgbouncer before 1.21): auto goes on without, when it "
			"does." },
	{ ONCED(http_listen, CONFIG_NEEDS_RESTART), .name = "http.listen", .type = SCHEMA_ADDRESS,
		.default_text = "off",
		.help = "Address and port that answer the status page (/), /metrics, /livez, "
			"/readyz and /v1/status to anybody, and change nothing: 127.0.0.1:9464, or "
			"[::]:9464 for all." },
	{ ONCED(ready_strict, CONFIG_LIVE), .name = "ready.strict", .type = SCHEMA_BOOL,
		.default_text = "no",
		.help = "Whether a store or a dead-letter topic that is down fails /readyz." },
	{ ONCED(control_socket, CONFIG_NEEDS_RESTART), .name = "control.socket",
		.type = SCHEMA_PATH, .default_text = "/run/onced/control.sock", .max = 107,
		.help = "UNIX socket for oncectl, metrics and status." },
	{ ONCED(state_dir, CONFIG_NEEDS_RESTART), .name = "state.dir", .type = SCHEMA_PATH,
		.default_text = "/var/lib/onced", .max = 1024,
		.help = "Directory for what must survive a restart of the supervisor." },
	{ ONCED(drain_timeout_us, CONFIG_LIVE), .name = "drain.timeout", .type = SCHEMA_DURATION,
		.default_text = "25s", .min = 100 * MS, .max = DAY,
		.help = "How long workers may finish what is in hand when asked to stop. Longer "
			"than any handler's timeout, shorter than the service manager's stop "
			"timeout." },
	{ ONCED(stop_timeout_us, CONFIG_LIVE), .name = "stop.timeout", .type = SCHEMA_DURATION,
		.default_text = "off", .flags = SCHEMA_MAY_BE_OFF, .min = SECOND, .max = DAY,
		.help = "How long the service manager waits for onced to stop before it kills "
			"(TimeoutStopSec, terminationGracePeriodSeconds). Only compared, at start "
			"and by `oncectl doctor`; off compares nothing." },
	{ ONCED(replicas, CONFIG_LIVE), .name = "replicas", .type = SCHEMA_UNSIGNED,
		.default_text = "1", .min = 1, .max = 10000,
		.help = "How many onceds run with this configuration at once, at most. Only "
			"compared, at start and by `oncectl doctor`: with partitions, for one." },
	{ ONCED(status_interval_us, CONFIG_LIVE), .name = "status.interval",
		.type = SCHEMA_DURATION, .default_text = "60s", .min = SECOND, .max = DAY,
		.help = "How often a status line is logged." },
	{ ONCED(log_format, CONFIG_NEEDS_RESTART), .name = "log.format", .type = SCHEMA_ENUM,
		.default_text = "auto", .words = WORDS("auto", "logfmt", "json", "text", "journal"),
		.help = "Form of log lines; auto is text on a terminal, the journal's own form in "
			"the journal "
			"and logfmt elsewhere." },
	{ ONCED(log_level, CONFIG_LIVE), .name = "log.level", .type = SCHEMA_ENUM,
		.default_text = "info", .min = LOG_LEVEL_ERROR,
		.words = WORDS("error", "warning", "notice", "info", "debug"),
		.help = "The least important lines that are logged." },
	{ ONCED(restart_intensity, CONFIG_LIVE), .name = "restart.intensity", .type = SCHEMA_RATE,
		.default_text = "5 in 1m", .min = 1, .max = 1000,
		.help = "More deaths of a worker than this, and its restarts are slowed down." },
	{ ONCED(worker_memory_max_bytes, CONFIG_LIVE), .name = "worker.memory.max",
		.type = SCHEMA_SIZE, .default_text = "off", .flags = SCHEMA_MAY_BE_OFF,
		.min = 16 * MIB, .max = 1024 * GIB,
		.help = "A worker with more resident memory is drained and replaced, one at a "
			"time." },
	{ ONCED(worker_max_records, CONFIG_LIVE), .name = "worker.max.records",
		.type = SCHEMA_INTEGER, .default_text = "off", .flags = SCHEMA_MAY_BE_OFF, .min = 1,
		.max = INT64_MAX,
		.help = "A worker that settled as many records is drained and replaced, one at a "
			"time." },
	{ ONCED(worker_core_memory, CONFIG_ROLLS), .name = "worker.core.memory",
		.type = SCHEMA_BOOL, .default_text = "no",
		.help = "Whether the core file of a worker that crashes has its memory, with "
			"passwords and records: to debug a plugin. Otherwise it has only "
			"registers." },

	/* ---- [consumer NAME] ---- */
	{ MEMBER(topics), .name = "topics", .type = SCHEMA_TOPICS, .flags = SCHEMA_REQUIRED,
		.help = "Topics to consume, separated by commas." },
	{ MEMBER(group_id), .name = "group.id", .type = SCHEMA_STRING, .max = 255,
		.flags = SCHEMA_DEFAULTS_TO_NAME,
		.help = "Kafka group; the consumer's name unless set." },
	{ KEY(SECTION_CONSUMER, config_consumer, owner, CONFIG_LIVE), .name = "owner",
		.type = SCHEMA_STRING, .max = 255,
		.help = "Who answers for it: a team, a channel, a person. Named by `oncectl "
			"runbook`; nothing else depends on it." },
	{ KEY(SECTION_CONSUMER, config_consumer, workers, CONFIG_SLOTS), .name = "workers",
		.type = SCHEMA_UNSIGNED, .default_text = "1", .min = 1, .max = 256,
		.help = "Worker processes that share the partitions." },
	{ MEMBER(groups), .name = "partitions", .type = SCHEMA_PARTITIONS, .default_text = "auto",
		.help = "auto lets Kafka assign partitions to workers. `0-3 | 4-7` names them: one "
			"list for each worker, valid for every topic." },
	{ MEMBER(assignment), .name = "assignment", .type = SCHEMA_ENUM, .default_text = "eager",
		.words = WORDS("eager", "cooperative", "consumer"),
		.help = "How partitions move between workers. Members with eager and with "
			"cooperative cannot share a group; cooperative needs librdkafka 2.10. "
			"consumer is the protocol in which the brokers assign: it needs Kafka 4.0 "
			"and librdkafka 2.12, and session.timeout.ms and heartbeat.interval.ms are "
			"then settings of the brokers, or of the group." },
	{ MEMBER(instance_id), .name = "instance.id", .type = SCHEMA_INSTANCE_ID,
		.default_text = "auto", .max = 200,
		.help = "Static membership: a restarted worker gets its partitions back without a "
			"rebalance. auto chooses an id (none with assignment = consumer), off uses "
			"none; else a template in which %H is the host, %c the consumer and %n the "
			"number of the worker." },
	{ CONSUMER(lanes), .name = "lanes", .type = SCHEMA_UNSIGNED, .default_text = "0", .min = 0,
		.max = 64,
		.help = "Threads of a worker that run handlers. 0 chooses: 2 for handlers whose "
			"effects are in the transaction, 16 for those that make them elsewhere and "
			"wait for it, one event each." },
	{ CONSUMER(ordering), .name = "ordering", .type = SCHEMA_ENUM, .default_text = "partition",
		.words = WORDS("partition", "key", "none"),
		.help = "What keeps its order, and waits together when a record is retried: a "
			"partition, the records of one key, or nothing." },
	{ CONSUMER(is_transactional), .name = "transactional", .type = SCHEMA_BOOL,
		.default_text = "no",
		.help = "What forward handlers write, dead letters and offsets are one Kafka "
			"transaction for each batch: readers with isolation.level = read_committed "
			"see every event once. Needs store = none:, ordering = partition and "
			"handlers of type forward alone." },
	{ CONSUMER(batch_max), .name = "batch.max", .type = SCHEMA_UNSIGNED, .default_text = "500",
		.min = 1, .max = 10000, .help = "Most records in one transaction." },
	{ CONSUMER(batch_linger_us), .name = "batch.linger", .type = SCHEMA_DURATION,
		.default_text = "0", .min = 0, .max = MINUTE,
		.help = "How long a batch may wait for more records before it starts." },
	{ CONSUMER(batch_time_us), .name = "batch.time", .type = SCHEMA_DURATION,
		.default_text = "200ms", .min = MS, .max = 10 * MINUTE,
		.help = "Batches shrink when one takes longer, so that row locks stay short." },
	{ CONSUMER(in_flight_max), .name = "in_flight.max", .type = SCHEMA_UNSIGNED,
		.default_text = "10000", .min = 1, .max = 10000000,
		.help = "Most records a worker holds in memory." },
	{ CONSUMER(in_flight_bytes), .name = "in_flight.bytes", .type = SCHEMA_SIZE,
		.default_text = "32MiB", .min = 64 * KIB, .max = 1024 * GIB,
		.help = "Most bytes of records a worker holds in memory." },
	{ CONSUMER(ahead_max), .name = "ahead.max", .type = SCHEMA_INTEGER,
		.default_text = "1000000", .min = 1, .max = 1000000000,
		.help = "How far a partition may be worked past its first unsettled record, in "
			"offsets." },
	{ CONSUMER(prefetch_bytes), .name = "prefetch.bytes", .type = SCHEMA_SIZE,
		.default_text = "256MiB", .min = 4 * MIB, .max = 1024 * GIB,
		.help = "What a worker's Kafka client may fetch ahead, all its partitions "
			"together." },
	{ CONSUMER(commit_interval_us), .name = "commit.interval", .type = SCHEMA_DURATION,
		.default_text = "500ms", .min = MS, .max = 10 * MINUTE,
		.help = "How often settled offsets are committed." },
	{ CONSUMER(revoke_timeout_us), .name = "revoke.timeout", .type = SCHEMA_DURATION,
		.default_text = "5s", .min = 0, .max = 10 * MINUTE,
		.help = "How long records in hand may finish when a partition moves to another "
			"worker. Shorter than Kafka's session timeout." },
	{ CONSUMER(offset_initial), .name = "offset.initial", .type = SCHEMA_ENUM,
		.default_text = "earliest", .words = WORDS("earliest", "latest"),
		.help = "Where a group that is new to a topic starts." },
	{ CONSUMER(offset_lost), .name = "offset.lost", .type = SCHEMA_ENUM, .default_text = "hold",
		.words = WORDS("hold", "earliest", "latest"),
		.help = "What happens when the place where the group stood is gone: hold waits for "
			"a person." },
	{ CONSUMER(handler), .name = "handler", .type = SCHEMA_HANDLER,
		.help = "The [handler NAME] for events that no route names. `route.TYPE = NAME` "
			"sends events of one type to another." },
	{ CONSUMER(retry), .name = "retry", .type = SCHEMA_RETRY,
		.help = "The [retry NAME] to use instead of [retry]." },
	{ CONSUMER(store), .name = "store", .type = SCHEMA_STORE_URL, .max = 4096,
		.help = "A store of its own, instead of that of [onced]; user, password and time "
			"limits are those of [onced]. Changing it forgets the past." },
	{ MEMBER(tiers), .name = "retry.topics", .type = SCHEMA_TIERS, .default_text = "off",
		.min = 10 * MS, .max = 7 * DAY,
		.help = "A record that fails waits in a topic for so long, outside of its "
			"partition, and then in the next: 10s, 1m, 10m. The topics are "
			"PREFIX.10s, PREFIX.1m and so on, and must exist. Gives up order: needs "
			"ordering = none. See docs/retry-topics.md." },
	{ MEMBER(tier_prefix), .name = "retry.topics.prefix", .type = SCHEMA_STRING, .max = 240,
		.help = "What the names of the retry topics begin with; the group.id and .retry "
			"unless set." },
	{ CONSUMER(dedup_scope), .name = "dedup.scope", .type = SCHEMA_STRING, .max = 255,
		.flags = SCHEMA_DEFAULTS_TO_NAME,
		.help = "Event ids are unique within a scope; the consumer's name unless set. "
			"Changing it forgets the past." },
	{ CONSUMER(dedup_retention_us), .name = "dedup.retention", .type = SCHEMA_DURATION,
		.default_text = "7d", .flags = SCHEMA_MAY_BE_OFF, .min = SECOND, .max = 3650 * DAY,
		.help = "How long an event id is remembered after its event ended; off is for "
			"ever. Longer than the topic, the group's offset and a retry may keep a "
			"record alive, or it is applied again." },
	{ CONSUMER(rebuild_sql), .name = "rebuild.sql", .type = SCHEMA_TEXT, .max = 65536,
		.help = "Statements that `oncectl rebuild` runs in the store's database before it "
			"applies the log anew, in one transaction: TRUNCATE sales; see "
			"docs/rebuild.md." },
	{ CONSUMER(claim_lease_us), .name = "claim.lease", .type = SCHEMA_DURATION,
		.default_text = "10s", .min = SECOND, .max = 10 * MINUTE,
		.help = "An event whose effect is made elsewhere belongs to its worker for so "
			"long, and again while the worker lives. Its successor takes over at "
			"once, any other worker after that time." },
	{ CONSUMER(dlq_topic), .name = "dlq.topic", .type = SCHEMA_TOPIC,
		.flags = SCHEMA_REQUIRED | SCHEMA_MAY_BE_NONE,
		.help = "Topic for records that cannot be applied. none means: such a record holds "
			"its strand until a person decides." },
	{ CONSUMER(dlq_headers), .name = "dlq.headers", .type = SCHEMA_ENUM, .default_text = "none",
		.words = WORDS("none", "plain"),
		.help = "A second set of headers on dead letters, for consumers that know it; "
			"plain is x-original-topic, x-original-partition, x-original-offset and "
			"x-error." },
	{ CONSUMER(dlq_oversized), .name = "dlq.oversized", .type = SCHEMA_ENUM,
		.default_text = "hold", .words = WORDS("hold", "headers-only"),
		.help = "A dead letter larger than its topic takes: hold its strand, or send it "
			"without key and value." },
	{ CONSUMER(dlq_breaker), .name = "dlq.breaker", .type = SCHEMA_RATE,
		.default_text = "100 in 1m", .min = 0, .max = 1000000000,
		.help = "More dead letters than this pause the consumer; off never does." },
	{ KEY(SECTION_CONSUMER, config_consumer, quarantine_after, CONFIG_LIVE),
		.name = "quarantine.after", .type = SCHEMA_UNSIGNED, .default_text = "2", .min = 1,
		.max = 1000,
		.help = "A record that killed its worker so often, while it was the only one in "
			"work, becomes a dead letter." },
	{ CONSUMER(tombstone), .name = "tombstone", .type = SCHEMA_ENUM, .default_text = "handle",
		.words = WORDS("handle", "skip"),
		.help = "Records without a value: given to the handler, or settled as skipped." },
	{ CONSUMER(filter), .name = "filter", .type = SCHEMA_FILTER,
		.help = "Only records for which all of these hold go to the handler, others are "
			"settled as skipped: header:NAME, json:PATH or key, then = VALUE | "
			"VALUE..., != VALUE | VALUE..., present or absent, separated by commas." },
	{ CONSUMER(rate), .name = "rate", .type = SCHEMA_RATE, .default_text = "off", .min = 0,
		.max = 1000000000,
		.help = "No more records than this are given to handlers, evenly (500 in 1s); its "
			"workers share it out. Tries count like records." },
	{ CONSUMER(rate_key), .name = "rate.key", .type = SCHEMA_RATE, .default_text = "off",
		.min = 0, .max = 1000000000,
		.help = "The same for each key; others go on. Needs ordering = key." },
	{ CONSUMER(event_id), .name = "event.id", .type = SCHEMA_EVENT_ID,
		.default_text = "cloudevents:binary, header:event_id, json:event_id, "
				"cloudevents:structured",
		.help = "Where the event id is found; the first place that has it decides: "
			"header:NAME, json:PATH, cloudevents:binary (header ce_id), "
			"cloudevents:structured (id in a CloudEvent as JSON). Debezium's outbox is "
			"header:id. Changing it forgets the past." },
	{ CONSUMER(event_source), .name = "event.source", .type = SCHEMA_EVENT_SOURCE,
		.default_text = "cloudevents, topic",
		.help = "What an event id is unique within, in the scope; the first place that has "
			"it decides: cloudevents (ce_source or source, where the id is a "
			"CloudEvent's), header:NAME, json:PATH, topic. Changing it forgets the "
			"past." },
	{ CONSUMER(event_missing), .name = "event.missing", .type = SCHEMA_ENUM,
		.default_text = "position", .words = WORDS("position", "dlq", "none"),
		.help = "A record without an event id: identified by its position, dead-lettered, "
			"or applied without deduplication." },
	{ CONSUMER(event_digest), .name = "event.digest", .type = SCHEMA_ENUM,
		.default_text = "payload", .words = WORDS("payload", "value", "off"),
		.help = "Two events with one id are told apart by their payload (the member of "
			"that name, a CloudEvent's data, or else the whole value) or by the whole "
			"value; the later one becomes a dead letter. off takes it for a "
			"duplicate." },

	/* ---- [handler NAME] ---- */
	{ HANDLER(type), .name = "type", .type = SCHEMA_STRING, .max = CONFIG_NAME_MAX,
		.flags = SCHEMA_REQUIRED, .help = "What it does; each type has keys of its own." },
	{ HANDLER(timeout_us), .name = "timeout", .type = SCHEMA_DURATION, .default_text = "20s",
		.min = MS, .max = DAY,
		.help = "Longest time for one record; below drain.timeout." },
	{ HANDLER(retry_on), .name = "retry.on", .type = SCHEMA_SQLSTATES,
		.help = "SQLSTATEs (23503), classes of them (40xxx), SQLite's names (SQLITE_FULL), "
			"HTTP statuses (503, 5xx) or a handler's words (timeout) that are tried "
			"again, whatever the built-in table says." },
	{ HANDLER(reject_on), .name = "reject.on", .type = SCHEMA_SQLSTATES,
		.help = "Likewise, those that are the record's own fault: dead letter." },
	{ HANDLER(hold_on), .name = "hold.on", .type = SCHEMA_SQLSTATES,
		.help = "Likewise, those that are nobody's record's fault: wait, nothing is "
			"burnt." },

	/* ---- [retry], [retry NAME] ---- */
	{ RETRY(attempts), .name = "attempts", .type = SCHEMA_UNSIGNED, .default_text = "10",
		.min = 0, .max = 1000000,
		.help = "How often a record is tried; 0 means for ever." },
	{ RETRY(delay_us), .name = "delay", .type = SCHEMA_DURATION, .default_text = "500ms",
		.min = MS, .max = DAY, .help = "Pause before the second attempt." },
	{ RETRY(factor), .name = "factor", .type = SCHEMA_FACTOR, .default_text = "2", .min = 1,
		.max = 100, .help = "Each pause is this many times the one before." },
	{ RETRY(delay_max_us), .name = "delay.max", .type = SCHEMA_DURATION, .default_text = "30s",
		.min = MS, .max = DAY, .help = "Longest pause." },
	{ RETRY(jitter), .name = "jitter", .type = SCHEMA_ENUM, .default_text = "full",
		.words = WORDS("full", "none"),
		.help = "full draws each pause at random from zero up to its length." },
	{ RETRY(deadline_us), .name = "deadline", .type = SCHEMA_DURATION, .default_text = "10m",
		.min = 0, .max = 30 * DAY,
		.help = "No attempt later than this after the first failure, holds not counted; 0 "
			"means none." },
};

const size_t schema_key_count = sizeof(schema_keys) / sizeof(schema_keys[0]);

const struct schema_key *schema_find(enum section_kind section, const char *name)
{
	for (size_t i = 0; i < schema_key_count; i++) {
		if (schema_keys[i].section == section && strcmp(schema_keys[i].name, name) == 0) {
			return &schema_keys[i];
		}
	}
	return NULL;
}
