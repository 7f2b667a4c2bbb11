/*
 * test_trusted - who could have put a file where it is
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "os/trusted.h"

enum { SOMEBODY = 12345 };

struct place {
	char root[64]; /* a directory of ours below /tmp, which anybody may write to */
	struct err err;
};

/* A path below the place; a few live at a time. */
static const char *at(const struct place *place, const char *name)
{
	static char paths[4][160];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", place->root, name);
	return path;
}

static void make_directory(const struct place *place, const char *name, mode_t mode)
{
	assert_int_equal(mkdir(at(place, name), 0700), 0);
	assert_int_equal(chmod(at(place, name), mode), 0);
}

static void make_file(const struct place *place, const char *name, mode_t mode)
{
	int fd = open(at(place, name), O_CREAT | O_WRONLY | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	snprintf(place->root, sizeof(place->root), "/tmp/onced-trusted-XXXXXX");
	assert_non_null(mkdtemp(place->root));
	make_directory(place, "good", 0755);
	make_file(place, "good/x.so", 0644);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", place->root);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

static void assert_trusted(struct place *place, const char *path, const char *real)
{
	_cleanup_free_ char *found = NULL;

	place->err = ERR_INIT;
	if (trusted_file(path, &found, &place->err) != 0) {
		fail_msg("%s: %s", path, place->err.text);
	}
	assert_string_equal(found, real);
}

static void assert_refused(struct place *place, const char *path, int r, const char *words)
{
	_cleanup_free_ char *found = NULL;

	place->err = ERR_INIT;
	assert_int_equal(trusted_file(path, &found, &place->err), r);
	assert_null(found);
	if (!strstr(place->err.text, words)) {
		fail_msg("%s: \"%s\" is not in \"%s\"", path, words, place->err.text);
	}
}

static void what_is_ours_all_the_way_down_is_trusted(void **state)
{
	struct place *place = *state;

	assert_trusted(place, at(place, "good/x.so"), at(place, "good/x.so"));
	assert_trusted(place, at(place, "good//.././good/./x.so"), at(place, "good/x.so"));
	assert_trusted(place, "/../../etc/passwd", "/etc/passwd");
}

static void a_file_others_may_write_is_refused(void **state)
{
	struct place *place = *state;

	make_file(place, "good/group.so", 0664);
	make_file(place, "good/all.so", 0646);
	assert_refused(place, at(place, "good/group.so"), -EPERM,
		"/good/group.so is writable by its group");
	assert_refused(
		place, at(place, "good/all.so"), -EPERM, "/good/all.so is writable by everybody");
}

static void a_directory_others_may_write_is_refused_wherever_it_is(void **state)
{
	struct place *place = *state;

	make_directory(place, "shared", 0775);
	make_directory(place, "shared/mine", 0755);
	make_file(place, "shared/mine/x.so", 0644);
	assert_refused(place, at(place, "shared/mine/x.so"), -EPERM,
		"/shared is writable by its group, who could put other code there; chmod go-w it");
	/* passing through is enough */
	assert_refused(place, at(place, "shared/../good/x.so"), -EPERM, "/shared is writable");
}

static void in_a_sticky_directory_nobody_replaces_what_is_ours(void **state)
{
	struct place *place = *state;

	make_directory(place, "sticky", 01777);
	make_file(place, "sticky/x.so", 0644);
	assert_trusted(place, at(place, "sticky/x.so"), at(place, "sticky/x.so"));
	make_file(place, "sticky/file", 01666);
	assert_refused(place, at(place, "sticky/file"), -EPERM, "is writable by everybody");
}

static void what_belongs_to_somebody_else_is_refused(void **state)
{
	struct place *place = *state;

	if (geteuid() != 0) {
		skip();
	}
	make_directory(place, "theirs", 0755);
	make_file(place, "theirs/x.so", 0644);
	make_file(place, "good/theirs.so", 0644);
	assert_int_equal(chown(at(place, "theirs"), SOMEBODY, 0), 0);
	assert_int_equal(chown(at(place, "good/theirs.so"), SOMEBODY, 0), 0);
	assert_refused(place, at(place, "theirs/x.so"), -EPERM,
		"/theirs belongs to user 12345, who could put other code there; it must belong to "
		"root or to the user onced runs as (0)");
	assert_refused(place, at(place, "good/theirs.so"), -EPERM, "/good/theirs.so belongs to");
}

static void links_are_followed_and_what_they_pass_is_checked(void **state)
{
	struct place *place = *state;

	make_directory(place, "shared", 0777);
	make_file(place, "shared/x.so", 0644);
	assert_int_equal(symlink("good", at(place, "by-name")), 0);
	assert_int_equal(symlink(at(place, "good/x.so"), at(place, "good/absolute.so")), 0);
	assert_int_equal(symlink("../good/x.so", at(place, "good/up.so")), 0);
	assert_int_equal(symlink("../shared/x.so", at(place, "good/away.so")), 0);
	assert_int_equal(symlink(at(place, "good/x.so"), at(place, "shared/back.so")), 0);
	assert_trusted(place, at(place, "by-name/x.so"), at(place, "good/x.so"));
	assert_trusted(place, at(place, "good/absolute.so"), at(place, "good/x.so"));
	assert_trusted(place, at(place, "by-name/up.so"), at(place, "good/x.so"));
	assert_refused(place, at(place, "good/away.so"), -EPERM, "/shared is writable");
	assert_refused(place, at(place, "shared/back.so"), -EPERM, "/shared is writable");
}

static void a_link_of_somebody_else_is_refused(void **state)
{
	struct place *place = *state;

	if (geteuid() != 0) {
		skip();
	}
	make_directory(place, "sticky", 01777);
	assert_int_equal(symlink(at(place, "good/x.so"), at(place, "sticky/x.so")), 0);
	assert_trusted(place, at(place, "sticky/x.so"), at(place, "good/x.so"));
	assert_int_equal(lchown(at(place, "sticky/x.so"), SOMEBODY, 0), 0);
	assert_refused(place, at(place, "sticky/x.so"), -EPERM, "/sticky/x.so belongs to");
}

static void links_in_a_circle_end(void **state)
{
	struct place *place = *state;

	assert_int_equal(symlink("b", at(place, "a")), 0);
	assert_int_equal(symlink("a", at(place, "b")), 0);
	assert_refused(place, at(place, "a"), -ELOOP, "too many symbolic links");
}

static void only_a_file_will_do(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkfifo(at(place, "good/pipe"), 0600), 0);
	assert_refused(place, at(place, "good"), -EINVAL, "/good is not a file");
	assert_refused(place, at(place, "good/pipe"), -EINVAL, "/good/pipe is not a file");
	assert_refused(place, "/", -EINVAL, "/ is not a file");
	assert_refused(place, "x.so", -EINVAL, "x.so is not an absolute path");
	assert_refused(place, at(place, "good/none.so"), -ENOENT,
		"/good/none.so: No such file or directory");
	assert_refused(place, at(place, "good/x.so/y"), -ENOTDIR, "/good/x.so/y: Not a directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_ours_all_the_way_down_is_trusted),
		TEST(a_file_others_may_write_is_refused),
		TEST(a_directory_others_may_write_is_refused_wherever_it_is),
		TEST(in_a_sticky_directory_nobody_replaces_what_is_ours),
		TEST(what_belongs_to_somebody_else_is_refused),
		TEST(links_are_followed_and_what_they_pass_is_checked),
		TEST(a_link_of_somebody_else_is_refused),
		TEST(links_in_a_circle_end),
		TEST(only_a_file_will_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
