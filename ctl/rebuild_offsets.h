/*
 * rebuild_offsets - the group's offsets in a rebuild: where it begins, how far it is
 *
 * Runs in: oncectl. As a group without members allows; the broker refuses it when there are some.
 */
#pragma once

#include "kafka/reader.h"
#include "rebuild_state.h"

/* Fill the state's places: every partition of the consumer's topics, from where, and its end. */
int rebuild_offsets_find(
	struct rebuild_state *state, struct kafka_reader *reader, struct err *err);
/* Commit where each begins. */
int rebuild_offsets_rewind(
	const struct rebuild_state *state, struct kafka_reader *reader, struct err *err);
/* As find; and note what is committed before it goes back, which an earlier time may have done. */
int rebuild_offsets_find_again(
	struct rebuild_state *state, struct kafka_reader *reader, struct err *err);
/* What went back goes where it was; of a group without members, if anything did. */
int rebuild_offsets_restore(
	struct rebuild_state *state, struct kafka_reader *reader, struct err *err);
/* Ask what is committed. */
int rebuild_offsets_look(
	struct rebuild_state *state, struct kafka_reader *reader, struct err *err);

/* After a look: do all stand where they begin? */
bool rebuild_offsets_are_at_start(const struct rebuild_state *state);
/* After a look: records from the start on, all of them and those behind the commits. */
void rebuild_offsets_sum(
	const struct rebuild_state *state, int64_t *ret_done, int64_t *ret_all);
