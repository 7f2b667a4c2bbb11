/*
 * err - the sentence a person needs when something failed
 *
 * Arguments may point into the same struct err: the new text is built beside it.
 */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Take off a UTF-8 sequence that the cut left incomplete at the end of a full text. */
static void err_trim_partial(char *text)
{
	size_t len = strlen(text);
	if (len < ERR_TEXT_MAX - 1) {
		return;
	}
	size_t start = len;
	while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) {
		start--;
	}
	if (start == 0) {
		return;
	}
	unsigned char lead = (unsigned char)text[start - 1];
	size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (len - start + 1 < wanted) {
		text[start - 1] = '\0';
	}
}

int err_set(struct err *err, int result, const char *format, ...)
{
	if (!err) {
		return result;
	}
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	err_trim_partial(text);
	memcpy(err->text, text, strlen(text) + 1);
	return result;
}

int err_prefix(struct err *err, int result, const char *format, ...)
{
	if (!err) {
		return result;
	}
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Room for both, then cut: what is lost is the end of the older sentence. */
	char joined[2 * ERR_TEXT_MAX + 2];
	snprintf(joined, sizeof(joined), "%s: %s", text, err->text);
	memcpy(text, joined, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_trim_partial(text);
	memcpy(err->text, text, strlen(text) + 1);
	return result;
}

bool err_is_shortage(int result)
{
	return result == -EAGAIN || result == -ENOMEM || result == -EMFILE || result == -ENFILE;
}
