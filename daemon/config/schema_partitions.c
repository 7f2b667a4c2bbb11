/*
 * schema_partitions - `partitions = 0-3 | 4-7`: one list of partition numbers
 * for each worker
 *
 * Lists come out sorted and without overlaps.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "config/schema_type.h"

enum {
	PARTITION_MAX = 99999,
	PARTITION_LISTS_MAX = 256, /* as many as there can be workers */
};

/* Partition numbers of one worker while they are read. */
struct numbers {
	int32_t *items;
	size_t count, capacity;
};

static void numbers_fini(struct numbers *numbers)
{
	free(numbers->items);
}

static int parse_partition_number(const char **s, int32_t *ret)
{
	int32_t value = 0;
	const char *start = *s;

	for (; isdigit((unsigned char)**s); (*s)++) {
		value = value * 10 + (**s - '0');
		if (value > PARTITION_MAX) {
			return -EINVAL;
		}
	}
	*ret = value;
	return *s == start ? -EINVAL : 0;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

/* "4", "0-3" at *s; moves it behind. */
static int parse_partition_range(const char **s, struct numbers *numbers)
{
	int32_t first, last;

	*s = skip_blanks(*s);
	if (parse_partition_number(s, &first) < 0) {
		return -EINVAL;
	}
	last = first;
	*s = skip_blanks(*s);
	if (**s == '-') {
		*s = skip_blanks(*s + 1);
		if (parse_partition_number(s, &last) < 0 || last < first) {
			return -EINVAL;
		}
		*s = skip_blanks(*s);
	}
	for (int32_t number = first; number <= last; number++) {
		ARRAY_GROW(numbers->items, numbers->count, numbers->capacity);
		numbers->items[numbers->count++] = number;
	}
	return numbers->count > PARTITION_MAX + 1 ? -EINVAL : 0;
}

static int compare_numbers(const void *a, const void *b)
{
	int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;

	return (left > right) - (left < right);
}

/* "0-3, 7" up to a | or the end; moves *s there. */
static int parse_partition_list(
	const char **s, struct pool *pool, struct config_partition_group *ret, struct err *err)
{
	_cleanup_(numbers_fini) struct numbers numbers = { 0 };

	for (;;) {
		if (parse_partition_range(s, &numbers) < 0) {
			return err_set(err, -EINVAL,
				"must be auto, or lists like 0-3 | 4-7: one for each worker, "
				"numbers up to %d",
				PARTITION_MAX);
		}
		if (**s != ',') {
			break;
		}
		(*s)++;
	}
	qsort(numbers.items, numbers.count, sizeof(*numbers.items), compare_numbers);
	for (size_t i = 1; i < numbers.count; i++) {
		if (numbers.items[i] == numbers.items[i - 1]) {
			return err_set(err, -EINVAL, "names partition %" PRId32 " twice",
				numbers.items[i]);
		}
	}
	ret->partitions = pool_alloc(pool, numbers.count * sizeof(*numbers.items));
	memcpy(ret->partitions, numbers.items, numbers.count * sizeof(*numbers.items));
	ret->count = numbers.count;
	return 0;
}

/* Is a partition in two groups? Both are sorted. */
static bool find_overlap(const struct config_partition_group *a,
	const struct config_partition_group *b, int32_t *ret)
{
	for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
		if (a->partitions[i] == b->partitions[j]) {
			*ret = a->partitions[i];
			return true;
		}
		if (a->partitions[i] < b->partitions[j]) {
			i++;
		} else {
			j++;
		}
	}
	return false;
}

static int check_overlaps(
	const struct config_partition_group *groups, size_t count, struct err *err)
{
	int32_t partition;

	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count; j++) {
			if (find_overlap(&groups[i], &groups[j], &partition)) {
				return err_set(err, -EINVAL,
					"gives partition %" PRId32 " to two workers (%zu and %zu)",
					partition, i, j);
			}
		}
	}
	return 0;
}

static struct config_consumer *consumer_of_groups(void *field)
{
	return (struct config_consumer *)((char *)field - offsetof(struct config_consumer, groups));
}

int schema_parse_partitions(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	struct config_consumer *consumer = consumer_of_groups(field);
	struct config_partition_group *groups;
	size_t count = 0;
	int r;

	if (strcmp(text, "auto") == 0) {
		consumer->groups = NULL;
		consumer->group_count = 0;
		return 0;
	}
	groups = pool_alloc(context->pool, PARTITION_LISTS_MAX * sizeof(*groups));
	for (const char *s = text;; s++) {
		if (count == PARTITION_LISTS_MAX) {
			return err_set(err, -EINVAL, "must not have more than %d lists",
				PARTITION_LISTS_MAX);
		}
		r = parse_partition_list(&s, context->pool, &groups[count], err);
		if (r < 0) {
			return r;
		}
		count++;
		if (*s == '\0') {
			break;
		}
		if (*s != '|') {
			return err_set(err, -EINVAL, "must be auto, or lists like 0-3 | 4-7");
		}
	}
	r = check_overlaps(groups, count, err);
	if (r == 0) {
		consumer->groups = groups;
		consumer->group_count = count;
	}
	return r;
}

static void write_partition_list(const struct config_partition_group *group, struct buffer *out)
{
	for (size_t i = 0; i < group->count;) {
		size_t last = i;

		while (last + 1 < group->count &&
			group->partitions[last + 1] == group->partitions[last] + 1) {
			last++;
		}
		buffer_printf(out, "%s%" PRId32, i > 0 ? ", " : "", group->partitions[i]);
		if (last > i) {
			buffer_printf(out, "-%" PRId32, group->partitions[last]);
		}
		i = last + 1;
	}
}

bool schema_write_partitions(const struct schema_key *key, const void *field, struct buffer *out)
{
	const struct config_consumer *consumer = consumer_of_groups((void *)(uintptr_t)field);

	if (!consumer->groups) {
		buffer_append_str(out, "auto");
		return true;
	}
	for (size_t i = 0; i < consumer->group_count; i++) {
		buffer_append_str(out, i > 0 ? " | " : "");
		write_partition_list(&consumer->groups[i], out);
	}
	return true;
}
