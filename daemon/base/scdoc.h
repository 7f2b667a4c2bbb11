/*
 * scdoc - text in manual pages written for scdoc
 *
 * Pure. Lists that a program knows by its tables become parts of its manual pages.
 */
#pragma once

#include "base/buffer.h"

/* Append a text so that it is read as it is: what scdoc takes for marks is escaped. */
void scdoc_text(struct buffer *out, const char *text);
