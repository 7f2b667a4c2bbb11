/*
 * tcp - a listening TCP socket
 */
#include "os/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/cleanup.h"

/* A crowd that connects at once waits in the kernel, not in connect(). */
enum { BACKLOG = 1024 };

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Connections of a predecessor that just ended do not keep its port; it itself does. */
static int set_options(int fd, int family)
{
	int r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	return r == 0 && family == AF_INET6 ? set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) : r;
}

static int bind_and_listen(int fd, const struct sockaddr_storage *address, socklen_t len)
{
	int r = set_options(fd, address->ss_family);

	if (r == 0 && bind(fd, (const struct sockaddr *)address, len) < 0) {
		r = -errno;
	}
	return r == 0 && listen(fd, BACKLOG) < 0 ? -errno : r;
}

int tcp_listen(const char *address, struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_storage parsed;
	socklen_t len;
	int r = address_parse(address, &parsed, &len);

	if (r < 0) {
		return err_set(err, r, "%s is no address with a port", address);
	}
	fd = socket(parsed.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -errno : bind_and_listen(fd, &parsed, len);
	if (r < 0) {
		return err_set(err, r, "cannot listen on %s: %s", address, strerror(-r));
	}
	return TAKE_FD(fd);
}
