/*
 * name_server - names that a test answers for while the program runs
 *
 * Linked or preloaded: getaddrinfo() of the program and of its libraries is the one below. The file
 * named by ONCED_TEST_NAMES has a line for each name, with the addresses it has in their order.
 * "?": nobody answers until the line is another; "!": there is no such name. What is an address, or
 * has no line, is the C library's. Without the file every name fails.
 */
#include "name_server.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*getaddrinfo_function)(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret);

static atomic_uint asked;

unsigned name_server_asked(void)
{
	return atomic_load(&asked);
}

int name_server_open(void **state)
{
	static char directory[] = "/tmp/names-XXXXXX";
	char path[64];

	if (!mkdtemp(directory)) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/names", directory);
	return setenv("ONCED_TEST_NAMES", path, 1);
}

int name_server_close(void **state)
{
	char *path = strdup(getenv("ONCED_TEST_NAMES"));

	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	free(path);
	return 0;
}

void name_server_set(const char *lines)
{
	const char *path = getenv("ONCED_TEST_NAMES");
	char written[256];
	FILE *file;

	snprintf(written, sizeof(written), "%s.new", path);
	file = fopen(written, "we");
	if (!file || fputs(lines, file) < 0 || fclose(file) != 0 || rename(written, path) != 0) {
		abort();
	}
}

static int ask_library(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	union {
		void *symbol;
		getaddrinfo_function function;
	} library = { dlsym(RTLD_NEXT, "getaddrinfo") };

	return library.function(host, service, hints, ret);
}

/* What stands behind the name; "": nothing. False: there is no file. */
static bool find_line(const char *path, const char *host, char *ret, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[512];

	ret[0] = '\0';
	if (!file) {
		return false;
	}
	while (!ret[0] && fgets(line, sizeof(line), file)) {
		char *rest = NULL, *name = strtok_r(line, " \n", &rest);

		if (name && strcmp(name, host) == 0) {
			snprintf(ret, size, "%s", rest);
		}
	}
	fclose(file);
	return true;
}

static int answer(
	char *addresses, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	char *rest = NULL;

	*ret = NULL;
	for (char *one = strtok_r(addresses, " \n", &rest); one;
		one = strtok_r(NULL, " \n", &rest)) {
		int r = ask_library(one, service, hints, ret);

		if (r != 0) {
			return r;
		}
		ret = &(*ret)->ai_next;
	}
	return 0;
}

static int resolve(const char *path, const char *host, const char *service,
	const struct addrinfo *hints, struct addrinfo **ret)
{
	char addresses[512];

	for (;; usleep(10000)) {
		if (!find_line(path, host, addresses, sizeof(addresses))) {
			return EAI_AGAIN;
		}
		if (!addresses[0]) {
			return ask_library(host, service, hints, ret);
		}
		if (addresses[0] == '!') {
			return EAI_NONAME;
		}
		if (addresses[0] != '?') {
			return answer(addresses, service, hints, ret);
		}
	}
}

__attribute__((visibility("default"))) int getaddrinfo(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	const char *path = getenv("ONCED_TEST_NAMES");
	struct addrinfo numeric = hints ? *hints : (struct addrinfo){ .ai_family = AF_UNSPEC };

	if (!path || !host || (numeric.ai_flags & AI_NUMERICHOST)) {
		return ask_library(host, service, hints, ret);
	}
	numeric.ai_flags |= AI_NUMERICHOST;
	if (ask_library(host, service, &numeric, ret) == 0) {
		return 0;
	}
	atomic_fetch_add(&asked, 1);
	return resolve(path, host, service, hints, ret);
}
