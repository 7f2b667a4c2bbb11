/*
 * manual - the verbs and options for oncectl(1), in scdoc's form
 *
 * Pure.
 */
#pragma once

#include "arguments.h"
#include "base/buffer.h"

/* Sections of the page, out of the table that ends with name == NULL. */
void manual_write(const struct verb *verbs, struct buffer *out);
