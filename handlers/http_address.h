/*
 * http_address - which part of the network an address belongs to
 *
 * Pure. An IPv6 address that stands for an IPv4 one (mapped, NAT64, 6to4) has that one's class: no
 * detour leads past a class that is refused.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

enum http_address_class {
	HTTP_ADDRESS_PUBLIC,
	HTTP_ADDRESS_PRIVATE, /* RFC 1918, RFC 6598 (carriers), fc00::/7 */
	HTTP_ADDRESS_LOOPBACK,
	HTTP_ADDRESS_LINK_LOCAL, /* where clouds keep their metadata */
	HTTP_ADDRESS_RESERVED, /* unspecified, multicast, documentation, benchmarks */
	HTTP_ADDRESS_CLASSES,
};

/* Of an AF_INET or AF_INET6 address; any other family is RESERVED. */
enum http_address_class http_address_classify(const struct sockaddr *address);

/* "private"; as in the configuration. */
const char *http_address_class_name(enum http_address_class class);
/* The class called `name`, or HTTP_ADDRESS_CLASSES. */
enum http_address_class http_address_class_find(const char *name);

/*
 * The class of a host that is written as an address ("10.0.0.1", "[::1]", "::1") or is `localhost`.
 * False for any other name.
 */
bool http_address_of_host(const char *host, enum http_address_class *ret);
