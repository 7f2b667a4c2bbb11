/*
 * text - files of the configuration, read whole and checked
 */
#include "config/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static int too_large(struct err *err)
{
	return err_set(err, -EFBIG, "is larger than %d MiB", TEXT_MAX / (1024 * 1024));
}

int text_read_fd(int fd, struct buffer *out, struct err *err)
{
	struct stat info;
	size_t size;

	if (fstat(fd, &info) < 0) {
		return err_set(err, -errno, "cannot be read: %s", strerror(errno));
	}
	if (!S_ISREG(info.st_mode)) {
		return err_set(err, -EINVAL, "is not a regular file");
	}
	if (info.st_size > TEXT_MAX) {
		return too_large(err);
	}
	/* Room for all of it at once: a growing buffer would leave copies of secrets
   * behind. */
	size = (size_t)info.st_size + 1;
	buffer_reserve(out, size);
	for (size_t len = 0;;) {
		ssize_t n = pread(fd, out->data + out->len, size - len, (off_t)len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return err_set(err, -errno, "cannot be read: %s", strerror(errno));
		}
		if (n == 0) {
			return 0;
		}
		len += (size_t)n;
		out->len += (size_t)n;
		if (len == size) {
			return err_set(err, -EAGAIN, "changed while it was read; try again");
		}
	}
}

int text_read_path(const char *path, struct buffer *out, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) {
		return err_set(err, -errno, "cannot be opened: %s", strerror(errno));
	}
	return text_read_fd(fd, out, err);
}

/* Bytes of the well-formed UTF-8 sequence at `s` (RFC 3629), 0 when there is
 * none. */
static size_t utf8_sequence(const unsigned char *s, size_t len)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max, size;
	} forms[] = {
		{ 0x01, 0x7f, 0, 0, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t size = forms[i].size;

		if (s[0] < forms[i].first_min || s[0] > forms[i].first_max) {
			continue;
		}
		if (size > len ||
			(size > 1 && (s[1] < forms[i].second_min || s[1] > forms[i].second_max))) {
			return 0;
		}
		for (size_t k = 2; k < size; k++) {
			if ((s[k] & 0xc0) != 0x80) {
				return 0;
			}
		}
		return size;
	}
	return 0;
}

int text_check(const char *data, size_t len, unsigned *ret_line, struct err *err)
{
	unsigned line = 1;

	for (size_t i = 0; i < len;) {
		size_t size = utf8_sequence((const unsigned char *)data + i, len - i);

		if (size == 0) {
			*ret_line = line;
			return err_set(err, -EILSEQ, "%s",
				data[i] == '\0' ? "holds a NUL byte" : "is not valid UTF-8");
		}
		line += data[i] == '\n';
		i += size;
	}
	return 0;
}

void text_wipe(struct buffer *buffer)
{
	if (buffer->data) {
		explicit_bzero(buffer->data, buffer->capacity);
	}
	buffer_fini(buffer);
}
