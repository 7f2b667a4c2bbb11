/*
 * exec_reply - the line that a command answers with
 *
 * Runs in: worker, lane threads (pure). jansson reads the JSON: bounded by the line's length, its
 * own limit of nesting, and refusing what is no UTF-8, has NULs or repeats a key.
 */
#include "exec_reply.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A day; what is asked beyond is a mistake of units. */
#define RETRY_AFTER_MAX_MS ((int64_t)24 * 60 * 60 * 1000)

static const struct word {
	const char *word;
	enum onced_result result;
} words[] = {
	{ "done", ONCED_DONE },
	{ "skip", ONCED_SKIP },
	{ "retry", ONCED_RETRY },
	{ "reject", ONCED_REJECT },
	{ "unavailable", ONCED_UNAVAILABLE },
};

static void __attribute__((format(printf, 2, 3)))
complain(struct onced_outcome *ret, const char *format, ...)
{
	va_list args;

	*ret = (struct onced_outcome){ .result = ONCED_REJECT };
	va_start(args, format);
	vsnprintf(ret->reason, sizeof(ret->reason), format, args);
	va_end(args);
}

static const struct word *word_find(const char *text)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, text) == 0) {
			return &words[i];
		}
	}
	return NULL;
}

/* Copy what fits, whole characters only. */
static void copy_text(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	if (len >= size) {
		len = size - 1;
		while (len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80) {
			len--;
		}
	}
	memcpy(to, from, len);
	to[len] = '\0';
}

/* A code goes into headers and logs as a machine's word. */
static void copy_code(char *to, size_t size, const char *from)
{
	copy_text(to, size, from);
	for (char *c = to; *c; c++) {
		if (*c <= ' ' || *c > '~') {
			*c = '?';
		}
	}
}

/* The member's text; "" when it is absent or null. -1 when it is something else. */
static int read_text(
	const json_t *reply, const char *name, const char **ret_text, struct onced_outcome *ret)
{
	const json_t *member = json_object_get(reply, name);

	*ret_text = "";
	if (!member || json_is_null(member)) {
		return 0;
	}
	*ret_text = json_string_value(member);
	if (!*ret_text) {
		complain(ret, "the reply's \"%s\" is not a string", name);
		return -1;
	}
	return 0;
}

static int read_retry_after(const json_t *reply, int64_t *ret_ms, struct onced_outcome *ret)
{
	const json_t *member = json_object_get(reply, "retry_after_ms");
	double ms;

	*ret_ms = 0;
	if (!member || json_is_null(member)) {
		return 0;
	}
	ms = json_number_value(member);
	if (!json_is_number(member) || ms < 0) {
		complain(ret, "the reply's \"retry_after_ms\" is not a number from 0");
		return -1;
	}
	*ret_ms = ms > (double)RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : (int64_t)ms;
	return 0;
}

static enum exec_reply_kind check_sequence(
	const json_t *reply, uint64_t sequence, struct onced_outcome *ret)
{
	const json_t *member = json_object_get(reply, "seq");

	if (!json_is_integer(member)) {
		complain(ret, "the reply has no whole number \"seq\"");
		return EXEC_REPLY_BAD;
	}
	if ((uint64_t)json_integer_value(member) != sequence) {
		complain(ret, "the reply is for event %lld of this command, not for %llu",
			(long long)json_integer_value(member), (unsigned long long)sequence);
		return EXEC_REPLY_OTHER;
	}
	return EXEC_REPLY_OK;
}

static enum exec_reply_kind read_word(const json_t *reply, struct onced_outcome *ret)
{
	const char *result, *code, *reason;
	const struct word *word;
	int64_t retry_after_ms;

	if (read_text(reply, "result", &result, ret) < 0 ||
		read_text(reply, "code", &code, ret) < 0 ||
		read_text(reply, "reason", &reason, ret) < 0 ||
		read_retry_after(reply, &retry_after_ms, ret) < 0) {
		return EXEC_REPLY_BAD;
	}
	word = word_find(result);
	if (!word) {
		complain(ret,
			"the reply's \"result\" is none of done, skip, retry, reject and "
			"unavailable");
		return EXEC_REPLY_BAD;
	}
	*ret = (struct onced_outcome){ .result = word->result, .retry_after_ms = retry_after_ms };
	copy_code(ret->code, sizeof(ret->code), code);
	copy_text(ret->reason, sizeof(ret->reason), reason);
	return EXEC_REPLY_OK;
}

enum exec_reply_kind exec_reply_read(
	const char *line, size_t len, uint64_t sequence, struct onced_outcome *ret)
{
	enum exec_reply_kind kind;
	json_error_t error;
	json_t *reply;

	if (len > EXEC_REPLY_MAX) {
		complain(ret, "the reply is longer than %d bytes", EXEC_REPLY_MAX);
		return EXEC_REPLY_BAD;
	}
	reply = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(reply)) {
		complain(ret, "the reply is not a JSON object on one line");
		json_decref(reply);
		return EXEC_REPLY_BAD;
	}
	kind = check_sequence(reply, sequence, ret);
	if (kind == EXEC_REPLY_OK) {
		kind = read_word(reply, ret);
	}
	json_decref(reply);
	return kind;
}
