/*
 * test_record - a polled record, before and after its bytes leave the library's buffer
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "worker/record.h"

/* A message whose bytes are overwritten when it is given back. */
struct message {
	char bytes[64];
	size_t used;
	struct source_header headers[4];
	int header_count; /* negative: not parsable */
	unsigned parsed, released;
};

static struct message message;

static void release(struct source *source, void *handle)
{
	struct message *released = handle;

	released->released++;
	memset(released->bytes, '#', sizeof(released->bytes));
}

static int headers_of(void *handle, struct source_header *headers, size_t max)
{
	struct message *asked = handle;

	asked->parsed++;
	for (int i = 0; i < asked->header_count && (size_t)i < max; i++) {
		headers[i] = asked->headers[i];
	}
	return asked->header_count;
}

static const struct source_ops ops = { .release = release, .headers = headers_of };

static struct slice put(const char *text)
{
	struct slice s = { message.bytes + message.used, strlen(text) };

	memcpy(message.bytes + message.used, text, s.len);
	message.used += s.len;
	return s;
}

static struct record *record_of(struct slice key, struct slice value)
{
	const struct source_record polled = { .handle = &message,
		.slot = 7,
		.epoch = 3,
		.offset = 42,
		.timestamp_ms = 1000,
		.key = key,
		.value = value };

	return record_new(&ops, NULL, &polled, 99);
}

static int set_up(void **state)
{
	message = (struct message){ .used = 0 };
	return 0;
}

static void a_record_knows_its_place_and_gives_its_message_back(void **state)
{
	struct record *record = record_of(put("key"), put("value"));

	assert_int_equal(record->item.slot, 7);
	assert_int_equal(record->item.epoch, 3);
	assert_int_equal(record->item.offset, 42);
	assert_int_equal(record->item.key_hash, 99);
	assert_int_equal(record->timestamp_ms, 1000);
	assert_true(record->item.bytes > 8);
	assert_int_equal(message.released, 0);
	record_free(record);
	assert_int_equal(message.released, 1);
	record_free(NULL);
}

static void a_detached_record_keeps_its_bytes(void **state)
{
	const struct source_header *headers;

	message.headers[0] = (struct source_header){ put("name"), put("one") };
	message.headers[1] = (struct source_header){ put("name"), put("two") };
	message.header_count = 2;
	struct record *record = record_of(put("key"), put("value"));
	record_detach(record);
	assert_int_equal(message.released, 1);
	assert_null(record->handle);
	assert_true(slice_equal_str(record->key, "key"));
	assert_true(slice_equal_str(record->value, "value"));
	assert_int_equal(record_headers(record, &headers), 2);
	assert_true(slice_equal_str(headers[0].name, "name"));
	assert_true(slice_equal_str(headers[0].value, "one"));
	assert_true(slice_equal_str(headers[1].value, "two"));
	record_detach(record); /* twice is once */
	record_free(record);
	assert_int_equal(message.released, 1);
}

static void null_stays_null_and_empty_stays_empty(void **state)
{
	const struct source_header *headers;
	const struct slice empty = put("");

	message.headers[0] = (struct source_header){ put("null"), SLICE_NULL };
	message.headers[1] = (struct source_header){ put("empty"), empty };
	message.headers[2] = (struct source_header){ empty, put("nameless") };
	message.header_count = 3;
	struct record *one = record_of(SLICE_NULL, empty);
	record_detach(one);
	assert_true(slice_is_null(one->key));
	assert_false(slice_is_null(one->value));
	assert_int_equal(one->value.len, 0);
	assert_int_equal(record_headers(one, &headers), 3);
	assert_true(slice_is_null(headers[0].value));
	assert_true(slice_equal_str(headers[1].value, ""));
	assert_true(slice_equal_str(headers[2].name, ""));
	assert_true(slice_equal_str(headers[2].value, "nameless"));
	record_free(one);

	message = (struct message){ .used = 0 };
	struct record *other = record_of(empty, SLICE_NULL);
	record_detach(other);
	assert_true(slice_equal_str(other->key, ""));
	assert_true(slice_is_null(other->value));
	record_free(other);
}

static void headers_are_parsed_once(void **state)
{
	const struct source_header *headers;

	message.headers[0] = (struct source_header){ put("a"), put("b") };
	message.header_count = 1;
	struct record *record = record_of(SLICE_NULL, SLICE_NULL);
	assert_int_equal(record_headers(record, &headers), 1);
	unsigned parsed = message.parsed;
	assert_int_equal(record_headers(record, &headers), 1);
	record_detach(record);
	assert_int_equal(record_headers(record, &headers), 1);
	assert_int_equal(message.parsed, parsed);
	record_free(record);
}

static void headers_that_cannot_be_parsed_stay_so(void **state)
{
	const struct source_header *headers;

	message.header_count = -EBADMSG;
	struct record *record = record_of(put("key"), SLICE_NULL);
	assert_int_equal(record_headers(record, &headers), -1);
	record_detach(record);
	assert_int_equal(record_headers(record, &headers), -1);
	assert_true(slice_equal_str(record->key, "key"));
	record_free(record);
}

static void the_memory_of_ended_records_is_used_again(void **state)
{
	const struct source_record polled = { .handle = &message, .offset = 1 };
	const struct source_record next = { .handle = &message, .offset = 2 };
	struct record_pool pool = { NULL, NULL };
	struct record *records[2], *again;

	records[0] = record_pool_new(&pool, &ops, NULL, &polled, 1);
	records[1] = record_pool_new(&pool, &ops, NULL, &polled, 1);
	records[0]->attempts = 5;
	record_detach(records[1]);
	record_pool_put(&pool, records, 2);
	assert_int_equal(message.released, 2);
	record_pool_put(&pool, records, 0);

	again = record_pool_new(&pool, &ops, NULL, &next, 1);
	assert_true(again == records[0] || again == records[1]);
	assert_int_equal(again->item.offset, 2);
	assert_int_equal(again->attempts, 0);
	assert_null(again->copy);
	record_free(again);
	record_pool_fini(&pool);
}

static void keys_hash_by_their_bytes_and_null_by_itself(void **state)
{
	assert_int_equal(record_key_hash(SLICE_LITERAL("a")), record_key_hash(SLICE_LITERAL("a")));
	assert_int_not_equal(
		record_key_hash(SLICE_LITERAL("a")), record_key_hash(SLICE_LITERAL("b")));
	assert_int_not_equal(
		record_key_hash(SLICE_LITERAL("a\0b")), record_key_hash(SLICE_LITERAL("a\0c")));
	assert_int_not_equal(record_key_hash(SLICE_NULL), record_key_hash(SLICE_LITERAL("")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
	const struct CMUnitTest tests[] = {
		TEST(a_record_knows_its_place_and_gives_its_message_back),
		TEST(a_detached_record_keeps_its_bytes),
		TEST(null_stays_null_and_empty_stays_empty),
		TEST(headers_are_parsed_once),
		TEST(headers_that_cannot_be_parsed_stay_so),
		TEST(the_memory_of_ended_records_is_used_again),
		TEST(keys_hash_by_their_bytes_and_null_by_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
