/*
 * serialize - config_serialize(): what a worker is given, exactly
 *
 * The dialect is INI_EXACT of ini.h. Secrets are in clear.
 */
#include <string.h>

#include "config/write.h"

struct serialize {
	struct config_memory *memory;
	struct buffer *out;
};

static void on_section(void *context, enum section_kind kind, const char *name)
{
	struct serialize *serialize = context;
	const struct document_section section = { .kind = kind, .name = name };

	buffer_printf(serialize->out, "[%s]\n", document_title(&serialize->memory->pool, &section));
}

static void on_key(
	void *context, const char *key, const char *value, bool is_secret, const char *origin)
{
	struct serialize *serialize = context;

	if (origin && !strchr(origin, '\n')) {
		buffer_printf(serialize->out, "#@ %s\n", origin);
	}
	buffer_printf(serialize->out, "%s =%s ", key, is_secret ? "!" : "");
	for (; *value; value++) {
		buffer_append_char(serialize->out, *value);
		if (*value == '\n') {
			buffer_append_char(serialize->out, '\t');
		}
	}
	buffer_append_char(serialize->out, '\n');
}

void config_serialize(
	const struct config *config, const struct config_consumer *consumer, struct buffer *out)
{
	static const struct write_visitor visitor = { on_section, on_key };
	struct serialize serialize = { config->memory, out };

	write_walk(config, consumer, &visitor, &serialize);
}
