#include "kafka/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kafka/kafka.h"

struct property {
	const char *name, *value;
	int since; /* library version, 0 for any */
};

/*
 * A connection whose other end went without a word is given up after this: what waits for its
 * answer is a membership, or the start of all partitions, and the library's minute is all that a
 * lag may last. A transactor's follows from its transaction.timeout.ms.
 */
#define SILENCE_MS "20000"

/* Ours before the user's: they may be changed in [kafka]. */
static const struct property common_defaults[] = {
	{ "socket.nagle.disable", "true", 0 },
	{ "socket.keepalive.enable", "true", 0 },
	{ "log.connection.close", "false", 0 },
	/* partitions added to a topic are seen within this time */
	{ "topic.metadata.refresh.interval.ms", "10000", 0 },
	{ "reconnect.backoff.max.ms", "2000", 0 },
	{ "enable.metrics.push", "false", KAFKA_VERSION_METRICS_PUSH },
};

static const struct property consumer_defaults[] = {
	{ "check.crcs", "true", 0 },
	{ "socket.timeout.ms", SILENCE_MS, 0 },
	/*
	 * Half of the library's: while an answer is taken apart nothing else comes, and a queue may
	 * exceed its bounds by one.
	 */
	{ "fetch.message.max.bytes", "524288", 0 },
	/* one partition at its end must not keep full ones, drained since, from being asked for */
	{ "fetch.wait.max.ms", "150", 0 },
	/* a full queue is looked at again after this; 2.0.2 has a fixed second instead */
	{ "fetch.queue.backoff.ms", "10", KAFKA_VERSION_QUEUE_BACKOFF },
};

static const struct property producer_defaults[] = {
	{ "acks", "all", 0 },
	{ "linger.ms", "2", 0 },
	{ "socket.timeout.ms", SILENCE_MS, 0 },
	/* a dead letter must not fail for being as large as the record it came from */
	{ "message.max.bytes", "67108864", 0 },
	/* a missing topic or a refused write is known, and shown, within this time */
	{ "message.timeout.ms", "5000", 0 },
};

static const struct property publisher_defaults[] = {
	{ "socket.timeout.ms", SILENCE_MS, 0 },
	/* who waits for an answer sends nothing else meanwhile: waiting for more gains nothing */
	{ "linger.ms", "0", 0 },
	/* the topic says what is too large */
	{ "message.max.bytes", "67108864", 0 },
	/* a key goes where clients in Java would send it */
	{ "partitioner", "murmur2_random", 0 },
	/* a missing topic is known, and shown, within this time */
	{ "topic.metadata.propagation.max.ms", "1000", 0 },
};

static const struct property transactor_defaults[] = {
	/* a batch is sent at once and flushed: what comes within this time shares requests */
	{ "linger.ms", "5", 0 },
	{ "message.max.bytes", "67108864", 0 },
	{ "partitioner", "murmur2_random", 0 },
	{ "topic.metadata.propagation.max.ms", "1000", 0 },
	/*
	 * The coordinator refuses a new transaction until the markers of the last one are written;
	 * the library's 100 ms would be most of what a transaction takes.
	 */
	{ "retry.backoff.ms", "5", 0 },
	/* until then others wait for the offsets of a worker that is gone for good */
	{ "transaction.timeout.ms", "30000", 0 },
};

/* Ours after the user's: the guarantees rest on them. */
static const struct property consumer_owned[] = {
	{ "enable.auto.commit", "false", 0 },
	{ "enable.auto.offset.store", "false", 0 },
	{ "auto.offset.reset", "error", 0 },
	{ "enable.partition.eof", "false", 0 },
};

/* A tool reads what there is, wherever retention has come to, and wants to know the end. */
static const struct property reader_owned[] = {
	{ "auto.offset.reset", "earliest", 0 },
	{ "enable.partition.eof", "true", 0 },
	{ "fetch.wait.max.ms", "100", 0 },
};

static const struct property publisher_owned[] = {
	{ "enable.idempotence", "true", 0 },
	{ "acks", "all", 0 },
};

/* The worst memory a partition's queue takes by default, whatever the count of its records. */
#define QUEUE_BOUND_MIN_BYTES ((int64_t)4 << 20)
#define QUEUE_BOUND_MAX_BYTES ((int64_t)64 << 20)

