/*
 * exec_env - the environment that a command gets
 *
 * Runs in: probe and worker, main thread.
 */
#include "exec_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char family[] = "env.";

enum { FAMILY_LEN = sizeof(family) - 1 };

static const char *const inherited_names[] = { "PATH", "LANG", "TZ" };

enum { INHERITED_COUNT = sizeof(inherited_names) / sizeof(inherited_names[0]) };

/* The i-th parameter's variable name, NULL when it is none. */
static const char *name_of(const struct onced_param *param)
{
	return strncmp(param->name, family, FAMILY_LEN) == 0 ? param->name + FAMILY_LEN : NULL;
}

static int check_name(struct onced_setup *setup, const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	static const char rest[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	if (!*name || !strchr(letters, *name) || name[strspn(name, rest)]) {
		return onced_setup_fail(setup,
			"env.%s: a variable's name is letters, digits and underscores", name);
	}
	return 0;
}

static const char *find(char *const *environment, const char *name)
{
	size_t len = strlen(name);

	for (; *environment; environment++) {
		if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=') {
			return *environment + len + 1;
		}
	}
	return NULL;
}

static char *entry(const char *name, const char *value)
{
	char *made;

	return asprintf(&made, "%s=%s", name, value) < 0 ? NULL : made;
}

static void list_free(char **list)
{
	for (char **p = list; p && *p; p++) {
		free(*p);
	}
	free(list);
}

/* The configured ones; the list has room for all. */
static int add_configured(struct onced_setup *setup, char **list, size_t *count)
{
	struct onced_param param;

	for (size_t i = 0; onced_setup_param_at(setup, i, &param); i++) {
		const char *name = name_of(&param);

		if (!name) {
			continue;
		}
		if (check_name(setup, name) < 0) {
			return -1;
		}
		list[*count] = entry(name, param.value);
		if (!list[(*count)++]) {
			return onced_setup_fail(setup, "out of memory");
		}
	}
	return 0;
}

static int add_inherited(
	struct onced_setup *setup, char **list, size_t *count, char *const *inherited)
{
	for (size_t i = 0; i < INHERITED_COUNT; i++) {
		const char *value = find(inherited, inherited_names[i]);

		if (!value || find(list, inherited_names[i])) {
			continue;
		}
		list[*count] = entry(inherited_names[i], value);
		if (!list[(*count)++]) {
			return onced_setup_fail(setup, "out of memory");
		}
	}
	return 0;
}

char **exec_env_build(struct onced_setup *setup, char *const *inherited)
{
	struct onced_param param;
	size_t params = 0, count = 0;
	char **list;

	while (onced_setup_param_at(setup, params, &param)) {
		params++;
	}
	list = calloc(params + INHERITED_COUNT + 1, sizeof(*list));
	if (!list) {
		(void)onced_setup_fail(setup, "out of memory");
		return NULL;
	}
	if (add_configured(setup, list, &count) < 0 ||
		add_inherited(setup, list, &count, inherited) < 0) {
		list_free(list);
		return NULL;
	}
	return list;
}
