/*
 * unit_group - the statements of a transaction in savepoint groups
 *
 * Works with the same single statement in a row are one *set* where the store can send it once for
 * all of them. A set says only that somebody in it failed: it is formed again in smaller sets, and
 * what failed in a small one goes statement by statement. Where many fail, batches go without sets
 * for a while.
 */
#include "worker/unit_private.h"

enum {
	SET_SMALL = 64, /* works in a set after one failed, at least */
	SETLESS_FAILURES = 4, /* so many failed sets in a batch: sets do not pay */
	SETLESS_FIRST = 4,
	SETLESS_MAX = 64, /* batches */
};
/* What one statement may carry. */
#define SET_BYTES_MAX ((size_t)1024 * 1024)

bool unit_has_effect(const struct unit_work *work)
{
	return work->fate == UNIT_DONE && (work->event.statements || work->event.has_asked);
}

/* ---- how well sets go ---- */

static void learn_from_batch(struct unit *unit)
{
	if (unit->set_max == 0) {
		return; /* it went without */
	}
	if (unit->set_failures < SETLESS_FAILURES) {
		unit->setless_next = 0;
		return;
	}
	unit->setless_next = unit->setless_next ? 2 * unit->setless_next : SETLESS_FIRST;
	if (unit->setless_next > SETLESS_MAX) {
		unit->setless_next = SETLESS_MAX;
	}
	unit->setless_batches = unit->setless_next;
}

void unit_reset_groups(struct unit *unit)
{
	learn_from_batch(unit);
	unit->group_count = 0;
	unit->set_failures = 0;
	unit->set_max = unit->options.batch_max;
	if (unit->setless_batches > 0) {
		unit->setless_batches--;
		unit->set_max = 0;
	}
}

/* ---- forming ---- */

/* Single statements in a group, so that `effects` of them make at most UNIT_GROUPS_MAX. */
static unsigned group_size(unsigned effects)
{
	return (effects + UNIT_GROUPS_MAX - 1) / UNIT_GROUPS_MAX;
}

static bool may_be_in_set(const struct unit *unit, const struct unit_work *work)
{
	const struct event_statement *statement = work->event.statements;
	const struct store_ops *store = unit->options.store;

	/* what asked has a group of its own */
	return unit->set_max > 1 && !work->event.has_asked && !work->is_single &&
		!statement->next && store->can_set &&
		store->can_set(unit->session, (size_t)statement->index, statement->value_count);
}

static size_t statement_bytes(const struct event_statement *statement)
{
	size_t bytes = 0;

	for (size_t i = 0; i < statement->value_count; i++) {
		bytes += statement->values[i].text.len;
	}
	return bytes;
}

/* How many works with an effect, from `first` on, can be one set; `ret_end` is behind them. */
static unsigned measure_set(
	const struct unit *unit, unsigned first, unsigned end, unsigned *ret_end)
{
	int index = unit->works[first].event.statements->index;
	unsigned count = 0;
	size_t bytes = 0;

	for (unsigned i = first; i < end && count < unit->set_max; i++) {
		const struct unit_work *work = &unit->works[i];
		if (!unit_has_effect(work)) {
			continue;
		}
		if (!may_be_in_set(unit, work) || work->event.statements->index != index) {
			break;
		}
		bytes += statement_bytes(work->event.statements);
		if (count && bytes > SET_BYTES_MAX) {
			break;
		}
		count++;
		*ret_end = i + 1;
	}
	return count;
}

/*
 * Does a set begin here? Shorter ones than two groups of single statements would only make more
 * groups, and these have their limit.
 */
static bool begins_set(
	const struct unit *unit, unsigned first, unsigned end, unsigned size, unsigned *ret_end)
{
	unsigned least = 2 * size;

	return may_be_in_set(unit, &unit->works[first]) &&
		measure_set(unit, first, end, ret_end) >= least;
}

static void add_group(struct unit *unit, unsigned first, unsigned end, bool is_set)
{
	struct unit_group *group = &unit->groups[unit->group_count];

	*group = (struct unit_group){ unit->next_savepoint++, first, end, is_set };
	for (unsigned i = first; i < end; i++) {
		unit->works[i].group = unit->group_count;
	}
	unit->group_count++;
}

/* As a group of single statements: up to `size` works, ending where a set may begin. */
static unsigned end_of_singles(const struct unit *unit, unsigned first, unsigned end, unsigned size)
{
	unsigned count = 0, i = first, ignored;

	for (; i < end && count < size; i++) {
		if (!unit_has_effect(&unit->works[i])) {
			continue;
		}
		if (count && begins_set(unit, i, end, size, &ignored)) {
			break;
		}
		count++;
	}
	return i;
}

