#include "rebuild_state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"

static void json_cleanup(json_t **object)
{
	json_decref(*object);
}

static char *path_of(const struct rebuild_state *state, const char *suffix)
{
	return xasprintf(
		"%s/rebuild-%s%s", state->config->state_dir, state->consumer->name, suffix);
}

static int fail(struct err *err, const char *path)
{
	int error = errno;

	return err_set(err, -error, "%s: %s", path, strerror(error));
}

/* ---- the file's contents ---- */

static void copy_text(char *to, size_t size, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(to, size, "%s", text ? text : "");
}

static int64_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void read_places(struct rebuild_state *state, const json_t *array)
{
	state->place_count = json_array_size(array);
	state->places = xcalloc(state->place_count + 1, sizeof(*state->places));
	for (size_t i = 0; i < state->place_count; i++) {
		const json_t *object = json_array_get(array, i);
		struct rebuild_place *place = &state->places[i];

		copy_text(place->topic, sizeof(place->topic), object, "topic");
		place->partition = (int32_t)number(object, "partition");
		place->start = number(object, "start");
		place->end = number(object, "end");
		place->committed = -1;
		place->before = number(object, "before");
	}
}

static int read_state(struct rebuild_state *state, const char *path, struct err *err)
{
	_cleanup_(json_cleanup) json_t *root = NULL;
	json_error_t error;

	if (access(path, F_OK) < 0) {
		return errno == ENOENT ? 0 : fail(err, path);
	}
	root = json_load_file(path, 0, &error);
	state->step = rebuild_step_of(json_string_value(json_object_get(root, "step")));
	if (!root || state->step == REBUILD_STEPS) {
		return err_set(err, -EINVAL, "%s is no file of a rebuild: %s", path,
			root ? "no such step" : error.text);
	}
	copy_text(state->from, sizeof(state->from), root, "from");
	copy_text(state->reason, sizeof(state->reason), root, "reason");
	copy_text(state->next.rebuild, sizeof(state->next.rebuild), root, "rebuild");
	state->next.number = (unsigned)number(root, "generation");
	state->from_ms = number(root, "from_ms");
	read_places(state, json_object_get(root, "partitions"));
	state->is_there = true;
	return 0;
}

static json_t *write_state(const struct rebuild_state *state)
{
	json_t *array = json_array();

	for (size_t i = 0; i < state->place_count; i++) {
		const struct rebuild_place *place = &state->places[i];

		(void)json_array_append_new(array,
			json_pack("{s:s, s:i, s:I, s:I, s:I}", "topic", place->topic, "partition",
				(int)place->partition, "start", (json_int_t)place->start, "end",
				(json_int_t)place->end, "before", (json_int_t)place->before));
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o}", "step",
		rebuild_step_names[state->step], "from", state->from, "reason", state->reason,
		"rebuild", state->next.rebuild, "generation", (json_int_t)state->next.number,
		"from_ms", (json_int_t)state->from_ms, "partitions", array);
}

/* ---- the file ---- */

int rebuild_state_open(struct rebuild_state *state, struct err *err)
{
	_cleanup_free_ char *path = path_of(state, ".json"), *lock = path_of(state, ".lock");

	state->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (state->lock_fd < 0) {
		return fail(err, lock);
	}
	if (flock(state->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		return errno == EWOULDBLOCK
			? err_set(err, -EBUSY, "another oncectl is at the rebuild of %s",
				  state->consumer->name)
			: fail(err, lock);
	}
	return read_state(state, path, err);
}

void rebuild_state_close(struct rebuild_state *state)
{
	if (state->lock_fd >= 0) {
		close(state->lock_fd);
		state->lock_fd = -1;
	}
	free(state->places);
	state->places = NULL;
}

static int sync_directory(const struct rebuild_state *state, struct err *err)
{
	int fd = open(state->config->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? fail(err, state->config->state_dir) : 0;

	if (fd >= 0) {
		close(fd);
	}
	return r;
}

int rebuild_state_save(struct rebuild_state *state, struct err *err)
{
	_cleanup_free_ char *path = path_of(state, ".json"), *fresh = path_of(state, ".new");
	_cleanup_(json_cleanup) json_t *root = write_state(state);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = 0;

	if (fd < 0) {
		return fail(err, fresh);
	}
	if (!root || json_dumpfd(root, fd, JSON_INDENT(2)) < 0) {
		r = err_set(err, -EIO, "%s: cannot be written", fresh);
	} else if (fsync(fd) < 0 || rename(fresh, path) < 0) {
		r = fail(err, fresh);
	}
	close(fd);
	state->is_there |= r == 0;
	return r ? r : sync_directory(state, err);
}

int rebuild_state_remove(struct rebuild_state *state, struct err *err)
{
	_cleanup_free_ char *path = path_of(state, ".json");

	if (unlink(path) < 0 && errno != ENOENT) {
		return fail(err, path);
	}
	state->is_there = false;
	return sync_directory(state, err);
}
