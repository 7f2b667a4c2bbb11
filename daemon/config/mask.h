/*
 * mask - URLs without their passwords
 *
 * Pure. For values that are shown: store URLs, and whatever in a pass-through table is a URL.
 */
#pragma once

#include "base/buffer.h"

/*
 * Append `url` with the password of its authority (scheme://user:PASSWORD@host) and of its query
 * (password=, sslpassword= and the like) as ***. Text that is no URL is appended as it is.
 */
void mask_url(const char *url, struct buffer *out);