/*
 * What the library keeps beside the bytes of a record: 300 measured, so small records are bound by
 * number too. A queue may exceed its bounds by one answer (fetch.message.max.bytes).
 */
#define QUEUE_OVERHEAD_BYTES ((int64_t)320)
#define QUEUE_SMALL_RECORD_BYTES ((int64_t)100)
#define FETCH_BYTES ((int64_t)512 << 10)

static const char *session_timeout_ms(const struct source_options *options)
{
	/* A static member's partitions wait for its return; a dynamic one's should move soon. */
	return options->instance_id[0] ? "45000" : "10000";
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK) {
		return 0;
	}
	return err_set(err, -EINVAL, "%s", text);
}

static int set_table(
	rd_kafka_conf_t *conf, const struct property *table, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (table[i].since && rd_kafka_version() < table[i].since) {
			continue;
		}
		int r = set(conf, table[i].name, table[i].value, err);
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

#define SET_TABLE(conf, table, err) set_table(conf, table, sizeof(table) / sizeof(*(table)), err)

static int set_pairs(rd_kafka_conf_t *conf, const struct config_pairs *pairs, const char *section,
	struct err *err)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const struct config_pair *pair = &pairs->items[i];
		struct err library = ERR_INIT;
		if (set(conf, pair->name, pair->value, &library) < 0) {
			/* librdkafka may quote the value: keep that out where it is a secret */
			return err_set(err, -EINVAL, "%s: [%s] %s: %s",
				pair->origin ? pair->origin : "configuration", section, pair->name,
				pair->is_secret ? "librdkafka refuses the value" : library.text);
		}
	}
	return 0;
}

int64_t kafka_queue_bound_bytes(const struct source_options *options)
{
	unsigned partitions = options->expected_partitions ? options->expected_partitions : 1;
	int64_t bound = options->consumer->prefetch_bytes / partitions;

	if (bound < QUEUE_BOUND_MIN_BYTES) {
		return QUEUE_BOUND_MIN_BYTES;
	}
	return bound > QUEUE_BOUND_MAX_BYTES ? QUEUE_BOUND_MAX_BYTES : bound;
}

int64_t kafka_queue_memory_bytes(const struct source_options *options)
{
	int64_t messages = KAFKA_QUEUE_MESSAGES + FETCH_BYTES / QUEUE_SMALL_RECORD_BYTES;

	return kafka_queue_bound_bytes(options) + FETCH_BYTES + messages * QUEUE_OVERHEAD_BYTES;
}

/* What the protocols of a group need, and how the library is told of each. */
static const struct protocol {
	int since;
	const char *refusal; /* of an older library */
	struct property property;
} protocols[] = {
	[ASSIGNMENT_EAGER] = { 0, "", { "partition.assignment.strategy", "range,roundrobin", 0 } },
	[ASSIGNMENT_COOPERATIVE] = { KAFKA_VERSION_COOPERATIVE,
		"cooperative needs librdkafka 2.10 or newer: older ones deliver records twice in a "
		"rebalance",
		{ "partition.assignment.strategy", "cooperative-sticky", 0 } },
	[ASSIGNMENT_CONSUMER] = { KAFKA_VERSION_CONSUMER_PROTOCOL,
		"consumer needs librdkafka 2.12 or newer: older ones do not know this group "
		"protocol, or an early form of it",
		{ "group.protocol", "consumer", 0 } },
};

/* Listed partitions are nobody's to assign: the brokers need not know the newer protocol. */
static const struct protocol *protocol_of(const struct config_consumer *consumer)
{
	bool is_listed = consumer->assignment == ASSIGNMENT_CONSUMER && consumer->groups;

	return &protocols[is_listed ? ASSIGNMENT_EAGER : consumer->assignment];
}

/* Ours, where the members and not the brokers hold the times of a session. */
static int set_session(rd_kafka_conf_t *conf, const struct source_options *options, struct err *err)
{
	const struct property session[] = {
		{ "heartbeat.interval.ms", "1000", 0 },
		{ "session.timeout.ms", session_timeout_ms(options), 0 },
	};

	return config_consumer_is_assigned_by_brokers(options->consumer)
		? 0
		: SET_TABLE(conf, session, err);
}

