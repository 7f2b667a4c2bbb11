/*
 * dlq_page - one dead letter on a page, for a person
 *
 * Pure. Payloads are shown as JSON, text or a hex dump, whatever they are; control characters of
 * what somebody else wrote do not reach the terminal.
 */
#pragma once

#include "base/buffer.h"
#include "dlq_book.h"
#include "dlq_letter.h"

void dlq_page_write(const char *topic, const struct dlq_letter *letter, enum dlq_state state,
	struct buffer *out);

/* Bytes as a person can read them, each line after `indent`. */
void dlq_page_bytes(struct slice bytes, const char *indent, struct buffer *out);
