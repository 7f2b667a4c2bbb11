/*
 * exec_command - a command line split into its words
 *
 * Runs in: any process (pure but for memory).
 */
#include "exec_command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char shell_characters[] = "|&;<>()$`*?";

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Copy a quoted part without its quotes; returns what is behind, NULL when it has no end. */
static const char *copy_quoted(const char *p, char **to)
{
	char quote = *p++;

	while (*p && *p != quote) {
		if (quote == '"' && *p == '\\' && (p[1] == '"' || p[1] == '\\')) {
			p++;
		}
		*(*to)++ = *p++;
	}
	return *p ? p + 1 : NULL;
}

/* Copy one word with a NUL behind; returns what is behind it, NULL with `ret_fault`. */
static const char *copy_word(const char *p, char **to, const char **ret_fault)
{
	while (*p && !is_blank(*p)) {
		if (*p == '\'' || *p == '"') {
			p = copy_quoted(p, to);
			if (!p) {
				*ret_fault = "a quote is not closed";
				return NULL;
			}
		} else if (*p == '\\') {
			if (!p[1]) {
				*ret_fault = "it ends with a backslash";
				return NULL;
			}
			*(*to)++ = p[1];
			p += 2;
		} else if (strchr(shell_characters, *p)) {
			*ret_fault = "no shell runs it: quote what a shell would act upon, or "
				     "say sh -c '...'";
			return NULL;
		} else {
			*(*to)++ = *p++;
		}
	}
	*(*to)++ = '\0';
	return p;
}

static const char *skip_blanks(const char *p)
{
	while (is_blank(*p)) {
		p++;
	}
	return p;
}

char **exec_command_split(const char *command, const char **ret_fault)
{
	size_t len = strlen(command), words_max = len / 2 + 2, count = 0;
	/* a word takes no more bytes than it has in the line, and the NUL its separator's */
	char **words = malloc(words_max * sizeof(*words) + len + 1), *to;

	if (!words) {
		*ret_fault = "out of memory";
		return NULL;
	}
	to = (char *)(words + words_max);
	for (const char *p = skip_blanks(command); *p; p = skip_blanks(p)) {
		words[count++] = to;
		p = copy_word(p, &to, ret_fault);
		if (!p) {
			free(words);
			return NULL;
		}
	}
	words[count] = NULL;
	if (count == 0 || !words[0][0]) {
		*ret_fault = "it names no program";
		free(words);
		return NULL;
	}
	return words;
}