static int set_group(rd_kafka_conf_t *conf, const struct source_options *options, struct err *err)
{
	const struct config_consumer *consumer = options->consumer;
	const struct protocol *protocol = protocol_of(consumer);
	char kbytes[32], messages[32];
	int r;

	if (rd_kafka_version() < protocol->since) {
		return err_set(err, -EINVAL,
			"[consumer %s] assignment = %s (this is %s); use assignment = eager",
			consumer->name, protocol->refusal, rd_kafka_version_str());
	}
	snprintf(kbytes, sizeof(kbytes), "%lld",
		(long long)(kafka_queue_bound_bytes(options) / 1024));
	snprintf(messages, sizeof(messages), "%d", KAFKA_QUEUE_MESSAGES);

	const struct property group[] = {
		{ "group.id", consumer->group_id, 0 },
		protocol->property,
		{ "queued.max.messages.kbytes", kbytes, 0 },
		{ "queued.min.messages", messages, 0 },
	};
	r = SET_TABLE(conf, group, err);
	if (r == 0 && options->instance_id[0]) {
		r = set(conf, "group.instance.id", options->instance_id, err);
	}
	return r;
}

static int give(rd_kafka_conf_t *conf, int r, rd_kafka_conf_t **ret)
{
	if (r < 0) {
		rd_kafka_conf_destroy(conf);
		return r;
	}
	rd_kafka_conf_set_log_cb(conf, kafka_log);
	*ret = conf;
	return 0;
}

int kafka_conf_consumer(
	const struct source_options *options, rd_kafka_conf_t **ret, struct err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int r;

	r = SET_TABLE(conf, common_defaults, err);
	r = r < 0 ? r : SET_TABLE(conf, consumer_defaults, err);
	r = r < 0 ? r : set(conf, "client.id", options->client_id, err);
	r = r < 0 ? r : set_session(conf, options, err);
	r = r < 0 ? r : set_pairs(conf, &options->config->kafka, "kafka", err);
	r = r < 0 ? r : SET_TABLE(conf, consumer_owned, err);
	r = r < 0 ? r : set_group(conf, options, err);
	return give(conf, r, ret);
}

/* [kafka] is for all clients: properties that only a consumer knows are not the producer's. */
static const char *const consumer_only[] = { "session.timeout.ms", "heartbeat.interval.ms",
	"max.poll.interval.ms", "group.instance.id", "isolation.level", "check.crcs",
	"coordinator.query.interval.ms", "group.protocol.type", NULL };

static bool is_consumer_only(const char *name)
{
	if (strncmp(name, "fetch.", 6) == 0 || strncmp(name, "queued.", 7) == 0) {
		return true;
	}
	for (size_t i = 0; consumer_only[i]; i++) {
		if (strcmp(name, consumer_only[i]) == 0) {
			return true;
		}
	}
	return false;
}

