/*
 * paint - colours, where a person looks
 *
 * On a terminal only, and not where the environment asks for none (NO_COLOR, TERM=dumb). A word
 * says by itself what it means: colour only makes it found sooner.
 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"

/* Is standard output a terminal of somebody who wants colours? */
bool paint_is_wanted(void);
/* The same, of what is known of it: pure. The texts may be NULL. */
bool paint_is_wanted_by(bool is_terminal, const char *no_color, const char *term);

/* The state of a consumer, worker, partition or operation in its colour; others as they are. */
void paint_state(struct buffer *out, const char *state);
void paint_head(struct buffer *out, const char *head);
