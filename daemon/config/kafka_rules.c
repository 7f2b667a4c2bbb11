/*
 * kafka_rules - which librdkafka properties a configuration may set
 *
 * librdkafka compares words of enumerations and booleans without regard to
 * case; so do the tests here. Where a property is safe with some values only,
 * the table names those and everything else is refused.
 */
#include "config/kafka_rules.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct kafka_rule {
	const char *name; /* a property, or "prefix.*", or "*_suffix" */
	const char *const *allowed; /* values that may be given; NULL: none */
	bool (*is_allowed)(const char *value); /* instead, where a list is not enough */
	const char *reason;
};

#define VALUES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/*
 * librdkafka pastes principal and keytab into a command line for a shell.
 * Nothing a shell reads as more than a word may be in there.
 */
static bool is_plain_word(const char *value)
{
	for (; *value; value++) {
		if (!isalnum((unsigned char)*value) && !strchr("._/@:-", *value)) {
			return false;
		}
	}
	return true;
}

/* No context of `debug` that writes credentials to the log. */
static bool is_harmless_debug(const char *value)
{
	static const char *const harmful[] = { "security", "all" };

	while (*value) {
		size_t len;

		value += strspn(value, " \t,+-");
		len = strcspn(value, " \t,");
		for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++) {
			if (len == strlen(harmful[i]) && strncasecmp(value, harmful[i], len) == 0) {
				return false;
			}
		}
		value += len;
	}
	return true;
}

static const char runs_code[] = "it makes the Kafka library run code that it names";
static const char by_hand[] = "onced commits offsets by hand, after the effect; anything else "
			      "would lose or repeat events";
static const char by_api[] = "it can only be set by a program, and onced does";

static const struct kafka_rule rules[] = {
	/* runs code */
	{ "plugin.library.paths", .reason = runs_code },
	{ "sasl.kerberos.kinit.cmd", .reason = runs_code },
	{ "ssl.engine.*", .reason = runs_code },
	{ "ssl.providers", .reason = runs_code },
	{ "sasl.kerberos.principal", .is_allowed = is_plain_word,
		.reason = "it is pasted into a shell command; only A-Z a-z 0-9 . _ / @ : - are "
			  "safe" },
	{ "sasl.kerberos.keytab", .is_allowed = is_plain_word,
		.reason = "it is pasted into a shell command; only A-Z a-z 0-9 . _ / @ : - are "
			  "safe" },

	/* weakens TLS or authentication */
	{ "enable.ssl.certificate.verification", .allowed = VALUES("true", "t", "1"),
		.reason = "without verification anyone can pose as the broker; give "
			  "ssl.ca.location instead" },
	{ "ssl.endpoint.identification.algorithm", .allowed = VALUES("https"),
		.reason = "without the check of the host name any valid certificate passes for the "
			  "broker's" },
	{ "enable.sasl.oauthbearer.unsecure.jwt", .allowed = VALUES("false", "f", "0"),
		.reason = "tokens without a signature prove nothing" },
	{ "debug", .is_allowed = is_harmless_debug,
		.reason = "the contexts security and all write credentials to the log" },

	/* not the real broker */
	{ "test.*", .reason = "it replaces the broker by a simulation" },

	/* who we are in the group */
	{ "metadata.broker.list", .reason = "write bootstrap.servers, which is the same" },
	{ "group.id", .reason = "it belongs to a consumer: set group.id in [consumer NAME]" },
	{ "group.instance.id",
		.reason = "each worker has its own: set instance.id in [consumer NAME]" },
	{ "partition.assignment.strategy",
		.reason = "it must fit the way onced gives up partitions: set assignment in "
			  "[consumer NAME]" },
	{ "group.protocol", .reason = "set assignment in [consumer NAME]" },
	{ "group.protocol.type", .reason = "set assignment in [consumer NAME]" },
	{ "group.remote.assignor", .reason = "set assignment in [consumer NAME]" },
	{ "transactional.id",
		.reason = "each worker has its own: set transactional = yes in [consumer NAME]" },

	/* offsets */
	{ "enable.auto.commit", .reason = by_hand },
	{ "auto.commit.*", .reason = by_hand },
	{ "enable.auto.offset.store", .reason = by_hand },
	{ "offset.store.*", .reason = by_hand },
	{ "auto.offset.reset",
		.reason = "the library would skip silently: set offset.initial and offset.lost in "
			  "[consumer NAME]" },
	{ "isolation.level", .allowed = VALUES("read_committed"),
		.reason = "records of aborted transactions must not be applied" },
	{ "enable.partition.eof", .reason = "onced does not ask for these events" },

	/* what is fetched */
	{ "queued.min.messages",
		.reason = "it counts for each partition; onced bounds what is fetched by "
			  "prefetch.bytes of [consumer NAME]" },
	{ "queued.max.messages.kbytes",
		.reason = "it counts for each partition; onced bounds what is fetched by "
			  "prefetch.bytes of [consumer NAME]" },
	{ "topic.blacklist",
		.reason = "topics would be left out silently; name those wanted in topics" },
	{ "allow.auto.create.topics", .allowed = VALUES("false", "f", "0"),
		.reason = "a misspelt topic would be created, empty, instead of being told" },

	/* dead letters */
	{ "acks", .allowed = VALUES("all", "-1"),
		.reason = "a dead letter settles its record, so all replicas must have it" },
	{ "request.required.acks", .allowed = VALUES("all", "-1"),
		.reason = "a dead letter settles its record, so all replicas must have it" },
	{ "delivery.report.only.error",
		.reason = "the report of success is what settles a dead letter's record" },

	/* the program's own wiring */
	{ "log.queue", .reason = "onced takes the library's log lines into its own log" },
	{ "enabled_events", .reason = by_api },
	{ "internal.termination.signal", .reason = "signals belong to the supervisor" },
	{ "interceptors", .reason = by_api },
	{ "opaque", .reason = by_api },
	{ "default_topic_conf", .reason = by_api },
	{ "ssl_*", .reason = by_api },
	{ "*_cb", .reason = by_api },
};
enum { RULE_COUNT = sizeof(rules) / sizeof(rules[0]) };