static int set_common_pairs(
	rd_kafka_conf_t *conf, const struct config_pairs *pairs, struct err *err)
{
	for (size_t i = 0; i < pairs->count; i++) {
		struct config_pairs one = { &pairs->items[i], 1 };
		int r = is_consumer_only(one.items->name) ? 0 : set_pairs(conf, &one, "kafka", err);
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

int kafka_conf_reader(
	const struct config *config, const char *group_id, rd_kafka_conf_t **ret, struct err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int r;

	r = SET_TABLE(conf, common_defaults, err);
	r = r < 0 ? r : set(conf, "client.id", "oncectl", err);
	r = r < 0 ? r : set_pairs(conf, &config->kafka, "kafka", err);
	r = r < 0 ? r : SET_TABLE(conf, consumer_owned, err);
	r = r < 0 ? r : SET_TABLE(conf, reader_owned, err);
	r = r < 0 ? r : set(conf, "group.id", group_id, err);
	return give(conf, r, ret);
}

/* Of all producers; `table` holds the defaults of this one. Later entries win. */
static int set_producer(rd_kafka_conf_t *conf, const struct property *table, size_t count,
	const char *client_id, const struct config *config, struct err *err)
{
	int r = SET_TABLE(conf, common_defaults, err);

	r = r < 0 ? r : set_table(conf, table, count, err);
	r = r < 0 ? r : set(conf, "client.id", client_id, err);
	r = r < 0 ? r : set_common_pairs(conf, &config->kafka, err);
	return r < 0 ? r : set_pairs(conf, &config->kafka_producer, "kafka producer", err);
}

int kafka_conf_producer(const struct sink_options *options, rd_kafka_conf_t **ret, struct err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int r = set_producer(conf, producer_defaults,
		sizeof(producer_defaults) / sizeof(*producer_defaults), options->client_id,
		options->config, err);

	if (r == 0 && options->is_idempotent) {
		r = set(conf, "enable.idempotence", "true", err);
	}
	if (r == 0 && options->consumer && options->consumer->tiers.count) {
		/* a retry topic that somebody forgot is missing, whatever the brokers would do */
		r = set(conf, "allow.auto.create.topics", "false", err);
	}
	return give(conf, r, ret);
}

int kafka_conf_publisher(const struct publisher_options *options, bool is_single,
	rd_kafka_conf_t **ret, struct err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int r = set_producer(conf, publisher_defaults,
		sizeof(publisher_defaults) / sizeof(*publisher_defaults), options->client_id,
		options->config, err);

	r = r < 0 ? r : SET_TABLE(conf, publisher_owned, err);
	r = r < 0 || !is_single ? r : set(conf, "batch.num.messages", "1", err);
	return give(conf, r, ret);
}

/* What is not acknowledged in half of the time leaves the other half to abort, or to commit. */
static int halve_delivery(rd_kafka_conf_t *conf, struct err *err)
{
	char text[24];
	size_t size = sizeof(text);

	if (rd_kafka_conf_get(conf, "transaction.timeout.ms", text, &size) != RD_KAFKA_CONF_OK) {
		return err_set(err, -EINVAL, "transaction.timeout.ms is not known");
	}
	snprintf(text, sizeof(text), "%ld", strtol(text, NULL, 10) / 2);
	return set(conf, "message.timeout.ms", text, err);
}

int kafka_conf_transactor(
	const struct transactor_options *options, rd_kafka_conf_t **ret, struct err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int r = set_producer(conf, transactor_defaults,
		sizeof(transactor_defaults) / sizeof(*transactor_defaults),
		options->publisher.client_id, options->publisher.config, err);

	r = r < 0 ? r : SET_TABLE(conf, publisher_owned, err);
	r = r < 0 ? r : set(conf, "transactional.id", options->transactional_id, err);
	r = r < 0 ? r : halve_delivery(conf, err);
	return give(conf, r, ret);
}

void kafka_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	/* FAIL and its like come as an error, too, and are told in a sentence then */
	bool is_told = strcmp(facility, "FAIL") == 0 || strcmp(facility, "SSLCERTVRFY") == 0;
	enum log_level ours = is_told ? LOG_LEVEL_DEBUG
		: level <= 3          ? LOG_LEVEL_WARNING
		: level <= 5          ? LOG_LEVEL_NOTICE
				      : LOG_LEVEL_DEBUG;

	log_from(LOG_MODULE_LIBRDKAFKA, ours, "librdkafka says", LOG_ID(LIBRDKAFKA),
		LOG_STR("facility", facility), LOG_STR("text", text),
		LOG_STR("client", rk ? rd_kafka_name(rk) : NULL));
}

int kafka_no_client(const char *section, const char *text, struct err *err)
{
	bool is_starved = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;

	return err_set(err, is_starved ? -EAGAIN : -EINVAL, "[%s]: %s", section, text);
}

int kafka_err(struct err *err, int result, rd_kafka_resp_err_t code, const char *what)
{
	err_set(err, result, "%s: %s", what, rd_kafka_err2str(code));
	if (err) {
		snprintf(err->code, sizeof(err->code), "%s", rd_kafka_err2name(code));
	}
	return result;
}

const char *kafka_version(void)
{
	return rd_kafka_version_str();
}

unsigned kafka_version_number(void)
{
	return (unsigned)rd_kafka_version();
}

const char *kafka_features(char *ret, size_t size)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (rd_kafka_conf_get(conf, "builtin.features", ret, &size) != RD_KAFKA_CONF_OK) {
		ret[0] = '\0';
	}
	rd_kafka_conf_destroy(conf);
	return ret;
}
