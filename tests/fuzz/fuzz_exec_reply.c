/*
 * fuzz_exec_reply - lines of a command, and what must hold of each reading
 *
 * See tests/support/fuzz_driver.h for how to run it. What holds: a good reply has a known result, a
 * printable code, a reason that ends and a delay in its bounds; any other names what is wrong; read
 * for another event, no line is good for both.
 */
#include <string.h>

#include "fuzz_driver.h"
#include "handlers/exec_reply.h"

enum { SEQUENCE = 7 };

static const struct slice lines[] = {
	SLICE_LITERAL("{\"seq\":7,\"result\":\"done\"}"),
	SLICE_LITERAL("{\"seq\":7,\"result\":\"retry\",\"code\":\"E1\",\"reason\":\"later\","
		      "\"retry_after_ms\":250}"),
	SLICE_LITERAL("{\"result\":\"reject\",\"reason\":\"\\u00e9\xe2\x82\xac\",\"seq\":7}"),
	SLICE_LITERAL("{\"seq\":8,\"result\":\"skip\"}"),
	SLICE_LITERAL(
		"{\"seq\":7,\"result\":\"unavailable\",\"retry_after_ms\":1e3,\"x\":[[],{}]}"),
	SLICE_LITERAL("Traceback (most recent call last):"),
	SLICE_LITERAL(""),
};

const struct slice fuzz_words[] = {
	SLICE_LITERAL("{"),
	SLICE_LITERAL("}"),
	SLICE_LITERAL("["),
	SLICE_LITERAL("\""),
	SLICE_LITERAL("\\u0000"),
	SLICE_LITERAL("\\ud800"),
	SLICE_LITERAL("\xc3"),
	SLICE_LITERAL(":"),
	SLICE_LITERAL(","),
	SLICE_LITERAL("null"),
	SLICE_LITERAL("1e999"),
	SLICE_LITERAL("99999999999999999999"),
	SLICE_LITERAL("-1"),
	SLICE_LITERAL("\"seq\":7,"),
	SLICE_LITERAL("\"retry_after_ms\":"),
	SLICE_LITERAL("\"code\":\"a b\","),
	SLICE_LITERAL("\n"),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return sizeof(lines) / sizeof(lines[0]);
}

struct slice fuzz_corpus_at(size_t i)
{
	return lines[i];
}

static const char *check_good(const struct onced_outcome *said)
{
	if (said->result > ONCED_UNAVAILABLE) {
		return "a result that there is not";
	}
	if (!memchr(said->reason, '\0', sizeof(said->reason)) ||
		!memchr(said->code, '\0', sizeof(said->code))) {
		return "a text without an end";
	}
	for (const char *c = said->code; *c; c++) {
		if (*c <= ' ' || *c > '~') {
			return "a code that is not printable";
		}
	}
	if (said->retry_after_ms < 0 || said->retry_after_ms > 24 * 60 * 60 * 1000) {
		return "a delay out of bounds";
	}
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data, *wrong = NULL;
	struct onced_outcome said, other;
	enum exec_reply_kind kind;

	memset(&said, 0xa5, sizeof(said));
	kind = exec_reply_read(line, size, SEQUENCE, &said);
	if (kind == EXEC_REPLY_OK) {
		wrong = check_good(&said);
		if (exec_reply_read(line, size, SEQUENCE + 1, &other) != EXEC_REPLY_OTHER) {
			wrong = "an answer to two events";
		}
	} else if (said.result != ONCED_REJECT || !said.reason[0]) {
		wrong = "a bad reply that is not explained";
	}
	if (wrong) {
		fuzz_fail(wrong, slice_from(line, size));
	}
	return 0;
}
