/*
 * fuzz_mask - URLs with passwords, and what must hold of what is shown of them
 *
 * See tests/support/fuzz_driver.h for how to run it. An input is text for three places of a URL.
 * What holds: wherever a password stands, in the authority or in the query, it is not shown, and
 * what is shown is shown again as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/mask.h"
#include "fuzz_driver.h"

#define PASSWORD "canary4711"

static const struct slice texts[] = {
	SLICE_LITERAL("app\nhost:5432/shop\nsslmode=require"),
	SLICE_LITERAL("\n[::1]:1,b:2/x\n"),
	SLICE_LITERAL("a%40b\nh\nx=1&y=2&password=z"),
	SLICE_LITERAL("a\n@\n@"),
	SLICE_LITERAL("://\n://\n://"),
	/* an @ in the query hid the password behind it */
	SLICE_LITERAL("a\nh:1/x\nn=a@b"),
};

const struct slice fuzz_words[] = {
	SLICE_LITERAL("\n"),
	SLICE_LITERAL("://"),
	SLICE_LITERAL(":"),
	SLICE_LITERAL("@"),
	SLICE_LITERAL("/"),
	SLICE_LITERAL("?"),
	SLICE_LITERAL("&"),
	SLICE_LITERAL("#"),
	SLICE_LITERAL("="),
	SLICE_LITERAL("%40"),
	SLICE_LITERAL("password="),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return sizeof(texts) / sizeof(texts[0]);
}

struct slice fuzz_corpus_at(size_t i)
{
	return texts[i];
}

/* What is before the next line's end, which becomes a NUL. */
static const char *next_part(char **rest)
{
	char *part = strsep(rest, "\n");

	return part ? part : "";
}

static const char *check(const char *url)
{
	_cleanup_(buffer_fini) struct buffer once = BUFFER_INIT, twice = BUFFER_INIT;

	mask_url(url, &once);
	mask_url(buffer_str(&once), &twice);
	if (strstr(buffer_str(&once), PASSWORD)) {
		return "a password is shown";
	}
	return strcmp(buffer_str(&once), buffer_str(&twice)) == 0 ? NULL
								  : "shown again it is another";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	_cleanup_(buffer_fini) struct buffer login = BUFFER_INIT, query = BUFFER_INIT;
	char *rest = text;
	const char *user = next_part(&rest), *host = next_part(&rest), *more = next_part(&rest);
	const char *wrong;

	if (memmem(data, size, PASSWORD, strlen(PASSWORD))) {
		return 0; /* where it stands by itself it is no password */
	}
	buffer_printf(&login, "x://%s:%s@%s?%s", user, PASSWORD, host, more);
	buffer_printf(&query, "x://%s?%s&password=%s&n=1", host, more, PASSWORD);
	wrong = check(buffer_str(&login));
	wrong = wrong ? wrong : check(buffer_str(&query));
	if (wrong) {
		fuzz_fail(wrong, slice_from((const char *)data, size));
	}
	return 0;
}
