/*
 * load - from files to a checked configuration
 *
 * Does the I/O of config/. Every step goes on after problems, so that all are
 * told at once.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/assemble.h"
#include "config/check.h"
#include "config/config.h"
#include "config/internal.h"
#include "config/override.h"
#include "config/text.h"

struct loading {
	struct config *config;
	struct problems problems;
	char *const *environment;
};

static void loading_fini(struct loading *loading)
{
	problems_fini(&loading->problems);
	config_free(loading->config);
}

static int tell_file(
	struct loading *loading, const char *name, unsigned line, int r, const struct err *err)
{
	struct config_memory *memory = loading->config->memory;
	const struct place place = {
		pool_strdup(&memory->pool, name),
		memory->document.file_count,
		line,
	};

	problems_add(&loading->problems, &place, "%s", err->text);
	return r;
}

/* Check the bytes of one file and take in what it says. */
static int read_text(struct loading *loading, const char *name, const struct buffer *text,
	enum ini_dialect dialect)
{
	const struct document_reading reading = {
		.pool = &loading->config->memory->pool,
		.document = &loading->config->memory->document,
		.problems = &loading->problems,
		.environment = loading->environment,
	};
	struct err err = ERR_INIT;
	unsigned line = 0;
	int r = text_check(text->data, text->len, &line, &err);

	if (r < 0) {
		return tell_file(loading, name, line, r, &err);
	}
	document_read(&reading, name, text->data, text->len, dialect);
	return 0;
}

static int read_path(struct loading *loading, const char *path)
{
	_cleanup_(text_wipe) struct buffer text = BUFFER_INIT;
	struct err err = ERR_INIT;
	int r = text_read_path(path, &text, &err);

	if (r < 0) {
		return tell_file(loading, path, 0, r, &err);
	}
	return read_text(loading, path, &text, INI_PEOPLE);
}

/* ---- conf.d ---- */

static int is_drop_in(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".ini") == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_drop_ins(struct loading *loading, const char *path)
{
	struct pool *pool = &loading->config->memory->pool;
	const char *slash = strrchr(path, '/');
	char *directory =
		pool_printf(pool, "%.*sconf.d", slash ? (int)(slash + 1 - path) : 0, path);
	struct dirent **entries;
	int count = scandir(directory, &entries, is_drop_in, compare_names);

	if (count < 0 && errno != ENOENT && errno != ENOTDIR) {
		struct err err = ERR_INIT;

		err_set(&err, 0, "cannot be listed: %s", strerror(errno));
		tell_file(loading, directory, 0, 0, &err);
	}
	if (count < 0) {
		return;
	}
	for (int i = 0; i < count; i++) {
		read_path(loading, pool_printf(pool, "%s/%s", directory, entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
}

/* ---- together ---- */

/* Sections that are there even when no file has them. */
static void require_sections(struct config_memory *memory)
{
	static const enum section_kind kinds[] = {
		SECTION_ONCED,
		SECTION_KAFKA,
		SECTION_KAFKA_PRODUCER,
		SECTION_RETRY,
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		document_require(&memory->document, kinds[i], "", &memory->place);
	}
}

/* Hand over the configuration, or the problems. `r`: of reading the file
 * itself. */
static int finish(struct loading *loading, int r, struct config **ret, struct config_errors *errors)
{
	unsigned count = problems_write(&loading->problems, &errors->text);

	errors->count += count;
	if (r < 0) {
		return r;
	}
	if (count > 0) {
		return -EINVAL;
	}
	*ret = TAKE(loading->config);
	return 0;
}

int config_load(const char *path, char *const *environment, const struct config_handler_type *types,
	struct config **ret, struct config_errors *errors)
{
	_cleanup_(loading_fini) struct loading loading = {
		.config = config_new(path),
		.environment = environment,
	};
	struct config_memory *memory = loading.config->memory;
	int r = read_path(&loading, path);

	if (r < 0) {
		return finish(&loading, r == -EILSEQ ? -EINVAL : r, ret, errors);
	}
	read_drop_ins(&loading, path);
	require_sections(memory);
	override_apply(loading.config, environment, types, &loading.problems);
	assemble(loading.config, types, &loading.problems);
	check(loading.config, &loading.problems);
	return finish(&loading, 0, ret, errors);
}

/* The rest, of a text that is resolved already. */
static int finish_resolved(
	struct loading *loading, int r, struct config **ret, struct config_errors *errors)
{
	if (r < 0) {
		return finish(loading, r == -EILSEQ ? -EINVAL : r, ret, errors);
	}
	require_sections(loading->config->memory);
	assemble(loading->config, NULL, &loading->problems);
	check(loading->config, &loading->problems);
	return finish(loading, 0, ret, errors);
}

int config_load_dump(const struct buffer *text, struct config **ret, struct config_errors *errors)
{
	static const char name[] = "configuration in use";
	static char *const no_environment[] = { NULL };
	_cleanup_(loading_fini) struct loading loading = {
		.config = config_new(name),
		.environment = no_environment,
	};

	return finish_resolved(&loading, read_text(&loading, name, text, INI_PEOPLE), ret, errors);
}

int config_load_fd(int fd, struct config **ret, struct config_errors *errors)
{
	static const char name[] = "sealed configuration";
	_cleanup_(text_wipe) struct buffer text = BUFFER_INIT;
	_cleanup_(loading_fini) struct loading loading = { .config = config_new(name) };
	struct err err = ERR_INIT;
	int r = text_read_fd(fd, &text, &err);

	if (r < 0) {
		r = tell_file(&loading, name, 0, r, &err);
	} else {
		r = read_text(&loading, name, &text, INI_EXACT);
	}
	return finish_resolved(&loading, r, ret, errors);
}
