/*
 * http_text - bytes made fit for URLs and for values of headers
 *
 * Pure but for memory.
 */
#pragma once

#include "compose.h"

/* All bytes but RFC 3986's unreserved ones become %XX. */
void http_text_put_for_url(struct compose *text, struct onced_bytes bytes);
/*
 * All bytes but visible ASCII, and of that the double quote and the percent sign, become %XX: the
 * rule of CloudEvents for values of headers. Different bytes stay different.
 */
void http_text_put_for_header(struct compose *text, struct onced_bytes bytes);
