/*
 * unassigned - the lag of partitions that no worker of the group has, and how they get an owner
 *
 * Runs in: worker. The clerk's thread asks, the main thread shows.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct clerk;
struct partition;
struct worker;

struct unassigned_partition {
	const char *topic; /* the configuration's */
	int32_t partition;
	int64_t committed, end_offset; /* -1 unknown */
};

struct unassigned_list {
	struct unassigned_partition *items;
	size_t count;
	size_t total; /* partitions that the topics have, with owners or without */
};

void unassigned_list_fini(struct unassigned_list *list);

/* Clerk: ask, now and then. What nobody can say just now counts as nothing. */
void unassigned_ask(struct clerk *clerk, int64_t now_us);
/* Main thread, under the clerk's lock: show what was found, hide what was shown before. */
void unassigned_show(struct worker *worker);
/* Main thread, a partition was opened: with lists, those of its topic that are in none. */
void unassigned_name_unlisted(struct worker *worker, const struct partition *p);
/* Main thread: have the group give out its partitions anew where it does not do so by itself. */
void unassigned_heal(struct worker *worker, int64_t now_us);
