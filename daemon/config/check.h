/*
 * check - what several keys say together
 *
 * Each key by itself has been checked by its type. Keys that were already told to be bad are left
 * alone here. Needs no network and no foreign code.
 */
#pragma once

#include "config/internal.h"

void check(struct config *config, struct problems *problems);
