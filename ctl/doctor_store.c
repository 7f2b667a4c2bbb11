/*
 * doctor_store - checks of `oncectl doctor`: can the consumer work with its store?
 *
 * Runs in: oncectl. Binds no scope and migrates nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "doctor.h"
#include "migration.h"

/* Leases and pauses end by the store's clock, retries and logs by ours. */
enum { CLOCK_WARNING_MS = 2000, CLOCK_ERROR_MS = 60000 };

/* By SQLSTATE, or by a part of what the database's library says. */
static const struct remedy {
	const char *code, *part, *remedy;
} remedies[] = {
	{ NULL, "certificate verify failed",
		"give the authority that signed the server's certificate: "
		"sslrootcert=/path/ca.pem in the store's URL" },
	{ NULL, "does not match host name",
		"write a host name into the store's URL that is in the server's certificate" },
	{ NULL, "root certificate file",
		"give the authority that signed the server's certificate: "
		"sslrootcert=/path/ca.pem in the store's URL" },
	{ NULL, "does not support SSL",
		"turn ssl on in the server, or see that this is the right one" },
	{ NULL, "no encryption", "sslmode=verify-full in the store's URL: the server wants TLS" },
	{ "28P01", NULL, "see store.user and store.password" },
	{ "28000", NULL, "see store.user, and pg_hba.conf of the server" },
	{ "3D000", NULL, "create the database, or see its name in the store's URL" },
	{ "42501", NULL, "GRANT it to the user of the store" },
	{ NULL, "Connection refused", "is the database running, and its address right?" },
	{ NULL, "no answer in", "is there a firewall between, and the address right?" },
};

static const char *remedy_of(const struct err *err)
{
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
		const struct remedy *row = &remedies[i];

		if (row->code ? strcmp(err->code, row->code) == 0
			      : strstr(err->text, row->part) != NULL) {
			return row->remedy;
		}
	}
	return NULL;
}

static void add_failure(struct doctor *doctor, const struct err *err)
{
	findings_add(&doctor->findings, FINDING_ERROR, remedy_of(err), "%s", err->text);
}

void doctor_judge_schema(
	const struct config *config, const struct store_schema *schema, struct findings *findings)
{
	if (schema->version > schema->known) {
		findings_add(findings, FINDING_ERROR, "use the onced that migrated it, or a newer",
			"the store has schema version %u, this onced knows %u", schema->version,
			schema->known);
	} else if (schema->version == schema->known) {
		findings_add(findings, FINDING_GOOD, NULL, "the store's schema is version %u",
			schema->version);
	} else if (config->store_migrate) {
		findings_add(findings, FINDING_NOTE, NULL,
			"the store's schema is version %u and becomes %u at the start "
			"(store.migrate)",
			schema->version, schema->known);
	} else if (schema->version == 0) {
		findings_add(findings, FINDING_ERROR,
			"run `oncectl migrate`, or set store.migrate = yes",
			"the store has no tables of onced");
	} else {
		findings_add(findings, FINDING_ERROR,
			"run `oncectl migrate`, or set store.migrate = yes",
			"the store has schema version %u, this onced needs %u", schema->version,
			schema->known);
	}
}

void doctor_judge_clock(int64_t ahead_ms, struct findings *findings)
{
	int64_t off_ms = ahead_ms < 0 ? -ahead_ms : ahead_ms;

	if (off_ms < CLOCK_WARNING_MS) {
		findings_add(findings, FINDING_GOOD, NULL, "clocks here and in the store agree");
		return;
	}
	findings_add(findings, off_ms < CLOCK_ERROR_MS ? FINDING_WARNING : FINDING_ERROR,
		"let both be set by NTP",
		"the store's clock is %lld s %s this host's: pauses, leases and times in dead "
		"letters do not agree",
		(long long)(off_ms / 1000), ahead_ms > 0 ? "ahead of" : "behind");
}

static void examine(struct doctor *doctor, struct store *store)
{
	struct store_examination found;
	struct err err = ERR_INIT;

	if (store->ops->examine(store, &found, &err) < 0) {
		add_failure(doctor, &err);
		return;
	}
	if (found.missing[0]) {
		findings_add(&doctor->findings, FINDING_ERROR,
			"GRANT them to the user of the store",
			"the user of the store lacks rights: %s", found.missing);
	} else {
		findings_add(&doctor->findings, FINDING_GOOD, NULL,
			"the user of the store has all rights it needs");
	}
	if (found.group_id[0] && strcmp(found.group_id, doctor->consumer->group_id) != 0) {
		findings_add(&doctor->findings, FINDING_ERROR,
			"give this consumer a dedup.scope of its own",
			"dedup scope %s belongs to group %s, not to %s",
			doctor->consumer->dedup_scope, found.group_id, doctor->consumer->group_id);
	}
	if (found.has_clock) {
		doctor_judge_clock(found.ahead_ms, &doctor->findings);
	}
}

/* A store that tells what is wrong with it when somebody begins to work with it. */
static void begin_session(struct doctor *doctor, struct store *store)
{
	struct store_session *session = NULL;
	struct store_notice notice;
	struct err err = ERR_INIT;
	int r = store->ops->session_open(store, &session, &err);

	r = r < 0 ? r : store->ops->session_ready(session, &err);
	if (r != 0) {
		add_failure(doctor, &err);
	}
	while (r == 0 && store->ops->take_notice && store->ops->take_notice(session, &notice)) {
		findings_add(&doctor->findings, FINDING_WARNING, NULL, "%s", notice.text);
	}
	store->ops->session_close(session);
}

static void look(struct doctor *doctor, struct store *store)
{
	struct store_schema schema = { 0 };
	struct err err = ERR_INIT;

	if (!store->ops->look_schema) {
		begin_session(doctor, store);
		return;
	}
	if (store->ops->look_schema(store, &schema, &err) < 0) {
		add_failure(doctor, &err);
		return;
	}
	doctor_judge_schema(doctor->config, &schema, &doctor->findings);
	if (store->ops->examine && schema.version == schema.known) {
		examine(doctor, store);
	}
}

void doctor_check_store(struct doctor *doctor)
{
	struct store *store = NULL;
	struct err err = ERR_INIT;

	if (strcmp(config_store_of(doctor->config, doctor->consumer), "none:") == 0) {
		findings_add(&doctor->findings, FINDING_NOTE, NULL,
			"store = none: nothing is remembered, events may repeat after a crash");
		return;
	}
	if (migration_open(doctor->config, doctor->consumer, 0, &store, &err) < 0) {
		add_failure(doctor, &err);
		return;
	}
	look(doctor, store);
	store->ops->close(store);
}
