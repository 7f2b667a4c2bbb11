/*
 * failure - what an error of Redis means for the unit of work
 *
 * Pure: a table of the words that errors begin with. None is a record's fault. In a script the word
 * stands behind a place in Lua, in versions before 7 behind more than that.
 */
#include <stdio.h>
#include <string.h>

#include "store/redis/redis.h"

static const struct {
	const char *word;
	bool is_operators;
	const char *remedy; /* NULL: what Redis says is enough */
} words[] = {
	{ "READONLY", false, "it is a replica: writes go to its master" },
	{ "LOADING", false, NULL },
	{ "OOM", false, "raise maxmemory, or shorten dedup.retention" },
	{ "MASTERDOWN", false, NULL },
	{ "MISCONF", false, NULL },
	{ "NOREPLICAS", false, NULL },
	{ "BUSY", false, NULL },
	{ "NOSCRIPT", false, NULL },
	{ "MOVED", true, "Redis Cluster is not supported: a batch spans hash slots" },
	{ "ASK", true, "Redis Cluster is not supported: a batch spans hash slots" },
	{ "CROSSSLOT", true, "Redis Cluster is not supported: a batch spans hash slots" },
	{ "CLUSTERDOWN", true, "Redis Cluster is not supported: a batch spans hash slots" },
	{ "NOAUTH", true, "set store.user and store.password" },
	{ "WRONGPASS", true, "store.user or store.password is wrong" },
	{ "NOPERM", true, "docs/redis-store.md lists the rights that the user needs" },
};

/* At the beginning, or behind a dash or a blank in the words of a script that failed. */
static bool says(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len) {
		bool begins = at == text || at[-1] == '-' ||
			(at - text > 1 && at[-1] == ' ' && at[-2] == ':');

		if (begins && (at[len] == ' ' || at[len] == '\0')) {
			return true;
		}
	}
	return false;
}

/* What has no word of its own: inside scripts rights are refused in sentences. */
static const struct {
	const char *sentence, *word;
} sentences[] = {
	{ "The user executing the script can't", "NOPERM" },
	{ "ACL failure in script", "NOPERM" },
	{ "invalid password", "WRONGPASS" }, /* before Redis 6 */
	{ "without any password configured", "WRONGPASS" },
};

static bool stands_for(const char *text, const char *word)
{
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		if (strcmp(sentences[i].word, word) == 0 && strstr(text, sentences[i].sentence)) {
			return true;
		}
	}
	return says(text, word);
}

bool red_reply_is(const redisReply *reply, const char *word)
{
	return reply->type == REDIS_REPLY_ERROR && says(reply->str, word);
}

enum store_failure red_failure_of_reply(
	const redisReply *reply, const char *doing, bool *ret_is_operators, struct err *err)
{
	/* what stands behind quotes arguments, a password perhaps */
	const char *arguments = strstr(reply->str, ", with args");
	int len = arguments ? (int)(arguments - reply->str) : 300;

	*ret_is_operators = false;
	err_set(err, 0, "Redis refuses %s: %.*s", doing, len, reply->str);
	snprintf(err->code, sizeof(err->code), "%.*s", (int)strcspn(reply->str, " "), reply->str);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!stands_for(reply->str, words[i].word)) {
			continue;
		}
		*ret_is_operators = words[i].is_operators;
		snprintf(err->code, sizeof(err->code), "%s", words[i].word);
		if (words[i].remedy) {
			err_set(err, 0, "Redis refuses %s: %.*s (%s)", doing, len, reply->str,
				words[i].remedy);
		}
		break;
	}
	return STORE_UNAVAILABLE;
}
