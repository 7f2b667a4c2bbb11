#include "dlq_tally.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "dlq_json.h"
#include "table.h"

void dlq_tally_init(struct dlq_tally *tally, const char *const *heads, size_t columns)
{
	*tally = (struct dlq_tally){ .heads = heads, .columns = columns };
}

void dlq_tally_fini(struct dlq_tally *tally)
{
	for (size_t i = 0; i < tally->count; i++) {
		for (size_t k = 0; k < tally->columns; k++) {
			free(tally->rows[i].words[k]);
		}
	}
	free(tally->rows);
	*tally = (struct dlq_tally){ 0 };
}

static bool is_row(
	const struct dlq_tally *tally, const struct dlq_tally_row *row, const struct slice *words)
{
	for (size_t k = 0; k < tally->columns; k++) {
		struct slice word = words[k].data ? words[k] : SLICE_LITERAL("");

		if (!slice_equal_str(word, row->words[k])) {
			return false;
		}
	}
	return true;
}

/* What is shown is a C string: a NUL ends it, and it is compared as it is shown. */
static struct slice as_shown(struct slice word)
{
	return word.data ? slice_from(word.data, strnlen(word.data, word.len)) : SLICE_LITERAL("");
}

static struct dlq_tally_row *find_row(struct dlq_tally *tally, const struct slice *words)
{
	static const struct slice others[DLQ_TALLY_WORDS_MAX] = { SLICE_LITERAL("(others)") };
	struct dlq_tally_row *row;

	for (size_t i = 0; i < tally->count; i++) {
		if (is_row(tally, &tally->rows[i], words)) {
			return &tally->rows[i];
		}
	}
	if (tally->count >= DLQ_TALLY_MAX && words != others) {
		return find_row(tally, others);
	}
	ARRAY_GROW(tally->rows, tally->count, tally->capacity);
	row = &tally->rows[tally->count++];
	*row = (struct dlq_tally_row){ .count = 0 };
	for (size_t k = 0; k < tally->columns; k++) {
		row->words[k] = words[k].data ? xstrndup(words[k].data, words[k].len) : xstrdup("");
	}
	return row;
}

void dlq_tally_add(struct dlq_tally *tally, const struct slice *words)
{
	struct slice shown[DLQ_TALLY_WORDS_MAX];

	for (size_t k = 0; k < tally->columns; k++) {
		shown[k] = as_shown(words[k]);
	}
	find_row(tally, shown)->count++;
	tally->total++;
}

static int by_count(const void *left, const void *right)
{
	const struct dlq_tally_row *a = left, *b = right;

	if (a->count != b->count) {
		return a->count < b->count ? 1 : -1;
	}
	return strcmp(a->words[0], b->words[0]);
}

static void sort(struct dlq_tally *tally)
{
	if (tally->count > 0) {
		qsort(tally->rows, tally->count, sizeof(*tally->rows), by_count);
	}
}

void dlq_tally_write(struct dlq_tally *tally, struct buffer *out)
{
	const char *heads[DLQ_TALLY_WORDS_MAX + 1] = { ">COUNT" };
	_cleanup_(table_fini) struct table table;

	memcpy(&heads[1], tally->heads, tally->columns * sizeof(*heads));
	table_init(&table, heads, tally->columns + 1);
	sort(tally);
	for (size_t i = 0; i < tally->count; i++) {
		table_add(&table, "%zu", tally->rows[i].count);
		for (size_t k = 0; k < tally->columns; k++) {
			const char *word = tally->rows[i].words[k];

			table_add(&table, "%s", word[0] ? word : "-");
		}
	}
	table_write(&table, out);
}

static char *lower(const char *head)
{
	char *text = xstrdup(head);

	for (char *c = text; *c; c++) {
		*c = *c == ' ' ? '_' : (char)tolower((unsigned char)*c);
	}
	return text;
}

json_t *dlq_tally_json(struct dlq_tally *tally)
{
	json_t *array = json_array();

	sort(tally);
	for (size_t i = 0; i < tally->count; i++) {
		json_t *row = json_pack("{s:I}", "count", (json_int_t)tally->rows[i].count);

		for (size_t k = 0; k < tally->columns; k++) {
			_cleanup_free_ char *name = lower(tally->heads[k]);

			json_object_set_new(
				row, name, dlq_json_bytes(slice_from_str(tally->rows[i].words[k])));
		}
		json_array_append_new(array, row);
	}
	return array;
}
