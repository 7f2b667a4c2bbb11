/*
 * sample - config_write_sample(): every key, commented, at its default
 *
 * Sentences are comments with a blank after the #, keys without: taking the #
 * away makes a key.
 */
#include <string.h>

#include "config/internal.h"
#include "config/sample.h"
#include "config/schema.h"

enum { SAMPLE_WIDTH = 96 };

const struct sample_section sample_sections[] = {
	{ SECTION_ONCED, "[onced]", "The daemon as a whole." },
	{ SECTION_KAFKA, "[kafka]",
		"Properties of librdkafka, by its own names, for all clients. Those that run code, "
		"weaken TLS or that onced sets itself are refused, with the reason." },
	{ SECTION_KAFKA_PRODUCER, "#[kafka producer]",
		"Properties on top of [kafka] for the client that sends dead letters." },
	{ SECTION_CONSUMER, "#[consumer NAME]",
		"One group of topics, its workers and its policy. As many as there are names." },
	{ SECTION_HANDLER, "#[handler NAME]", "What is done with an event." },
	{ SECTION_RETRY, "[retry]",
		"When a record that failed is tried again. [retry NAME] holds the same keys for "
		"the consumers that say retry = NAME." },
	{ 0 },
};

/* Append `text` as comment lines that fit the width. */
static void write_comment(struct buffer *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column > 0 && column + 1 + len > SAMPLE_WIDTH) {
			buffer_append_char(out, '\n');
			column = 0;
		}
		if (column == 0) {
			buffer_append_char(out, '#');
			column = 1;
		}
		buffer_append_char(out, ' ');
		buffer_append(out, text, len);
		column += 1 + len;
		text += len;
		text += strspn(text, " ");
	}
	buffer_append_char(out, '\n');
}

static void write_assignment(struct buffer *out, const char *name, const char *value)
{
	buffer_printf(out, "#%s =%s%s\n", name, value && value[0] ? " " : "", value ? value : "");
}

static void write_key(struct buffer *out, const struct schema_key *key)
{
	struct buffer help = BUFFER_INIT;
	const char *value = key->flags & SCHEMA_DEFAULTS_TO_NAME ? "NAME" : key->default_text;

	buffer_append_char(out, '\n');
	buffer_append_str(&help, key->help);
	for (size_t i = 0; key->words && key->words[i]; i++) {
		buffer_printf(&help, "%s%s", i == 0 ? " One of " : ", ", key->words[i]);
	}
	buffer_append_str(&help, key->words ? "." : "");
	buffer_append_str(&help, key->flags & SCHEMA_REQUIRED ? " Required." : "");
	write_comment(out, buffer_str(&help));
	write_assignment(out, key->name, value);
	buffer_fini(&help);
}

static void write_param(struct buffer *out, const struct config_param *param)
{
	struct buffer help = BUFFER_INIT, name = BUFFER_INIT;

	if (config_param_is_family(param)) {
		buffer_printf(&name, "%.*sNAME", (int)strlen(param->name) - 1, param->name);
	} else {
		buffer_append_str(&name, param->name);
	}
	buffer_append_str(&help, param->help);
	if (help.len > 0 && help.data[help.len - 1] != '.') {
		buffer_append_char(&help, '.');
	}
	buffer_append_str(&help, param->is_required ? " Required." : "");
	buffer_append_char(out, '\n');
	write_comment(out, buffer_str(&help));
	write_assignment(out, buffer_str(&name), param->default_value);
	buffer_fini(&help);
	buffer_fini(&name);
}

static void write_types(struct buffer *out, const struct config_handler_type *types)
{
	for (; types && types->name; types++) {
		struct buffer line = BUFFER_INIT;

		buffer_printf(
			&line, "---- type = %s: %s", types->name, types->help ? types->help : "");
		buffer_append_char(out, '\n');
		write_comment(out, buffer_str(&line));
		buffer_fini(&line);
		for (const struct config_param *param = types->params; param && param->name;
			param++) {
			write_param(out, param);
		}
	}
}

static void write_rowless(
	struct buffer *out, enum section_kind kind, const struct config_handler_type *types)
{
	if (kind == SECTION_KAFKA) {
		buffer_append_char(out, '\n');
		write_comment(out, "Brokers to ask first, separated by commas. Required.");
		write_assignment(out, "bootstrap.servers", NULL);
	} else if (kind == SECTION_CONSUMER) {
		buffer_append_char(out, '\n');
		write_comment(out, "The handler of one event type.");
		write_assignment(out, "route.TYPE", NULL);
	} else if (kind == SECTION_HANDLER) {
		write_types(out, types);
	}
}

static void write_introduction(struct buffer *out)
{
	static const char *const paragraphs[] = {
		"onced.ini - every key, at its default. See onced.ini(5).",
		"A line that starts with # or ; is a comment. A line that starts with a blank "
		"continues the value of the line before. Files in conf.d beside this one, *.ini in "
		"order of their names, are read as if they stood at its end; a key may be set "
		"once.",
		"Times: 500ms, 5s, 1m, 2h, 7d. Sizes: 1024, 4MB, 32MiB. ${NAME} is replaced from "
		"the environment, and $$ is a dollar sign. A value @/path is the contents of that "
		"file, @cred:NAME that of a credential systemd passes; @@ at the start of a value "
		"is an at sign. ONCED__SECTION__NAME__KEY in the environment overrides a key: "
		"ONCED__CONSUMER__ORDERS__BATCH_MAX=100.",
	};

	for (size_t i = 0; i < sizeof(paragraphs) / sizeof(paragraphs[0]); i++) {
		buffer_append_str(out, i > 0 ? "#\n" : "");
		write_comment(out, paragraphs[i]);
	}
}

void config_write_sample(const struct config_handler_type *types, struct buffer *out)
{
	write_introduction(out);
	for (const struct sample_section *section = sample_sections; section->header; section++) {
		buffer_append_char(out, '\n');
		write_comment(out, section->intro);
		buffer_printf(out, "%s\n", section->header);
		for (size_t k = 0; k < schema_key_count; k++) {
			if (schema_keys[k].section == section->kind) {
				write_key(out, &schema_keys[k]);
			}
		}
		write_rowless(out, section->kind, types);
	}
}
