/*
 * config_file - the configuration, for verbs that work on the store themselves
 */
#pragma once

#include "arguments.h"
#include "config/config.h"

/* Of these verbs, for the table. */
extern const struct verb_option migrate_options[];
extern const struct verb_option dedup_check_options[];
extern const struct verb_option dedup_forget_options[];

/* The file of -c, with at least one consumer. -1 after the sentence on standard error. */
int config_file_load(const struct ctl *ctl, struct config **ret);

/* The consumer of `name`, or the only one (NULL). NULL after the sentence on standard error. */
const struct config_consumer *config_file_consumer(const struct config *config, const char *name);
