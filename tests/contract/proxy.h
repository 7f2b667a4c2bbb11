/*
 * proxy - a TCP hop before the database that can lose an answer, or swallow it
 *
 * A thread of its own; one connection at a time.
 */
#pragma once

struct proxy;

/* Listens on a free loopback port and forwards to host and port of the Postgres URL. */
struct proxy *proxy_open(const char *url);
int proxy_port(const struct proxy *proxy);

/* The next bytes of the server are thrown away and both sides are closed; once. */
void proxy_lose_next_answer(struct proxy *proxy);

/*
 * The server's side is closed when it answers next; the other side stays open and hears nothing;
 * once.
 */
void proxy_swallow_next_answer(struct proxy *proxy);

void proxy_close(struct proxy *proxy);
