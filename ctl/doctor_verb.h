/*
 * doctor_verb - the row of `oncectl doctor` in the table of verbs
 */
#pragma once

#include "arguments.h"

extern const struct verb_option doctor_options[];
