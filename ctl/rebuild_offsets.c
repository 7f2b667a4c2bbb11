#include "rebuild_offsets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

/* ---- one topic: its partitions stand together, by number ---- */

static int find_starts(const struct rebuild_state *state, struct kafka_reader *reader,
	const char *topic, int64_t *ret, const int64_t *ends, size_t count, struct err *err)
{
	bool is_time = state->from_ms >= 0;
	int r = kafka_reader_log_offsets(
		reader, topic, is_time ? state->from_ms : SOURCE_OFFSET_EARLIEST, ret, count, err);

	for (size_t i = 0; r == 0 && i < count; i++) {
		ret[i] = ret[i] >= 0 ? ret[i] : ends[i]; /* nothing is that new */
	}
	return r;
}

static int find_topic(struct rebuild_state *state, struct kafka_reader *reader, const char *topic,
	struct err *err)
{
	int count = kafka_reader_partitions(reader, topic, err);
	_cleanup_free_ int64_t *ends = xcalloc((size_t)(count > 0 ? count : 1), sizeof(*ends));
	_cleanup_free_ int64_t *starts = xcalloc((size_t)(count > 0 ? count : 1), sizeof(*starts));
	int r = count < 0 ? count
			  : kafka_reader_log_offsets(
				    reader, topic, SOURCE_OFFSET_LATEST, ends, (size_t)count, err);

	r = r < 0 ? r : find_starts(state, reader, topic, starts, ends, (size_t)count, err);
	if (r < 0) {
		return err_prefix(err, r, "topic %s", topic);
	}
	state->places = xrealloc(
		state->places, (state->place_count + (size_t)count + 1) * sizeof(*state->places));
	for (int i = 0; i < count; i++) {
		struct rebuild_place *place = &state->places[state->place_count++];

		*place = (struct rebuild_place){ .partition = i,
			.start = starts[i],
			.end = ends[i],
			.committed = -1,
			.before = -1 };
		snprintf(place->topic, sizeof(place->topic), "%s", topic);
	}
	return 0;
}

int rebuild_offsets_find(struct rebuild_state *state, struct kafka_reader *reader, struct err *err)
{
	int r = 0;

	state->place_count = 0;
	for (size_t i = 0; r == 0 && i < state->consumer->topics.count; i++) {
		r = find_topic(state, reader, state->consumer->topics.items[i], err);
	}
	return r;
}

/* How many places from `first` on are of its topic. */
static size_t run_of(const struct rebuild_state *state, size_t first)
{
	size_t end = first;

	while (end < state->place_count &&
		strcmp(state->places[end].topic, state->places[first].topic) == 0) {
		end++;
	}
	return end - first;
}

int rebuild_offsets_rewind(
	const struct rebuild_state *state, struct kafka_reader *reader, struct err *err)
{
	int r = 0;

	for (size_t first = 0, count; r == 0 && first < state->place_count; first += count) {
		_cleanup_free_ int64_t *offsets = NULL;

		count = run_of(state, first);
		offsets = xcalloc(count, sizeof(*offsets));
		for (size_t i = 0; i < count; i++) {
			offsets[i] = state->places[first + i].start;
		}
		r = kafka_reader_commit(reader, state->places[first].topic, offsets, count, err);
	}
	return r;
}

int rebuild_offsets_look(struct rebuild_state *state, struct kafka_reader *reader, struct err *err)
{
	int r = 0;

	for (size_t first = 0, count; r == 0 && first < state->place_count; first += count) {
		_cleanup_free_ int64_t *offsets = NULL;

		count = run_of(state, first);
		offsets = xcalloc(count, sizeof(*offsets));
		r = kafka_reader_committed(reader, state->places[first].topic, offsets, count, err);
		for (size_t i = 0; r == 0 && i < count; i++) {
			state->places[first + i].committed = offsets[i];
		}
	}
	return r;
}

/* Whatever was committed at any time was settled. */
static void note_before(
	struct rebuild_place *place, const struct rebuild_place *known, size_t known_count)
{
	place->before = place->committed;
	for (size_t i = 0; i < known_count; i++) {
		if (known[i].partition == place->partition &&
			strcmp(known[i].topic, place->topic) == 0 &&
			known[i].before > place->before) {
			place->before = known[i].before;
		}
	}
}

int rebuild_offsets_find_again(
	struct rebuild_state *state, struct kafka_reader *reader, struct err *err)
{
	struct rebuild_place *known = TAKE(state->places);
	size_t known_count = state->place_count;
	int r = rebuild_offsets_find(state, reader, err);

	r = r < 0 ? r : rebuild_offsets_look(state, reader, err);
	if (r < 0) {
		free(state->places);
		state->places = known;
		state->place_count = known_count;
		return r;
	}
	for (size_t i = 0; i < state->place_count; i++) {
		note_before(&state->places[i], known, known_count);
	}
	free(known);
	return 0;
}

int rebuild_offsets_restore(
	struct rebuild_state *state, struct kafka_reader *reader, struct err *err)
{
	int r = rebuild_offsets_look(state, reader, err);

	for (size_t first = 0, count; r == 0 && first < state->place_count; first += count) {
		_cleanup_free_ int64_t *offsets = NULL;

		count = run_of(state, first);
		offsets = xcalloc(count, sizeof(*offsets));
		for (size_t i = 0; i < count; i++) {
			const struct rebuild_place *place = &state->places[first + i];

			offsets[i] = place->committed < place->before ? place->before : -1;
		}
		r = kafka_reader_commit(reader, state->places[first].topic, offsets, count, err);
	}
	return r;
}

bool rebuild_offsets_are_at_start(const struct rebuild_state *state)
{
	for (size_t i = 0; i < state->place_count; i++) {
		if (state->places[i].committed != state->places[i].start) {
			return false;
		}
	}
	return true;
}

void rebuild_offsets_sum(const struct rebuild_state *state, int64_t *ret_done, int64_t *ret_all)
{
	*ret_done = *ret_all = 0;
	for (size_t i = 0; i < state->place_count; i++) {
		const struct rebuild_place *place = &state->places[i];
		int64_t at = place->committed < place->start ? place->start : place->committed;

		*ret_done += (at < place->end ? at : place->end) - place->start;
		*ret_all += place->end - place->start;
	}
}
