/*
 * route - the table of what the sockets answer, and how a request finds its row
 *
 * Runs in: supervisor; pure but for the answers it writes. A row says all there is to know about a
 * request: who may, what it takes, what it is for. Rows are in control.c.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "supervisor/http.h"

enum route_access {
	ROUTE_PUBLIC, /* anybody, over TCP, too */
	ROUTE_READ, /* whoever may open the socket */
	ROUTE_CHANGE, /* the daemon's own user, and root; each is logged */
};

enum route_type { ROUTE_TEXT, ROUTE_INTEGER, ROUTE_FLAG };

/* A parameter: of the path, of a GET's query or of a POST's body. Ends with name == NULL. */
struct route_param {
	const char *name;
	enum route_type type;
	bool is_required;
	int64_t min, max; /* of an integer; of a text: bytes, max 0: 255 */
	const char *help;
};

struct call;

/* Ends with path == NULL. */
struct route {
	const char *method; /* GET answers HEAD, too */
	const char *path; /* "/v1/consumers/{consumer}/pause": {names} are parameters */
	enum route_access access;
	const char *help;
	const struct route_param *params; /* may be NULL */
	void (*run)(struct call *call);
};

/* One request on its way through its row. */
struct call {
	void *context; /* the supervisor */
	const struct route *route;
	struct http_peer peer;
	json_t *arguments; /* what was given, checked */
	struct http_answer *answer;
};

/*
 * Find the row, check who asks and what is given, and run it; or answer why not. `owner` is whose
 * word changes something, beside root's. Returns the row, NULL without one.
 */
const struct route *route_answer(const struct route *routes, uid_t owner, void *context,
	const struct http_request *request, struct http_answer *answer);
/* The same on a socket that anybody may open: only rows that are public are there. */
void route_answer_public(const struct route *routes, void *context,
	const struct http_request *request, struct http_answer *answer);

/* Arguments: NULL, `otherwise` and false when not given. Texts live as long as the call. */
const char *call_text(const struct call *call, const char *name);
int64_t call_integer(const struct call *call, const char *name, int64_t otherwise);
bool call_flag(const struct call *call, const char *name);

/* Answer this object; taken over. */
void call_answer(struct call *call, unsigned status, json_t *take_object);
/* Answer {"error": ..., "remedy": ...}; the remedy may be NULL. */
void call_refuse(struct call *call, unsigned status, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
