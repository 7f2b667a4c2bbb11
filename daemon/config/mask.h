/*
 * mask - URLs without their passwords, and what is a secret by its name
 *
 * Pure. For values that are shown: store URLs, and whatever in a pass-through table is a URL.
 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"

/*
 * Append `url` with the password of its authority (scheme://user:PASSWORD@host) and of its query
 * (password=, sslpassword= and the like) as ***. Text that is no URL is appended as it is.
 */
void mask_url(const char *url, struct buffer *out);

/*
 * Append `text`, with *** for what it quotes ("...") of the password of `url`: a library takes one
 * whose / ? # or @ should have been escaped for a port or a host, and says so.
 */
void mask_quoted(const char *url, const char *text, struct buffer *out);

/*
 * Whether something of this name is likely a secret, whatever it is: headers.authorization,
 * env.API_TOKEN, tls.key.password.
 */
bool mask_names_secret(const char *name);
