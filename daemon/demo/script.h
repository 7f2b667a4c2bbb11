/*
 * script - the texts of the demonstration: the shop's tables and the daemon's configuration
 *
 * Pure.
 */
#pragma once

#include "base/buffer.h"

#define SCRIPT_DATABASE "shop.sqlite"
#define SCRIPT_GROUP "demo"

enum { SCRIPT_ATTEMPTS = 4 };

void script_write_schema(struct buffer *out);
void script_write_config(struct buffer *out, const char *directory, const char *socket_path,
	const char *bootstrap);
