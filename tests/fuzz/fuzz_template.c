/*
 * fuzz_template - templates of URLs and headers, and what must hold of every one that is taken
 *
 * See tests/support/fuzz_driver.h for how to run it. What holds: written again from its pieces, a
 * template is read as the same pieces; no two literals follow each other, none is empty; the origin
 * of a URL is literal and begins with http; an error is inside the text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "fuzz_driver.h"
#include "handlers/http_url.h"
#include "handlers/template.h"

static const struct slice templates[] = {
	SLICE_LITERAL("https://api.example/orders/{payload.order_id}/lines?key={key}"),
	SLICE_LITERAL("http://user:pass@[::1]:8080/{headers.x-tenant?}"),
	SLICE_LITERAL("https://host?{event_id}{event_type}{source}{topic}{partition}{offset}"),
	SLICE_LITERAL("http://h/{payload.\"odd } name\"?}/{{not a field}}"),
	SLICE_LITERAL("Bearer {value.token} {timestamp} {timestamp_ms} {attempt}"),
	SLICE_LITERAL("https://host/a/../b#c"),
	SLICE_LITERAL("{payload}"),
};

const struct slice fuzz_words[] = {
	SLICE_LITERAL("{"),
	SLICE_LITERAL("}"),
	SLICE_LITERAL("{{"),
	SLICE_LITERAL("}}"),
	SLICE_LITERAL("?"),
	SLICE_LITERAL("\""),
	SLICE_LITERAL("."),
	SLICE_LITERAL("/"),
	SLICE_LITERAL("//"),
	SLICE_LITERAL("@"),
	SLICE_LITERAL(":"),
	SLICE_LITERAL("%"),
	SLICE_LITERAL("#"),
	SLICE_LITERAL("-"),
	SLICE_LITERAL("{key}"),
	SLICE_LITERAL("{payload.a}"),
	SLICE_LITERAL("{headers.a-b?}"),
	SLICE_LITERAL("http://"),
	SLICE_LITERAL("https://"),
	SLICE_LITERAL("\n"),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return sizeof(templates) / sizeof(templates[0]);
}

struct slice fuzz_corpus_at(size_t i)
{
	return templates[i];
}

/* The template as a text again. */
static void write_again(const struct template *template, struct buffer *out)
{
	for (size_t i = 0; i < template->piece_count; i++) {
		const struct template_piece *piece = &template->pieces[i];

		if (!piece->literal) {
			buffer_append(out, piece->field.written, strlen(piece->field.written) - 1);
			buffer_append_str(out, piece->field.is_optional ? "?}" : "}");
			continue;
		}
		for (const char *p = piece->literal; *p; p++) {
			buffer_append(out, p, 1);
			if (*p == '{' || *p == '}') {
				buffer_append(out, p, 1);
			}
		}
	}
}

static bool is_same(const struct template_piece *a, const struct template_piece *b)
{
	if (!a->literal || !b->literal) {
		return !a->literal == !b->literal && field_equal(&a->field, &b->field) &&
			a->field.is_optional == b->field.is_optional;
	}
	return strcmp(a->literal, b->literal) == 0;
}

static const char *check_again(const struct template *template)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	struct template again;
	struct field_error error;
	const char *wrong = NULL;

	write_again(template, &text);
	if (template_parse(buffer_str(&text), &again, &error) < 0) {
		wrong = "a template written again is refused";
	} else if (again.piece_count != template->piece_count) {
		wrong = "a template written again has other pieces";
	}
	for (size_t i = 0; !wrong && i < again.piece_count; i++) {
		wrong = is_same(&again.pieces[i], &template->pieces[i])
			? NULL
			: "a template written again has another piece";
	}
	template_fini(&again);
	return wrong;
}

static const char *check_pieces(const struct template *template)
{
	for (size_t i = 0; i < template->piece_count; i++) {
		const char *literal = template->pieces[i].literal;

		if (literal && !literal[0]) {
			return "an empty literal";
		}
		if (literal && i > 0 && template->pieces[i - 1].literal) {
			return "two literals in a row";
		}
	}
	return check_again(template);
}

static const char *check_error(const char *text, const struct field_error *error)
{
	if (error->at < text || error->at > text + strlen(text)) {
		return "an error outside the text";
	}
	return error->line > 0 && error->column > 0 && error->text[0] ? NULL
								      : "an error says nothing";
}

static const char *check_origin(const struct http_url *url)
{
	const char *first = url->path.piece_count ? url->path.pieces[0].literal : NULL;

	if (strncmp(url->origin, "http", 4) != 0 || strpbrk(url->origin, "{}@?#\n ")) {
		return "an origin that is no origin";
	}
	if (!first || first[0] != '/') {
		return "a path without a slash";
	}
	return strpbrk(url->host, "{}@/") ? "a host that is no host" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	struct template template;
	struct http_url url;
	struct field_error error;
	const char *wrong;

	wrong = template_parse(text, &template, &error) < 0 ? check_error(text, &error)
							    : check_pieces(&template);
	template_fini(&template);
	if (!wrong) {
		wrong = http_url_parse(text, &url, &error) < 0 ? check_error(text, &error)
							       : check_origin(&url);
		http_url_fini(&url);
	}
	if (wrong) {
		fuzz_fail(wrong, slice_from_str(text));
	}
	return 0;
}
