/*
 * fuzz_sqlstate - codes of databases, and what must hold of whose fault they are
 *
 * See tests/support/fuzz_driver.h for how to run it. What holds: what the store's door calls the
 * database's trouble no record is charged for, whatever a handler's lists say; where nothing is
 * said of the connection a list that names the code exactly has the word; and the same code has the
 * same end every time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/verdict.h"
#include "fuzz_driver.h"
#include "store/postgres/postgres.h"

static const struct slice codes[] = {
	SLICE_LITERAL("22P02"),
	SLICE_LITERAL("23505"),
	SLICE_LITERAL("23503"),
	SLICE_LITERAL("25006"),
	SLICE_LITERAL("26000"),
	SLICE_LITERAL("40001"),
	SLICE_LITERAL("40P01"),
	SLICE_LITERAL("42501"),
	SLICE_LITERAL("42P05"),
	SLICE_LITERAL("53300"),
	SLICE_LITERAL("55P03"),
	SLICE_LITERAL("57014"),
	SLICE_LITERAL("57P01"),
	SLICE_LITERAL("08006"),
	SLICE_LITERAL("ON001"),
	SLICE_LITERAL("SQLITE_CONSTRAINT_FOREIGNKEY"),
	SLICE_LITERAL("SQLITE_BUSY"),
	SLICE_LITERAL("503"),
	SLICE_LITERAL("timeout"),
};

const struct slice fuzz_words[] = {
	SLICE_LITERAL("x"),
	SLICE_LITERAL("0"),
	SLICE_LITERAL("P0"),
	SLICE_LITERAL("57"),
	SLICE_LITERAL("40"),
	SLICE_LITERAL("F0"),
	SLICE_LITERAL("_"),
	SLICE_LITERAL("SQLITE_"),
	SLICE_LITERAL("-"),
	SLICE_LITERAL("%s"),
	SLICE_LITERAL("\xff"),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return sizeof(codes) / sizeof(codes[0]);
}

struct slice fuzz_corpus_at(size_t i)
{
	return codes[i];
}

static const char *check_lists(char *code)
{
	char *const list[] = { code };
	const struct verdict_overrides rejects = { .reject_on = list, .reject_count = 1 };
	const struct verdict_overrides holds = { .hold_on = list, .hold_count = 1 };
	enum store_failure failure = pg_failure_of_sqlstate(code);

	if (verdict_of_statement(STORE_LOST, code, &rejects) != VERDICT_UNAVAILABLE ||
		verdict_of_statement(STORE_UNAVAILABLE, code, &rejects) != VERDICT_UNAVAILABLE) {
		return "a list decides about a connection";
	}
	if (failure == STORE_UNAVAILABLE &&
		verdict_of_statement(failure, code, NULL) != VERDICT_UNAVAILABLE) {
		return "a record is charged for the database's trouble";
	}
	if (!verdict_pattern_is_valid(code) || strchr(code, 'x')) {
		return NULL;
	}
	if (verdict_of_statement(STORE_STATEMENT, code, &rejects) != VERDICT_REJECT ||
		verdict_of_word(VERDICT_RETRY, code, &rejects) != VERDICT_REJECT) {
		return "a list that names the code is not heard";
	}
	return verdict_of_statement(STORE_STATEMENT, code, &holds) == VERDICT_UNAVAILABLE
		? NULL
		: "a list that holds the code is not heard";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *code = strndup((const char *)data, size);
	const char *wrong = check_lists(code);

	if (!wrong && strncmp(code, "22", 2) == 0 && pg_failure_of_sqlstate(code) != STORE_OK) {
		wrong = "a record's own data is the database's trouble";
	}
	for (int failure = STORE_OK + 1; !wrong && failure <= STORE_STATEMENT; failure++) {
		enum verdict first = verdict_of_statement(failure, code, NULL);

		if (first > VERDICT_REDO || first != verdict_of_statement(failure, code, NULL)) {
			wrong = "a verdict that there is not";
		}
	}
	if (wrong) {
		fuzz_fail(wrong, slice_from_str(code));
	}
	return 0;
}