void unit_begin_groups(struct unit *unit, struct unit_range range)
{
	unit->group_count = unit->group_next = 0;
	unit->is_group_open = false;
	unit->formed_end = range.first;
}

void unit_form_groups(struct unit *unit, unsigned end)
{
	unsigned effects = 0, size, i = unit->formed_end;

	for (unsigned work = i; work < end; work++) {
		effects += unit_has_effect(&unit->works[work]);
	}
	size = group_size(effects);
	while (i < end) {
		unsigned group_end = 0;
		bool is_set;
		if (!unit_has_effect(&unit->works[i])) {
			i++;
			continue;
		}
		is_set = begins_set(unit, i, end, size, &group_end);
		if (!is_set) {
			group_end = end_of_singles(unit, i, end, size);
		}
		add_group(unit, i, group_end, is_set);
		i = group_end;
	}
	unit->formed_end = end > unit->formed_end ? end : unit->formed_end;
}

static bool is_last_group(const struct unit *unit, unsigned i)
{
	return unit->group_count > 0 && unit->formed_end == i + 1 &&
		unit->groups[unit->group_count - 1].first == i;
}

void unit_form_asking(struct unit *unit, unsigned i)
{
	if (is_last_group(unit, i)) {
		return; /* it asked before */
	}
	unit_form_groups(unit, i);
	add_group(unit, i, i + 1, false);
	unit->formed_end = i + 1;
}

void unit_unform_asking(struct unit *unit, unsigned i)
{
	if (is_last_group(unit, i)) {
		unit->group_count--;
		unit->formed_end = i;
	}
}

static unsigned count_effects(const struct unit *unit, const struct unit_group *group)
{
	unsigned count = 0;

	for (unsigned i = group->first; i < group->end; i++) {
		count += unit_has_effect(&unit->works[i]);
	}
	return count;
}

/* Large enough to be formed in a full batch; see begins_set(). */
static unsigned small_set(const struct unit *unit)
{
	unsigned least = 2 * group_size(unit->options.batch_max);

	return least > SET_SMALL ? least : SET_SMALL;
}

void unit_split_set(struct unit *unit, unsigned group)
{
	const struct unit_group failed = unit->groups[group];

	unit->set_failures++;
	if (count_effects(unit, &failed) > small_set(unit)) {
		unit->set_max = small_set(unit);
	} else {
		for (unsigned i = failed.first; i < failed.end; i++) {
			unit->works[i].is_single = true;
		}
	}
	unit->group_count = unit->group_next = group;
	unit->is_group_open = false;
	unit->formed_end = failed.first;
}

/* ---- queueing ---- */

static const struct event_statement *first_unsent(const struct onced_event *event)
{
	return event->sent ? event->sent->next : event->statements;
}

static void queue_statements(struct unit *unit, const struct unit_group *group)
{
	for (unsigned i = group->first; i < group->end; i++) {
		const struct unit_work *work = &unit->works[i];
		if (!unit_has_effect(work)) {
			continue;
		}
		for (const struct event_statement *s = first_unsent(&work->event); s; s = s->next) {
			unit->options.store->statement(
				unit->session, (size_t)s->index, s->values, s->value_count, i);
		}
	}
}

static void queue_set(struct unit *unit, const struct unit_group *group, unsigned number)
{
	const struct store_value **rows;
	size_t count = 0;
	int index = 0;

	rows = arena_alloc(&unit->arena, (group->end - group->first) * sizeof(*rows));
	for (unsigned i = group->first; i < group->end; i++) {
		const struct unit_work *work = &unit->works[i];
		if (unit_has_effect(work)) {
			rows[count++] = work->event.statements->values;
			index = work->event.statements->index;
		}
	}
	unit->options.store->statement_set(unit->session, (size_t)index, rows, count, number);
}

void unit_queue_groups(struct unit *unit, bool is_asking)
{
	const struct store_ops *store = unit->options.store;

	for (unsigned i = unit->group_next; i < unit->group_count; i++) {
		const struct unit_group *group = &unit->groups[i];
		bool is_open = unit->is_group_open && i == unit->group_next;
		if (!is_open && count_effects(unit, group) == 0) {
			continue; /* all of them left the batch */
		}
		if (!is_open) {
			store->savepoint(unit->session, group->savepoint);
		}
		if (group->is_set && count_effects(unit, group) > 0) {
			queue_set(unit, group, i);
		} else {
			queue_statements(unit, group);
		}
		if (!is_asking || i < unit->group_count - 1) {
			store->release(unit->session, group->savepoint);
		}
	}
}
