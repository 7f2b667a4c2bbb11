/*
 * address - where to listen, as text: 127.0.0.1:9464, [::1]:9464
 *
 * Pure. Numbers only: names would need a resolver, which blocks.
 */
#pragma once

#include <sys/socket.h>

/* 0 and the address, or -EINVAL. The port is 1 to 65535. */
int address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len);
