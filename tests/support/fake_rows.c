/*
 * fake_rows - the tables of the fake store: committed rows, and the changes of open transactions
 */
#include "fake_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void fake_rows_fini(struct fake_rows *rows)
{
	free(rows->rows);
	free(rows->effects);
	free(rows->attempts);
	arena_fini(&rows->arena);
}

void fake_transaction_fini(struct fake_transaction *transaction)
{
	free(transaction->changes);
	*transaction = (struct fake_transaction){ 0 };
}

bool fake_position_equal(const struct store_position *a, const struct store_position *b)
{
	return a->partition == b->partition && a->offset == b->offset &&
		a->timestamp_ms == b->timestamp_ms && slice_equal(a->topic, b->topic);
}

/* ---- changes ---- */

static void fake_copy_slices(struct arena *arena, struct fake_change *change)
{
	switch (change->kind) {
	case FAKE_PUT_ROW:
	case FAKE_DELETE_ROW:
		change->row.position.topic = arena_copy(arena, change->row.position.topic);
		change->row.event_id = arena_copy(arena, change->row.event_id);
		change->row.decision = arena_copy(arena, change->row.decision);
		return;
	case FAKE_PUT_ATTEMPTS:
	case FAKE_DELETE_ATTEMPTS:
		change->attempts.position.topic =
			arena_copy(arena, change->attempts.position.topic);
		return;
	case FAKE_ADD_EFFECT:
		break;
	}
	struct slice *values = arena_alloc(arena, change->effect.value_count * sizeof(*values));
	for (size_t i = 0; i < change->effect.value_count; i++) {
		values[i] = arena_copy(arena, change->effect.values[i]);
	}
	change->effect.values = values;
}

void fake_rows_change(struct fake_rows *rows, struct fake_transaction *transaction,
	const struct fake_change *change)
{
	ARRAY_GROW(transaction->changes, transaction->count, transaction->capacity);
	struct fake_change *own = &transaction->changes[transaction->count++];
	*own = *change;
	fake_copy_slices(&rows->arena, own);
}

static void fake_delete_row(struct fake_rows *rows, const uint8_t key[STORE_KEY_SIZE])
{
	struct fake_row *row = (struct fake_row *)fake_rows_find(rows, key);
	if (row) {
		*row = rows->rows[--rows->row_count];
	}
}

static void fake_delete_attempts(struct fake_rows *rows, const struct store_position *position)
{
	for (size_t i = 0; i < rows->attempt_count; i++) {
		if (fake_position_equal(&rows->attempts[i].position, position)) {
			rows->attempts[i] = rows->attempts[--rows->attempt_count];
			return;
		}
	}
}

static void fake_apply_change(struct fake_rows *rows, const struct fake_change *change)
{
	switch (change->kind) {
	case FAKE_PUT_ROW:
		fake_delete_row(rows, change->row.key);
		ARRAY_GROW(rows->rows, rows->row_count, rows->row_capacity);
		rows->rows[rows->row_count++] = change->row;
		return;
	case FAKE_DELETE_ROW:
		fake_delete_row(rows, change->row.key);
		return;
	case FAKE_ADD_EFFECT:
		ARRAY_GROW(rows->effects, rows->effect_count, rows->effect_capacity);
		rows->effects[rows->effect_count++] = change->effect;
		return;
	case FAKE_PUT_ATTEMPTS:
		fake_delete_attempts(rows, &change->attempts.position);
		ARRAY_GROW(rows->attempts, rows->attempt_count, rows->attempt_capacity);
		rows->attempts[rows->attempt_count++] = change->attempts;
		return;
	case FAKE_DELETE_ATTEMPTS:
		fake_delete_attempts(rows, &change->attempts.position);
		return;
	}
}

void fake_rows_apply(struct fake_rows *rows, struct fake_transaction *transaction)
{
	for (size_t i = 0; i < transaction->count; i++) {
		fake_apply_change(rows, &transaction->changes[i]);
	}
	transaction->count = 0;
}

/* ---- looking ---- */

const struct fake_row *fake_rows_find(
	const struct fake_rows *rows, const uint8_t key[STORE_KEY_SIZE])
{
	for (size_t i = 0; i < rows->row_count; i++) {
		if (memcmp(rows->rows[i].key, key, STORE_KEY_SIZE) == 0) {
			return &rows->rows[i];
		}
	}
	return NULL;
}

static bool fake_is_row_change(const struct fake_change *change, const uint8_t key[STORE_KEY_SIZE])
{
	bool is_row = change->kind == FAKE_PUT_ROW || change->kind == FAKE_DELETE_ROW;
	return is_row && memcmp(change->row.key, key, STORE_KEY_SIZE) == 0;
}

const struct fake_row *fake_rows_see(const struct fake_rows *rows,
	const struct fake_transaction *transaction, const uint8_t key[STORE_KEY_SIZE])
{
	for (size_t i = transaction->count; i-- > 0;) {
		const struct fake_change *change = &transaction->changes[i];
		if (fake_is_row_change(change, key)) {
			return change->kind == FAKE_PUT_ROW ? &change->row : NULL;
		}
	}
	return fake_rows_find(rows, key);
}

bool fake_transaction_holds(
	const struct fake_transaction *transaction, const uint8_t key[STORE_KEY_SIZE])
{
	for (size_t i = 0; i < transaction->count; i++) {
		if (fake_is_row_change(&transaction->changes[i], key)) {
			return true;
		}
	}
	return false;
}

static bool fake_is_effect_of(const struct fake_effect *effect, const struct slice *value)
{
	return !value || (effect->value_count > 0 && slice_equal(effect->values[0], *value));
}

size_t fake_rows_count_effects(const struct fake_rows *rows,
	const struct fake_transaction *transaction, const struct slice *value)
{
	size_t count = 0;

	for (size_t i = 0; i < rows->effect_count; i++) {
		count += fake_is_effect_of(&rows->effects[i], value);
	}
	for (size_t i = 0; i < transaction->count; i++) {
		const struct fake_change *change = &transaction->changes[i];
		count += change->kind == FAKE_ADD_EFFECT &&
			fake_is_effect_of(&change->effect, value);
	}
	return count;
}

bool fake_transaction_has_value(const struct fake_transaction *transaction, const char *value)
{
	for (size_t i = 0; i < transaction->count; i++) {
		const struct fake_change *change = &transaction->changes[i];
		for (size_t k = 0;
			change->kind == FAKE_ADD_EFFECT && k < change->effect.value_count; k++) {
			if (slice_equal_str(change->effect.values[k], value)) {
				return true;
			}
		}
	}
	return false;
}
