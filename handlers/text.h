/*
 * text - can these bytes be a text value of a database?
 *
 * Pure.
 */
#pragma once

#include <stdbool.h>

#include "onced/handler.h"

/* Well-formed UTF-8 without a NUL: what every database takes as text. */
bool text_is_storable(struct onced_bytes bytes);
