/*
 * binary - Postgres' binary format, as far as onced's own statements need it
 *
 * Pure. Everything is big-endian. An array is: dimensions, has-null flag, element type, then for
 * its one dimension count and lower bound, then each element with its length. An empty array has no
 * dimension.
 */
#include <assert.h>
#include <endian.h>

#include "store/postgres/postgres.h"

enum { ARRAY_HEADER_EMPTY = 12, ARRAY_HEADER = 20, ELEMENT_HEADER = 4 };

static void params_add(struct pg_params *params, const void *value, size_t len)
{
	assert(params->count < PG_PARAMS_MAX);
	params->values[params->count] = value;
	params->lengths[params->count] = (int)len;
	params->formats[params->count] = 1;
	params->count++;
}

static void params_copy(
	struct pg_params *params, struct arena *arena, const void *bytes, size_t len)
{
	void *copy = arena_alloc(arena, len);

	memcpy(copy, bytes, len);
	params_add(params, copy, len);
}

void pg_params_int2(struct pg_params *params, struct arena *arena, int value)
{
	uint16_t wire = htobe16((uint16_t)value);

	params_copy(params, arena, &wire, sizeof(wire));
}

void pg_params_int4(struct pg_params *params, struct arena *arena, int32_t value)
{
	uint32_t wire = htobe32((uint32_t)value);

	params_copy(params, arena, &wire, sizeof(wire));
}

void pg_params_int8(struct pg_params *params, struct arena *arena, int64_t value)
{
	uint64_t wire = htobe64((uint64_t)value);

	params_copy(params, arena, &wire, sizeof(wire));
}

void pg_params_bytes(struct pg_params *params, struct slice bytes)
{
	params_add(params, bytes.data, bytes.len);
}

static void array_put(struct pg_array *array, const void *bytes, size_t len)
{
	assert(array->len + len <= array->size);
	if (len > 0) {
		memcpy(array->data + array->len, bytes, len);
	}
	array->len += len;
}

static void array_put_int4(struct pg_array *array, uint32_t value)
{
	uint32_t wire = htobe32(value);

	array_put(array, &wire, sizeof(wire));
}

struct pg_array pg_array_new(struct arena *arena, Oid element, size_t count, size_t payload_bytes)
{
	struct pg_array array = { NULL, 0, ARRAY_HEADER_EMPTY };

	if (count > 0) {
		array.size = ARRAY_HEADER + count * ELEMENT_HEADER + payload_bytes;
	}
	array.data = arena_alloc(arena, array.size);
	array_put_int4(&array, count > 0 ? 1 : 0);
	array_put_int4(&array, 1); /* may hold nulls: the server looks itself */
	array_put_int4(&array, element);
	if (count > 0) {
		array_put_int4(&array, (uint32_t)count);
		array_put_int4(&array, 1);
	}
	return array;
}

void pg_array_add_int2(struct pg_array *array, int value)
{
	uint16_t wire = htobe16((uint16_t)value);

	array_put_int4(array, sizeof(wire));
	array_put(array, &wire, sizeof(wire));
}

void pg_array_add_int4(struct pg_array *array, int32_t value)
{
	array_put_int4(array, sizeof(value));
	array_put_int4(array, (uint32_t)value);
}

void pg_array_add_int8(struct pg_array *array, int64_t value)
{
	uint64_t wire = htobe64((uint64_t)value);

	array_put_int4(array, sizeof(wire));
	array_put(array, &wire, sizeof(wire));
}

void pg_array_add_bytes(struct pg_array *array, struct slice bytes)
{
	if (slice_is_null(bytes)) {
		array_put_int4(array, UINT32_MAX);
		return;
	}
	array_put_int4(array, (uint32_t)bytes.len);
	array_put(array, bytes.data, bytes.len);
}

void pg_params_array(struct pg_params *params, const struct pg_array *array)
{
	params_add(params, array->data, array->len);
}

/*
 * A result that is not what was asked for is a broken invariant: our own statement, our own schema.
 */
static const void *column_bytes(const PGresult *result, int row, int column, int size)
{
	assert(PQgetlength(result, row, column) == size);
	return PQgetvalue(result, row, column);
}

int pg_get_int2(const PGresult *result, int row, int column)
{
	uint16_t wire;

	memcpy(&wire, column_bytes(result, row, column, sizeof(wire)), sizeof(wire));
	return (int16_t)be16toh(wire);
}

int32_t pg_get_int4(const PGresult *result, int row, int column)
{
	uint32_t wire;

	memcpy(&wire, column_bytes(result, row, column, sizeof(wire)), sizeof(wire));
	return (int32_t)be32toh(wire);
}

int64_t pg_get_int8(const PGresult *result, int row, int column)
{
	uint64_t wire;

	memcpy(&wire, column_bytes(result, row, column, sizeof(wire)), sizeof(wire));
	return (int64_t)be64toh(wire);
}
