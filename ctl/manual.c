/*
 * manual - the verbs and options for oncectl(1), in scdoc's form
 *
 * Runs in: oncectl, while it is built.
 */
#include "manual.h"

#include "base/scdoc.h"

static void write_options(const struct verb_option *options, const char *indent, struct buffer *out)
{
	for (; options && options->name; options++) {
		buffer_printf(out, "\n%s*%s*%s%s\n%s\t", indent, options->name,
			options->value ? " " : "", options->value ? options->value : "", indent);
		scdoc_text(out, options->help);
		buffer_append_str(out, ".\n");
	}
}

void manual_write(const struct verb *verbs, struct buffer *out)
{
	for (; verbs->name; verbs++) {
		buffer_printf(out, "*%s*%s", verbs->name, verbs->arguments ? " " : "");
		scdoc_text(out, verbs->arguments ? verbs->arguments : "");
		buffer_append_str(out, "\n\t");
		scdoc_text(out, verbs->help);
		buffer_printf(out, ".%s\n", verbs->is_reading ? " Takes *--watch*." : "");
		write_options(verbs->options, "\t", out);
		buffer_append_char(out, '\n');
	}
	buffer_append_str(out, "# OPTIONS OF EVERY VERB\n");
	write_options(arguments_common_options(), "", out);
	buffer_append_str(out, "\n# OPTIONS OF VERBS THAT ONLY READ\n");
	write_options(arguments_watch_options(), "", out);
}
