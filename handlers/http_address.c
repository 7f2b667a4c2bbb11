/*
 * http_address - which part of the network an address belongs to
 *
 * Runs in: any process, any thread (pure).
 */
#include "http_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static const char *const names[HTTP_ADDRESS_CLASSES] = {
	[HTTP_ADDRESS_PUBLIC] = "public",
	[HTTP_ADDRESS_PRIVATE] = "private",
	[HTTP_ADDRESS_LOOPBACK] = "loopback",
	[HTTP_ADDRESS_LINK_LOCAL] = "link-local",
	[HTTP_ADDRESS_RESERVED] = "reserved",
};

static const struct block4 {
	uint32_t prefix;
	unsigned bits;
	enum http_address_class class;
} blocks4[] = {
	{ 0x00000000, 8, HTTP_ADDRESS_RESERVED }, /* 0.0.0.0: this host, when connected to */
	{ 0x0a000000, 8, HTTP_ADDRESS_PRIVATE },
	{ 0x64400000, 10, HTTP_ADDRESS_PRIVATE },
	{ 0x7f000000, 8, HTTP_ADDRESS_LOOPBACK },
	{ 0xa9fe0000, 16, HTTP_ADDRESS_LINK_LOCAL },
	{ 0xac100000, 12, HTTP_ADDRESS_PRIVATE },
	{ 0xc0000000, 24, HTTP_ADDRESS_RESERVED },
	{ 0xc0000200, 24, HTTP_ADDRESS_RESERVED },
	{ 0xc0a80000, 16, HTTP_ADDRESS_PRIVATE },
	{ 0xc6120000, 15, HTTP_ADDRESS_RESERVED },
	{ 0xc6336400, 24, HTTP_ADDRESS_RESERVED },
	{ 0xcb007100, 24, HTTP_ADDRESS_RESERVED },
	{ 0xe0000000, 4, HTTP_ADDRESS_RESERVED }, /* multicast */
	{ 0xf0000000, 4, HTTP_ADDRESS_RESERVED },
};

/* In order: a part before the whole. */
static const struct block6 {
	uint8_t prefix[16];
	unsigned bits;
	enum http_address_class class;
	int embedded; /* where the IPv4 address stands in it; 0: nowhere */
} blocks6[] = {
	{ { [15] = 1 }, 128, HTTP_ADDRESS_LOOPBACK, 0 },
	{ { [10] = 0xff, 0xff }, 96, HTTP_ADDRESS_RESERVED, 12 }, /* ::ffff:a.b.c.d */
	{ { [8] = 0xff, 0xff }, 96, HTTP_ADDRESS_RESERVED, 12 }, /* ::ffff:0:a.b.c.d, translated */
	{ { 0 }, 96, HTTP_ADDRESS_RESERVED, 0 }, /* unspecified, and the old IPv4-compatible ones */
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, HTTP_ADDRESS_RESERVED, 12 }, /* NAT64 */
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48, HTTP_ADDRESS_PRIVATE, 0 },
	{ { 0x01, 0x00 }, 64, HTTP_ADDRESS_RESERVED, 0 }, /* discarded */
	{ { 0x20, 0x01, 0x00, 0x00 }, 23, HTTP_ADDRESS_RESERVED, 0 }, /* Teredo and the like */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, HTTP_ADDRESS_RESERVED, 0 },
	{ { 0x3f, 0xff }, 20, HTTP_ADDRESS_RESERVED, 0 }, /* documentation */
	{ { 0x20, 0x02 }, 16, HTTP_ADDRESS_RESERVED, 2 }, /* 6to4 */
	{ { 0xfc }, 7, HTTP_ADDRESS_PRIVATE, 0 },
	{ { 0xfe, 0x80 }, 10, HTTP_ADDRESS_LINK_LOCAL, 0 },
	{ { 0xfe, 0xc0 }, 10, HTTP_ADDRESS_PRIVATE, 0 }, /* site-local */
	{ { 0xff }, 8, HTTP_ADDRESS_RESERVED, 0 }, /* multicast */
};

static enum http_address_class classify4(uint32_t address)
{
	for (size_t i = 0; i < sizeof(blocks4) / sizeof(blocks4[0]); i++) {
		if ((address ^ blocks4[i].prefix) >> (32 - blocks4[i].bits) == 0) {
			return blocks4[i].class;
		}
	}
	return HTTP_ADDRESS_PUBLIC;
}

static uint32_t read32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool has_prefix(const uint8_t *address, const uint8_t *prefix, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(address, prefix, whole) == 0 &&
		(rest == 0 || (address[whole] ^ prefix[whole]) >> (8 - rest) == 0);
}

static enum http_address_class classify6(const uint8_t *address)
{
	for (size_t i = 0; i < sizeof(blocks6) / sizeof(blocks6[0]); i++) {
		const struct block6 *block = &blocks6[i];

		if (has_prefix(address, block->prefix, block->bits)) {
			return block->embedded ? classify4(read32(address + block->embedded))
					       : block->class;
		}
	}
	return HTTP_ADDRESS_PUBLIC;
}

enum http_address_class http_address_classify(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		return classify4(ntohl(in.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, address, sizeof(in6));
		return classify6(in6.sin6_addr.s6_addr);
	}
	return HTTP_ADDRESS_RESERVED;
}

const char *http_address_class_name(enum http_address_class class)
{
	return names[class];
}

enum http_address_class http_address_class_find(const char *name)
{
	for (int i = 0; i < HTTP_ADDRESS_CLASSES; i++) {
		if (strcmp(names[i], name) == 0) {
			return (enum http_address_class)i;
		}
	}
	return HTTP_ADDRESS_CLASSES;
}

/* "[fe80::1%eth0]" and "::1" without what stands around the address; false when it is too long. */
static bool bare_address(const char *host, char *out, size_t size)
{
	size_t skip = host[0] == '[', len = strcspn(host + skip, "]%");

	if (len >= size) {
		return false;
	}
	memcpy(out, host + skip, len);
	out[len] = '\0';
	return true;
}

bool http_address_of_host(const char *host, enum http_address_class *ret)
{
	char bare[INET6_ADDRSTRLEN];
	struct in_addr in;
	struct in6_addr in6;

	if (strcasecmp(host, "localhost") == 0) {
		*ret = HTTP_ADDRESS_LOOPBACK;
		return true;
	}
	if (!bare_address(host, bare, sizeof(bare))) {
		return false;
	}
	if (inet_pton(AF_INET, bare, &in) == 1) {
		*ret = classify4(ntohl(in.s_addr));
		return true;
	}
	if (inet_pton(AF_INET6, bare, &in6) == 1) {
		*ret = classify6(in6.s6_addr);
		return true;
	}
	return false;
}
