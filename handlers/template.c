/*
 * template - a text with fields of the event in it
 *
 * Runs in: any process, any thread (pure).
 */
#include "template.h"

#include <stdlib.h>
#include <string.h>

static const struct field_syntax syntax = {
	.opening = "{",
	.closing = "}",
	.has_dashes = true,
	.hint = " (a brace itself is written {{)",
};

static void piece_fini(struct template_piece *piece)
{
	free(piece->literal);
	field_fini(&piece->field);
}

void template_fini(struct template *template)
{
	for (size_t i = 0; i < template->piece_count; i++) {
		piece_fini(&template->pieces[i]);
	}
	free(template->pieces);
	*template = (struct template){ .pieces = NULL };
}

bool template_has_fields(const struct template *template)
{
	for (size_t i = 0; i < template->piece_count; i++) {
		if (!template->pieces[i].literal) {
			return true;
		}
	}
	return false;
}

/* Takes the piece over, also where there is no memory for it. */
static int add_piece(struct template *template, struct template_piece *take_piece)
{
	struct template_piece *pieces =
		realloc(template->pieces, (template->piece_count + 1) * sizeof(*pieces));

	if (!pieces) {
		piece_fini(take_piece);
		return -1;
	}
	template->pieces = pieces;
	pieces[template->piece_count++] = *take_piece;
	return 0;
}

/* Copy literal text from `p` to `out` up to a field, an odd brace or the end, which is returned. */
static const char *copy_literal(const char *p, char *out)
{
	for (;;) {
		size_t len = strcspn(p, "{}");

		memcpy(out, p, len);
		out += len;
		p += len;
		if (*p == '\0' || p[0] != p[1]) {
			*out = '\0';
			return p;
		}
		*out++ = *p;
		p += 2;
	}
}

static int parse_literal(const char **p, struct template *template, struct field_error *error)
{
	struct template_piece piece = { .literal = malloc(strlen(*p) + 1) };

	if (!piece.literal) {
		return field_error_set(error, *p, "out of memory");
	}
	*p = copy_literal(*p, piece.literal);
	if (piece.literal[0] == '\0') {
		piece_fini(&piece);
		return 0;
	}
	return add_piece(template, &piece) < 0 ? field_error_set(error, *p, "out of memory") : 0;
}

static int parse_field(const char **p, struct template *template, struct field_error *error)
{
	struct template_piece piece = { .path = -1 };
	size_t len;

	if (**p == '}') {
		return field_error_set(error, *p,
			"a closing brace without an opening one; write }} for "
			"a brace itself");
	}
	/* between two fields there is at most one literal */
	if (template->piece_count >= 2 * TEMPLATE_FIELDS_MAX - 1) {
		return field_error_set(error, *p, "more than %d parameters", TEMPLATE_FIELDS_MAX);
	}
	if (field_parse(*p, &syntax, &piece.field, &len, error) < 0) {
		return -1;
	}
	if (add_piece(template, &piece) < 0) {
		return field_error_set(error, *p, "out of memory");
	}
	*p += len;
	return 0;
}

int template_parse(const char *text, struct template *ret, struct field_error *error)
{
	const char *p = text;
	int r = 0;

	*ret = (struct template){ .pieces = NULL };
	while (r == 0 && *p) {
		r = parse_literal(&p, ret, error);
		if (r == 0 && *p) {
			r = parse_field(&p, ret, error);
		}
	}
	if (r < 0) {
		field_error_locate(error, text);
	}
	return r;
}
