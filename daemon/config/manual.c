/*
 * manual - config_write_manual(): every key as onced.ini(5) tells it, in scdoc's form
 *
 * What a key may hold and what a reload does with it come from the table, like its help.
 */
#include <string.h>

#include "base/scdoc.h"
#include "config/internal.h"
#include "config/sample.h"
#include "config/schema.h"
#include "config/value.h"

static const char *const type_texts[SCHEMA_TYPE_COUNT] = {
	[SCHEMA_STRING] = "TEXT",
	[SCHEMA_TEXT] = "TEXT",
	[SCHEMA_STORE_URL] = "URL",
	[SCHEMA_PATH] = "PATH",
	[SCHEMA_ADDRESS] = "ADDRESS:PORT",
	[SCHEMA_TOPIC] = "TOPIC",
	[SCHEMA_TOPICS] = "TOPIC, ...",
	[SCHEMA_INSTANCE_ID] = "auto | off | TEMPLATE",
	[SCHEMA_SQLSTATES] = "SQLSTATE, ...",
	[SCHEMA_BOOL] = "yes | no",
	[SCHEMA_UNSIGNED] = "NUMBER",
	[SCHEMA_INTEGER] = "NUMBER",
	[SCHEMA_SIZE] = "SIZE",
	[SCHEMA_DURATION] = "TIME",
	[SCHEMA_RATE] = "NUMBER in TIME",
	[SCHEMA_FACTOR] = "FACTOR",
	[SCHEMA_ENUM] = NULL, /* its words */
	[SCHEMA_PARTITIONS] = "auto | LIST | ...",
	[SCHEMA_EVENT_ID] = "PLACE, ...",
	[SCHEMA_EVENT_SOURCE] = "PLACE",
	[SCHEMA_FILTER] = "CONDITION ...",
	[SCHEMA_TIERS] = "TIME, ...",
	[SCHEMA_HANDLER] = "NAME",
	[SCHEMA_RETRY] = "NAME",
};

static const char *const rule_texts[CONFIG_RULES] = {
	[CONFIG_LIVE] = "applies at once",
	[CONFIG_SLOTS] = "starts or drains workers, and leaves the others alone",
	[CONFIG_ROLLS] = "replaces the workers it is about, one at a time",
	[CONFIG_REPLACES] = "replaces all of the consumer's workers together",
	[CONFIG_NEEDS_RESTART] = "leaves it as it is: needs a restart",
};

static void write_form(struct buffer *out, const struct schema_key *key)
{
	struct buffer form = BUFFER_INIT;

	buffer_append_str(&form, type_texts[key->type] ? type_texts[key->type] : "");
	for (size_t i = 0; key->words && key->words[i]; i++) {
		buffer_printf(&form, "%s%s", i > 0 ? " | " : "", key->words[i]);
	}
	if (key->flags & SCHEMA_MAY_BE_OFF) {
		buffer_append_str(&form, " | off");
	}
	if (key->flags & SCHEMA_MAY_BE_NONE) {
		buffer_append_str(&form, " | none");
	}
	scdoc_text(out, buffer_str(&form));
	buffer_fini(&form);
}

/* Both ends of what a number, a size or a time may be; nothing for others. */
static void write_range(struct buffer *out, const struct schema_key *key)
{
	void (*write)(struct buffer * out, int64_t value) = NULL;
	struct buffer range = BUFFER_INIT;

	if (key->type == SCHEMA_DURATION) {
		write = value_write_duration;
	} else if (key->type == SCHEMA_SIZE) {
		write = value_write_size;
	} else if (key->type != SCHEMA_UNSIGNED && key->type != SCHEMA_INTEGER) {
		return;
	}
	for (int i = 0; i < 2; i++) {
		int64_t end = i == 0 ? key->min : key->max;

		if (end == INT64_MAX) {
			buffer_append_str(&range, " on");
			break;
		}
		buffer_append_str(&range, i == 0 ? "From " : " to ");
		if (write) {
			write(&range, end);
		} else {
			buffer_printf(&range, "%lld", (long long)end);
		}
	}
	buffer_append_str(&range, ". ");
	scdoc_text(out, buffer_str(&range));
	buffer_fini(&range);
}

static void write_key(struct buffer *out, const struct schema_key *key)
{
	const char *otherwise = key->flags & SCHEMA_DEFAULTS_TO_NAME ? "NAME" : key->default_text;

	buffer_append_str(out, "\n*");
	scdoc_text(out, key->name);
	buffer_append_str(out, "* = ");
	write_form(out, key);
	buffer_append_str(out, "\n\t");
	scdoc_text(out, key->help);
	buffer_append_str(out, "\n\n\t");
	write_range(out, key);
	if (key->flags & SCHEMA_REQUIRED) {
		buffer_append_str(out, "Required. ");
	} else if (otherwise && otherwise[0]) {
		buffer_append_str(out, "Default: ");
		scdoc_text(out, otherwise);
		buffer_append_str(out, ". ");
	}
	buffer_printf(out, "A reload %s.\n", rule_texts[key->rule]);
}

static void write_param(struct buffer *out, const struct config_param *param)
{
	bool is_family = config_param_is_family(param);

	buffer_append_str(out, "\n*");
	scdoc_text(out, param->name);
	if (is_family) {
		out->len -= strlen("\\*"); /* the star of "headers.*" */
		buffer_append_str(out, "NAME");
	}
	buffer_append_str(out, "*\n\t");
	scdoc_text(out, param->help ? param->help : "");
	if (out->data[out->len - 1] != '.') {
		buffer_append_char(out, '.');
	}
	if (param->is_required) {
		buffer_append_str(out, " Required.");
	} else if (param->default_value && param->default_value[0]) {
		buffer_append_str(out, " Default: ");
		scdoc_text(out, param->default_value);
		buffer_append_str(out, ".");
	}
	buffer_append_char(out, '\n');
}

static void write_types(struct buffer *out, const struct config_handler_type *types)
{
	for (; types && types->name; types++) {
		buffer_printf(out, "\n## type = %s\n\n", types->name);
		scdoc_text(out, types->help ? types->help : "");
		buffer_append_char(out, '\n');
		for (const struct config_param *param = types->params; param && param->name;
			param++) {
			write_param(out, param);
		}
	}
}

/* Keys that have no row. */
static const struct {
	enum section_kind kind;
	const char *text;
} rowless[] = {
	{ SECTION_KAFKA,
		"\n*bootstrap.servers* = HOST:PORT, ...\n"
		"\tBrokers to ask first, separated by commas. Required.\n" },
	{ SECTION_CONSUMER,
		"\n*route.*TYPE = NAME\n"
		"\tThe handler of one event type; *handler* has those of no route.\n" },
};

void config_write_manual(const struct config_handler_type *types, struct buffer *out)
{
	for (const struct sample_section *section = sample_sections; section->header; section++) {
		/* Headings are taken as they are. */
		buffer_printf(out, "%s# SECTION %s\n\n", out->len > 0 ? "\n" : "",
			section->header + strspn(section->header, "#"));
		scdoc_text(out, section->intro);
		buffer_append_char(out, '\n');
		for (size_t i = 0; i < schema_key_count; i++) {
			if (schema_keys[i].section == section->kind) {
				write_key(out, &schema_keys[i]);
			}
		}
		for (size_t i = 0; i < sizeof(rowless) / sizeof(rowless[0]); i++) {
			if (rowless[i].kind == section->kind) {
				buffer_append_str(out, rowless[i].text);
			}
		}
		if (section->kind == SECTION_HANDLER) {
			write_types(out, types);
		}
	}
}
