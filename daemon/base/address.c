/*
 * address - where to listen, as text: 127.0.0.1:9464, [::1]:9464
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

enum { PORT_MAX = 65535 };

/* -1 for what is no port. */
static int parse_port(const char *text)
{
	int port = 0;

	if (text[0] == '\0' || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text)) {
		return -1;
	}
	for (; *text; text++) {
		port = port * 10 + (*text - '0');
	}
	return port >= 1 && port <= PORT_MAX ? port : -1;
}

/* The host of [HOST]:PORT or HOST:PORT without its brackets; NULL, or where the port begins. */
static const char *split(const char *text, char *host, size_t size)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (len >= 2 && text[0] == '[' && colon[-1] == ']') {
		text++;
		len -= 2;
	} else if (len != strcspn(text, ":")) {
		return NULL; /* IPv6 without brackets */
	}
	if (len == 0 || len >= size) {
		return NULL;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	return colon + 1;
}

int address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	char host[INET6_ADDRSTRLEN];
	const char *port_text = split(text, host, sizeof(host));
	int port = port_text ? parse_port(port_text) : -1;
	struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

	if (port < 0) {
		return -EINVAL;
	}
	memset(ret, 0, sizeof(*ret));
	if (text[0] != '[' && inet_pton(AF_INET, host, &ipv4.sin_addr) == 1) {
		memcpy(ret, &ipv4, sizeof(ipv4));
		*ret_len = sizeof(ipv4);
		return 0;
	}
	if (text[0] == '[' && inet_pton(AF_INET6, host, &ipv6.sin6_addr) == 1) {
		memcpy(ret, &ipv6, sizeof(ipv6));
		*ret_len = sizeof(ipv6);
		return 0;
	}
	return -EINVAL;
}
