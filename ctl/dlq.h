/*
 * dlq - the verbs about dead letters, and what they take
 *
 * Each is one function in a file of its own; main.c has them in its table.
 */
#pragma once

#include "arguments.h"

extern const struct verb_option dlq_list_options[];
extern const struct verb_option dlq_show_options[];
extern const struct verb_option dlq_export_options[];
extern const struct verb_option dlq_import_options[];
extern const struct verb_option dlq_replay_options[];
extern const struct verb_option dlq_discard_options[];
extern const struct verb_option dlq_audit_options[];

int verb_dlq_list(const struct ctl *ctl); /* dlq_list.c */
int verb_dlq_show(const struct ctl *ctl); /* dlq_show.c */
int verb_dlq_export(const struct ctl *ctl); /* dlq_export.c */
int verb_dlq_import(const struct ctl *ctl); /* dlq_import.c */
int verb_dlq_replay(const struct ctl *ctl); /* dlq_replay.c */
int verb_dlq_discard(const struct ctl *ctl); /* dlq_discard.c */
int verb_dlq_audit(const struct ctl *ctl); /* dlq_audit.c */
