/*
 * dump - config_dump(): the effective configuration, for people
 *
 * Runs in: any process. The text can be read again as a configuration, but for
 * what is masked and for blanks at the edges of lines.
 */
#include "config/mask.h"
#include "config/write.h"

struct dump {
	struct config_memory *memory;
	bool is_sparse; /* only what somebody wrote */
	bool is_begun;
	struct buffer *out;
	const char *pending; /* title of a section of which nothing was written yet */
};

static void begin_section(struct dump *dump)
{
	if (dump->pending) {
		buffer_printf(dump->out, "%s[%s]\n", dump->is_begun ? "\n" : "", dump->pending);
		dump->is_begun = true;
		dump->pending = NULL;
	}
}

static void on_section(void *context, enum section_kind kind, const char *name)
{
	struct dump *dump = context;
	const struct document_section section = { .kind = kind, .name = name };

	dump->pending = document_title(&dump->memory->pool, &section);
	if (!dump->is_sparse) {
		begin_section(dump);
	}
}

/* As a file would hold it: lines continued, and nothing that would be expanded.
 */
static void append_value(struct buffer *out, const char *value)
{
	if (value[0] == '@') {
		buffer_append_char(out, '@');
	}
	for (; *value; value++) {
		buffer_append_char(out, *value);
		if (*value == '$') {
			buffer_append_char(out, '$');
		} else if (*value == '\n') {
			buffer_append_str(out, "    ");
		}
	}
}

static void on_key(
	void *context, const char *key, const char *value, bool is_secret, const char *origin)
{
	struct dump *dump = context;
	struct buffer masked = BUFFER_INIT;

	if (dump->is_sparse && !origin) {
		return;
	}
	begin_section(dump);
	buffer_printf(dump->out, "# %s\n%s = ", origin ? origin : "default", key);
	if (is_secret) {
		buffer_append_str(dump->out, "***");
	} else {
		mask_url(value, &masked);
		append_value(dump->out, buffer_str(&masked));
	}
	buffer_append_char(dump->out, '\n');
	buffer_fini(&masked);
}

void config_dump(const struct config *config, bool non_default_only, struct buffer *out)
{
	static const struct write_visitor visitor = { on_section, on_key };
	struct dump dump = {
		.memory = config->memory,
		.is_sparse = non_default_only,
		.out = out,
	};

	write_walk(config, NULL, &visitor, &dump);
}
