/*
 * doctor_host - checks of `oncectl doctor` that ask nobody: times, limits, paths, libraries
 *
 * Runs in: oncectl.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"
#include "kafka/kafka.h"

void doctor_check_deployment(struct doctor *doctor)
{
	size_t before = doctor->findings.count;

	deployment_judge(doctor->config, &doctor->where, &doctor->findings);
	if (doctor->config->stop_timeout_us == 0) {
		findings_add(&doctor->findings, FINDING_NOTE,
			"set stop.timeout to TimeoutStopSec or terminationGracePeriodSeconds",
			"how long the service manager waits for a stop is not said: it cannot be "
			"held against drain.timeout");
	}
	if (doctor->findings.count == before) {
		findings_add(&doctor->findings, FINDING_GOOD, NULL,
			"times and numbers of the configuration fit each other");
	}
}

/* The doctor may run as somebody else, or on another host: what is not there is no mistake. */
void doctor_check_state(struct doctor *doctor)
{
	const char *path = doctor->config->state_dir;
	struct stat st;

	if (stat(path, &st) < 0) {
		if (errno != ENOENT) {
			findings_add(&doctor->findings, FINDING_NOTE, NULL,
				"state.dir %s cannot be looked at: %s", path, strerror(errno));
		}
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		findings_add(&doctor->findings, FINDING_ERROR, "name a directory",
			"state.dir %s is no directory", path);
	} else if (st.st_mode & S_IWOTH) {
		findings_add(&doctor->findings, FINDING_WARNING, "chmod o-w it",
			"state.dir %s can be written by anybody", path);
	} else {
		findings_add(&doctor->findings, FINDING_GOOD, NULL, "state.dir %s is there", path);
	}
}

/* ---- what is known of librdkafka ---- */

static const char *mechanism(const struct config *config)
{
	const char *text = config_pairs_get(&config->kafka, "sasl.mechanism");

	text = text ? text : config_pairs_get(&config->kafka, "sasl.mechanisms");
	return text ? text : "";
}

static bool logs_in_by(const struct config *config, const char *prefix)
{
	return strncasecmp(mechanism(config), prefix, strlen(prefix)) == 0;
}

static bool has_scram(const struct config *config, const char *features)
{
	return logs_in_by(config, "SCRAM");
}

static bool has_assignment(const struct config *config, enum config_assignment assignment)
{
	for (size_t i = 0; i < config->consumer_count; i++) {
		if (config->consumers[i].assignment == assignment) {
			return true;
		}
	}
	return false;
}

static bool is_cooperative(const struct config *config, const char *features)
{
	return has_assignment(config, ASSIGNMENT_COOPERATIVE);
}

static bool is_assigned_by_brokers(const struct config *config, const char *features)
{
	return has_assignment(config, ASSIGNMENT_CONSUMER);
}

static bool is_encrypted(const struct config *config)
{
	const char *text = config_pairs_get(&config->kafka, "security.protocol");

	return text && strcasestr(text, "ssl");
}

static bool wants_tls(const struct config *config, const char *features)
{
	return is_encrypted(config) && !strstr(features, "ssl");
}

static bool wants_kerberos(const struct config *config, const char *features)
{
	return logs_in_by(config, "GSSAPI") && !strstr(features, "gssapi");
}

static bool wants_oidc(const struct config *config, const char *features)
{
	const char *method = config_pairs_get(&config->kafka, "sasl.oauthbearer.method");

	return logs_in_by(config, "OAUTHBEARER") && method && strcasecmp(method, "oidc") == 0 &&
		!strstr(features, "oidc");
}

static bool is_in_the_clear(const struct config *config, const char *features)
{
	const char *text = config_pairs_get(&config->kafka, "security.protocol");

	return text && strcasecmp(text, "sasl_plaintext") == 0 && logs_in_by(config, "PLAIN");
}

static bool always(const struct config *config, const char *features)
{
	return true;
}

/* Below `fixed_in` (0: of any version), where it applies. */
static const struct bug {
	unsigned fixed_in;
	bool (*applies)(const struct config *config, const char *features);
	enum finding_severity severity;
	const char *text, *remedy;
} bugs[] = {
	{ 0x020601ff, has_scram, FINDING_WARNING,
		"it cannot log in to Kafka 4 by SCRAM, though the password is right (brokers up to "
		"3.9 take it)",
		"use librdkafka 2.6.1 or newer, or PLAIN or client certificates over TLS, before "
		"the brokers become Kafka 4" },
	{ 0x020a00ff, is_cooperative, FINDING_ERROR,
		"with assignment = cooperative it delivers records twice in a rebalance; onced "
		"refuses to start so",
		"use librdkafka 2.10 or newer, or assignment = eager" },
	{ 0x020c00ff, is_assigned_by_brokers, FINDING_ERROR,
		"it does not know the group protocol of assignment = consumer well enough; onced "
		"refuses to start so",
		"use librdkafka 2.12 or newer, or assignment = eager" },
	{ 0x020e02ff, always, FINDING_NOTE,
		"it may crash while it leaves a group whose coordinator is away: a worker that "
		"dies behind \"drained\" loses nothing",
		"use librdkafka 2.14.2 or newer" },
	{ 0, wants_tls, FINDING_ERROR,
		"this build of it knows no TLS, which security.protocol asks for",
		"install a librdkafka built with OpenSSL" },
	{ 0, wants_kerberos, FINDING_ERROR, "this build of it knows no Kerberos (GSSAPI)",
		"install a librdkafka built with SASL (libsasl2)" },
	{ 0, wants_oidc, FINDING_ERROR, "this build of it knows no OIDC (sasl.oauthbearer.method)",
		"install a librdkafka built with libcurl" },
	{ 0, is_in_the_clear, FINDING_WARNING,
		"PLAIN without TLS sends the password over the network as it is",
		"use security.protocol = SASL_SSL" },
};

void doctor_judge_library(const struct config *config, const struct doctor_library *library,
	struct findings *findings)
{
	size_t before = findings->count;

	for (size_t i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
		const struct bug *bug = &bugs[i];

		if ((bug->fixed_in == 0 || library->version < bug->fixed_in) &&
			bug->applies(config, library->features)) {
			findings_add(findings, bug->severity, bug->remedy, "librdkafka %s: %s",
				library->version_text, bug->text);
		}
	}
	if (findings->count == before) {
		findings_add(findings, FINDING_GOOD, NULL,
			"librdkafka %s: nothing known that applies here", library->version_text);
	}
}

void doctor_check_library(struct doctor *doctor)
{
	char features[512];
	const struct doctor_library library = {
		.version = kafka_version_number(),
		.version_text = kafka_version(),
		.features = kafka_features(features, sizeof(features)),
	};

	doctor_judge_library(doctor->config, &library, &doctor->findings);
}
