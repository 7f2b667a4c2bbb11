#include "config/finding.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/shown.h"

void findings_fini(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		free(findings->items[i].subject);
		free(findings->items[i].text);
		free(findings->items[i].remedy);
	}
	free(findings->items);
	*findings = FINDINGS_INIT;
}

/* What a server said may be in it, line breaks and all: a finding is one line. */
static char *one_line(char *text)
{
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			*p = ' ';
		}
	}
	shown_plain(text);
	return text;
}

void findings_add(struct findings *findings, enum finding_severity severity, const char *remedy,
	const char *format, ...)
{
	struct buffer text = BUFFER_INIT;
	va_list args;

	va_start(args, format);
	buffer_vprintf(&text, format, args);
	va_end(args);
	buffer_append_str(&text, "");
	ARRAY_GROW(findings->items, findings->count, findings->capacity);
	findings->items[findings->count++] = (struct finding){
		.severity = severity,
		.check = findings->check,
		.subject = one_line(xstrdup(findings->subject)),
		.text = one_line(xstrdup(buffer_str(&text))),
		.remedy = one_line(xstrdup(remedy ? remedy : "")),
	};
	buffer_fini(&text);
}

size_t findings_count(const struct findings *findings, enum finding_severity severity)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++) {
		count += findings->items[i].severity == severity;
	}
	return count;
}

const char *finding_severity_name(enum finding_severity severity)
{
	static const char *const names[FINDING_SEVERITIES] = {
		[FINDING_GOOD] = "good",
		[FINDING_NOTE] = "note",
		[FINDING_WARNING] = "warning",
		[FINDING_ERROR] = "error",
	};

	return names[severity];
}
