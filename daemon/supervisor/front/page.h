/*
 * page - the status page, as it is sent
 *
 * Made by embed.py of page.html, page.css and page.js. Nothing is filled in: the page asks
 * /v1/status for all it shows.
 */
#pragma once

#include <stddef.h>

extern const char front_page[];
extern const size_t front_page_len;
/* Content-Security-Policy: its own style and script by their digests, and asking us. */
extern const char front_policy[];
