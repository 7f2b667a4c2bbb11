#include "base/scdoc.h"

#include <string.h>

void scdoc_text(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("\\*_`#[]|~<>", *text)) {
			buffer_append_char(out, '\\');
		}
		buffer_append_char(out, *text == '\n' ? ' ' : *text);
	}
}
