/*
 * reload - from the configuration in use to that of the file, while workers run
 *
 *	load → compare → migrate new stores → probe what changes → apply
 *
 * Runs in: supervisor. Until it is applied nothing has changed, and an error at any step leaves it
 * so. What needs foreign code is asked of probes; the loop never waits. Nothing of a reload is
 * written anywhere: a supervisor that dies in the middle of one starts with the file.
 *
 *	reload.c         load and compare, refuse or apply
 *	reload_probe.c   what is asked of probes
 *	reload_apply.c   the change of the tree
 *	reload_follow.c  the way of the workers
 *	reload_report.c  what is told about it
 */
#pragma once

#include <jansson.h>

#include "base/buffer.h"
#include "config/diff.h"
#include "supervisor/probe.h"
#include "supervisor/tree.h"

struct supervisor;

enum reload_state {
	RELOAD_NONE, /* none since the start */
	RELOAD_MIGRATING,
	RELOAD_PROBING,
	RELOAD_APPLYING, /* it holds; workers are on their way */
	RELOAD_DONE,
	RELOAD_REFUSED, /* nothing changed */
	RELOAD_STATES
};

/* One consumer of the old or the new configuration. */
struct reload_entry {
	char *name;
	const struct config_consumer *config; /* in `next`; NULL: it has none of that name */
	struct consumer *consumer; /* NULL: new, and not applied yet */
	enum config_rule rule; /* the heaviest of its changes */
	bool is_new, is_gone;
	struct probe probe;
	char warning[ERR_TEXT_MAX]; /* what could not be checked */
	unsigned touched; /* workers that had to start, end or change */
};

struct reload {
	uint64_t number; /* of reloads since the start */
	enum reload_state state;
	char who[PAUSE_WHO_MAX];
	int64_t started_ms, started_us, ended_us;
	struct config *next; /* until it is applied or refused */
	struct tree names; /* of `next`: the instance ids */
	struct buffer errors; /* REFUSED: a line each */
	struct config_diff changes; /* between the configuration in use and the file */
	struct reload_entry *entries;
	size_t entry_count;
	bool is_asked_again; /* while it was checked */

	/* All that were loaded and are still of use to a slot or a consumer; the last is in use. */
	struct config **configs;
	size_t config_count, config_capacity;
};

/*
 * Begin one. 0: it is under way, or already refused; -EBUSY: another is being checked; -EAGAIN: the
 * daemon starts or stops.
 */
int reload_begin(struct supervisor *supervisor, const char *who, struct err *err);
/* By a signal: when it cannot be now, then as soon as it can. */
void reload_signalled(struct supervisor *supervisor);
/* Now it can. */
void reload_go_on(struct supervisor *supervisor);

/* Read the file; what is wrong is appended to `errors`. */
int reload_load(const struct supervisor *supervisor, struct config **ret, struct buffer *errors);

/* A worker became ready, or ended for good: is all done? */
void reload_check(struct supervisor *supervisor);
/* The process of a slot ended that is retired, or whose consumer is replaced or released. */
void reload_slot_ended(struct supervisor *supervisor, struct slot *slot);

/* Shutdown: end what checks. */
void reload_cancel(struct supervisor *supervisor);
bool reload_has_children(const struct supervisor *supervisor);
void reload_fini(struct supervisor *supervisor);

/* Ask what needs foreign code; ends in one of the next two. */
void reload_begin_checks(struct supervisor *supervisor);
void reload_refuse(struct supervisor *supervisor);
void reload_apply(struct supervisor *supervisor);
/* Why memory is reason enough. */
extern const char reload_out_of_memory[];
/* A line of `errors`; `consumer` may be NULL. */
void reload_add_error(struct supervisor *supervisor, const char *consumer, const char *text);

/* All that can fail, of which nothing is seen before reload_commit(). */
int reload_prepare(struct supervisor *supervisor, struct err *err);
void reload_commit(struct supervisor *supervisor);
/* The heaviest rule between what a consumer's workers run with and `config` of `next`. */
enum config_rule reload_rule_for(const struct supervisor *supervisor,
	const struct consumer *consumer, const struct config *next,
	const struct config_consumer *config);

/* The last one, whole. */
json_t *reload_json(const struct supervisor *supervisor);
/* What a reload would change now. */
json_t *reload_preview_json(const struct supervisor *supervisor);