/* Exact names, and endings for what later libraries add. */
static const char *const secrets[] = {
	"sasl.password",
	"ssl.key.password",
	"ssl.key.pem",
	"ssl.keystore.password",
	"sasl.oauthbearer.config",
	"sasl.oauthbearer.client.secret",
	"sasl.oauthbearer.assertion.private.key.pem",
	"sasl.oauthbearer.assertion.private.key.passphrase",
};
enum { SECRET_COUNT = sizeof(secrets) / sizeof(secrets[0]) };

static const char *const secret_words[] = { "password", "secret", "passphrase", "private.key.pem" };

/* Not in a rule and no secret, but with an underscore in its name. */
static const char *const plain_names[] = { "bootstrap.servers", "log_level" };
enum { PLAIN_COUNT = sizeof(plain_names) / sizeof(plain_names[0]) };

static bool matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern), name_len = strlen(name);

	if (pattern[0] == '*') {
		return name_len >= len - 1 && strcmp(name + name_len - (len - 1), pattern + 1) == 0;
	}
	if (pattern[len - 1] == '*') {
		return strncmp(name, pattern, len - 1) == 0;
	}
	return strcmp(name, pattern) == 0;
}

static bool allows(const struct kafka_rule *rule, const char *value)
{
	if (rule->is_allowed) {
		return rule->is_allowed(value);
	}
	for (size_t i = 0; rule->allowed && rule->allowed[i]; i++) {
		if (strcasecmp(rule->allowed[i], value) == 0) {
			return true;
		}
	}
	return false;
}

const char *kafka_rules_refusal(const char *name, const char *value)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		if (matches(rules[i].name, name) && !allows(&rules[i], value)) {
			return rules[i].reason;
		}
	}
	return NULL;
}

bool kafka_rules_is_secret(const char *name)
{
	for (size_t i = 0; i < SECRET_COUNT; i++) {
		if (strcmp(name, secrets[i]) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++) {
		if (strstr(name, secret_words[i])) {
			return true;
		}
	}
	return false;
}

const char *kafka_rules_name_at(size_t i)
{
	if (i < RULE_COUNT) {
		return rules[i].name;
	}
	i -= RULE_COUNT;
	if (i < SECRET_COUNT) {
		return secrets[i];
	}
	i -= SECRET_COUNT;
	return i < PLAIN_COUNT ? plain_names[i] : NULL;
}
