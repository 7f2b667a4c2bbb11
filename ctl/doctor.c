/*
 * doctor - `oncectl doctor`: would this configuration work here? asked before it has to
 *
 * Runs in: oncectl; the daemon need not run. Nothing is written, committed or joined. Questions end
 * by --timeout; should a library not come back, an alarm ends the process a little later.
 */
#include "doctor.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "arguments.h"
#include "base/clock.h"
#include "config/value.h"
#include "config_file.h"
#include "doctor_verb.h"

#define TIMEOUT_DEFAULT_US ((int64_t)60 * 1000000)
enum { TIMEOUT_MAX_S = 3600, ALARM_GRACE_S = 15 };

const struct verb_option doctor_options[] = {
	{ "--consumer", "NAME", "only this one" },
	{ "--all", NULL, "also what is good" },
	{ "--strict", NULL, "status 1 for warnings, too" },
	{ "--timeout", "TIME", "ask no longer than this (default 1m)" },
	{ 0 },
};

/* In this order: a row may use what those before it found. */
static const struct doctor_check {
	const char *name;
	bool is_of_consumer, needs_cluster;
	void (*run)(struct doctor *doctor);
} checks[] = {
	{ "deployment", false, false, doctor_check_deployment },
	{ "state", false, false, doctor_check_state },
	{ "library", false, false, doctor_check_library },
	{ "cluster", true, false, doctor_check_cluster },
	{ "brokers", true, true, doctor_check_brokers },
	{ "topics", true, true, doctor_check_topics },
	{ "partitions", true, true, doctor_check_partitions },
	{ "read", true, true, doctor_check_reading },
	{ "write", true, true, doctor_check_writing },
	{ "dead-letters", true, true, doctor_check_dead_letters },
	{ "retention", true, true, doctor_check_retention },
	{ "store", true, false, doctor_check_store },
};

static void run_checks(struct doctor *doctor, bool is_of_consumer)
{
	char subject[160] = "";

	if (is_of_consumer) {
		snprintf(subject, sizeof(subject), "consumer %s", doctor->consumer->name);
	}
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		const struct doctor_check *check = &checks[i];

		if (check->is_of_consumer != is_of_consumer ||
			(check->needs_cluster && !doctor->examiner)) {
			continue;
		}
		doctor->findings.check = check->name;
		doctor->findings.subject = subject;
		check->run(doctor);
	}
	doctor->findings.subject = "";
}

static struct deployment look_around(void)
{
	struct deployment where = { .has_stable_host = access("/etc/machine-id", R_OK) == 0 &&
			getenv("KUBERNETES_SERVICE_HOST") == NULL };
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
		where.files_max = (int64_t)limit.rlim_cur;
	}
	return where;
}

static void examine(struct doctor *doctor, const struct config_consumer *only)
{
	run_checks(doctor, false);
	for (size_t i = 0; i < doctor->config->consumer_count; i++) {
		doctor->consumer = &doctor->config->consumers[i];
		if (!only || doctor->consumer == only) {
			run_checks(doctor, true);
		}
	}
}

/* ---- telling ---- */

static void print_lines(const struct findings *findings, bool shows_all)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		if (finding->severity == FINDING_GOOD && !shows_all) {
			continue;
		}
		printf("%-7s %s%s%s: %s%s%s\n", finding_severity_name(finding->severity),
			finding->check, finding->subject[0] ? ", " : "", finding->subject,
			finding->text, finding->remedy[0] ? "; " : "", finding->remedy);
	}
	printf("%zu errors, %zu warnings, %zu notes, %zu good\n",
		findings_count(findings, FINDING_ERROR), findings_count(findings, FINDING_WARNING),
		findings_count(findings, FINDING_NOTE), findings_count(findings, FINDING_GOOD));
}

static void set(json_t *object, const char *key, json_t *take_value)
{
	(void)json_object_set_new(object, key, take_value);
}

/* What a server said may be no UTF-8. */
static json_t *text_json(const char *text)
{
	json_t *value = json_string(text);

	return value ? value : json_string("?");
}

static json_t *finding_json(const struct finding *finding)
{
	json_t *object = json_object();

	set(object, "severity", json_string(finding_severity_name(finding->severity)));
	set(object, "check", json_string(finding->check));
	set(object, "subject", text_json(finding->subject));
	set(object, "text", text_json(finding->text));
	set(object, "change", text_json(finding->remedy));
	return object;
}

static void print_json(const struct findings *findings)
{
	json_t *object = json_object(), *array = json_array();
	char *text;

	for (size_t i = 0; i < findings->count; i++) {
		(void)json_array_append_new(array, finding_json(&findings->items[i]));
	}
	set(object, "findings", array);
	for (int i = 0; i < FINDING_SEVERITIES; i++) {
		enum finding_severity severity = (enum finding_severity)i;

		set(object, finding_severity_name(severity),
			json_integer((json_int_t)findings_count(findings, severity)));
	}
	text = json_dumps(object, JSON_COMPACT);
	puts(text ? text : "{}");
	free(text);
	json_decref(object);
}

/* ---- the verb ---- */

static void on_alarm(int number)
{
	static const char text[] = "oncectl: doctor was not answered in time and gave up\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(CTL_FAILED);
}

static int parse_timeout(const struct ctl *ctl, int64_t *ret_us)
{
	const char *text = ctl_option(ctl, "--timeout");

	*ret_us = TIMEOUT_DEFAULT_US;
	if (text &&
		(value_parse_duration(text, ret_us) < 0 || *ret_us < 1000000 ||
			*ret_us > (int64_t)TIMEOUT_MAX_S * 1000000)) {
		fprintf(stderr, "oncectl: --timeout %s: must be a time from 1s to 1h\n", text);
		return -1;
	}
	return 0;
}

int verb_doctor(const struct ctl *ctl)
{
	const char *name = ctl_option(ctl, "--consumer");
	_cleanup_(config_freep) struct config *config = NULL;
	const struct config_consumer *only = NULL;
	struct doctor doctor = { .findings = FINDINGS_INIT, .where = look_around() };
	int64_t timeout_us;
	size_t errors, warnings;

	if (parse_timeout(ctl, &timeout_us) < 0) {
		return CTL_USAGE;
	}
	if (config_file_load(ctl, &config) < 0) {
		return CTL_FAILED;
	}
	if (name && !(only = config_file_consumer(config, name))) {
		return CTL_USAGE;
	}
	signal(SIGALRM, on_alarm);
	alarm((unsigned)(timeout_us / 1000000) + ALARM_GRACE_S);
	doctor.config = config;
	doctor.deadline_us = clock_mono_us() + timeout_us;
	examine(&doctor, only);
	if (ctl->is_json) {
		print_json(&doctor.findings);
	} else {
		print_lines(&doctor.findings, ctl_option(ctl, "--all") != NULL);
	}
	fflush(stdout);
	errors = findings_count(&doctor.findings, FINDING_ERROR);
	warnings = findings_count(&doctor.findings, FINDING_WARNING);
	kafka_examiner_close(doctor.examiner);
	free(doctor.topics);
	findings_fini(&doctor.findings);
	return errors || (warnings && ctl_option(ctl, "--strict")) ? CTL_FAILED : CTL_OK;
}
