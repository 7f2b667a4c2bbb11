/*
 * hosts - the servers of a connection, their names looked up before libpq has to
 *
 * Host, hostaddr and port are lists that belong together, element by element. A name with several
 * addresses becomes as many elements, in the resolver's order, so that libpq goes on to the next as
 * it would itself; the name stays beside each, for TLS, passwords of a file, and messages. A name
 * without address leaves the list, unless it was the last. Each attempt looks up anew: a failover
 * may have moved the name.
 */
#include "store/postgres/hosts.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"

enum { HOSTS_MAX = RESOLVER_OPEN_MAX };

/* What a name server is asked for; several elements may have it. */
struct name {
	char *text;
	int fd; /* of the resolver: polls POLLIN when it is answered */
	bool is_over; /* answered, or not to be asked */
	struct addrinfo *found;
};

/* An element of the lists. */
struct element {
	struct slice host, hostaddr, port;
	struct name *name; /* NULL: libpq needs no name server for it */
};

struct elements {
	struct element at[HOSTS_MAX];
	struct name names[HOSTS_MAX];
	size_t count, name_count;
	bool has_ports; /* one for each */
};

void pg_parameters_add(struct pg_parameters *parameters, const char *name, const char *value)
{
	assert(parameters->count < PG_PARAMETERS_MAX - 1);
	if (value) {
		parameters->names[parameters->count] = name;
		parameters->values[parameters->count] = value;
		parameters->count++;
	}
}

void pg_hosts_fini(struct pg_hosts *hosts)
{
	buffer_fini(&hosts->host);
	buffer_fini(&hosts->hostaddr);
	buffer_fini(&hosts->port);
}

/* ---- what libpq would do ---- */

/*
 * The parameters with what URL, service file and environment add to them: only a connection of
 * libpq's knows all of it. One that is refused for its sslmode has read everything, and has
 * connected to nothing.
 */
static PQconninfoOption *effective_options(const struct pg_parameters *parameters)
{
	struct pg_parameters refused = *parameters;
	PQconninfoOption *options;
	PGconn *conn;

	pg_parameters_add(&refused, "sslmode", "only parse");
	pg_parameters_add(&refused, "password", "none"); /* then it reads no password file */
	conn = PQconnectStartParams(refused.names, refused.values, 1);
	options = PQconninfo(conn);
	PQfinish(conn);
	return options;
}

/* "": not given. */
static const char *option(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++) {
		if (strcmp(options->keyword, keyword) == 0) {
			return options->val ? options->val : "";
		}
	}
	return "";
}

/* Takes the first element off `rest`, which becomes null behind the last. */
static struct slice next_element(struct slice *rest)
{
	const char *comma = rest->len ? memchr(rest->data, ',', rest->len) : NULL;
	struct slice element = *rest;

	if (comma) {
		element.len = (size_t)(comma - rest->data);
		*rest = slice_from(comma + 1, rest->len - element.len - 1);
	} else {
		*rest = SLICE_NULL;
	}
	return element;
}

static size_t count_elements(const char *list)
{
	size_t count = list[0] ? 1 : 0;

	for (; *list; list++) {
		count += *list == ',';
	}
	return count;
}

/* A port that is none is likely a piece of a password that should have been escaped. */
static bool are_ports(const char *list)
{
	return strspn(list, "0123456789,") == strlen(list);
}

/* False: what libpq refuses before it looks anything up, or too many. */
static bool split(const PQconninfoOption *options, struct elements *ret)
{
	const char *host = option(options, "host"), *port = option(options, "port");
	const char *hostaddr = option(options, "hostaddr");
	struct slice hosts = slice_from_str(host), ports = slice_from_str(port);
	struct slice hostaddrs = slice_from_str(hostaddr);
	size_t count = count_elements(host), port_count = count_elements(port);

	if (count == 0 || count > HOSTS_MAX || (hostaddr[0] && count_elements(hostaddr) != count) ||
		(port_count > 1 && port_count != count) || !are_ports(port)) {
		return false;
	}
	ret->count = count;
	ret->has_ports = port_count > 1;
	for (size_t i = 0; i < count; i++) {
		ret->at[i].host = next_element(&hosts);
		ret->at[i].hostaddr = hostaddr[0] ? next_element(&hostaddrs) : SLICE_NULL;
		ret->at[i].port = port_count > 1 ? next_element(&ports) : SLICE_NULL;
	}
	return true;
}

static bool is_name(const struct element *element)
{
	static const char socket_marks[] = "/@";
	_cleanup_free_ char *host = xstrndup(element->host.data, element->host.len);
	struct addrinfo *address;

	if (element->hostaddr.len || !host[0] || strchr(socket_marks, host[0])) {
		return false;
	}
	address = resolve_address(host);
	if (address) {
		freeaddrinfo(address);
	}
	return !address;
}

static struct name *name_of(struct elements *elements, struct slice host)
{
	struct name *name;

	for (size_t i = 0; i < elements->name_count; i++) {
		if (slice_equal_str(host, elements->names[i].text)) {
			return &elements->names[i];
		}
	}
	name = &elements->names[elements->name_count++];
	name->text = xstrndup(host.data, host.len);
	return name;
}

static void collect_names(struct elements *elements)
{
	for (size_t i = 0; i < elements->count; i++) {
		struct element *element = &elements->at[i];

		if (is_name(element)) {
			element->name = name_of(elements, element->host);
		}
	}
}

static void elements_fini(struct elements *elements)
{
	for (size_t i = 0; i < elements->name_count; i++) {
		free(elements->names[i].text);
		if (elements->names[i].found) {
			freeaddrinfo(elements->names[i].found);
		}
	}
}

/* ---- looking up ---- */

/* Is there anything that libpq may try? */
static bool has_usable(const struct elements *elements)
{
	for (size_t i = 0; i < elements->count; i++) {
		if (!elements->at[i].name || elements->at[i].name->found) {
			return true;
		}
	}
	return false;
}

/* 0; 1 with err: the session was interrupted. */
static int await(
	struct pg_session *session, struct name *name, int64_t deadline_us, struct err *err)
{
	if (pg_wait_fd(session, name->fd, POLLIN, deadline_us) == PG_WAIT_INTERRUPTED) {
		pg_take_interrupt(session);
		return err_set(err, 1, "interrupted while looking up \"%s\"", name->text);
	}
	name->is_over =
		resolver_take(&session->resolver, name->text, &name->found, err) != RESOLVE_OPEN;
	return 0;
}

static int await_all(
	struct pg_session *session, struct elements *elements, int64_t deadline_us, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < elements->name_count; i++) {
		if (!elements->names[i].is_over) {
			r = await(session, &elements->names[i], deadline_us, err);
		}
	}
	return r;
}

/* All are asked at once. One without answer uses up half the time of the others, not all of it. */
static int look_up(
	struct pg_session *session, struct elements *elements, int64_t deadline_us, struct err *err)
{
	int64_t now_us = clock_mono_us();
	int r;

	for (size_t i = 0; i < elements->name_count; i++) {
		struct name *name = &elements->names[i];

		name->fd = resolver_ask(&session->resolver, name->text, err);
		name->is_over = name->fd < 0;
	}
	r = await_all(session, elements, now_us + (deadline_us - now_us) / 2, err);
	if (r == 0 && !has_usable(elements)) {
		r = await_all(session, elements, deadline_us, err);
	}
	return r != 0 || has_usable(elements) ? r : 1;
}

/* ---- what libpq is told ---- */

static void append(struct buffer *list, bool is_first, struct slice element)
{
	if (!is_first) {
		buffer_append_char(list, ',');
	}
	buffer_append(list, element.data, element.len);
}

static void tell(struct pg_hosts *hosts, const struct element *element, struct slice hostaddr)
{
	bool is_first = hosts->count++ == 0;

	append(&hosts->host, is_first, element->host);
	append(&hosts->hostaddr, is_first, hostaddr);
	append(&hosts->port, is_first, element->port);
}

/* Those from `from` to `to`, exclusive, of all that there are; returns how many these are. */
static size_t tell_some(
	struct pg_hosts *hosts, const struct elements *elements, size_t from, size_t to)
{
	char text[RESOLVED_TEXT_MAX];
	size_t count = 0;

	for (size_t i = 0; i < elements->count; i++) {
		const struct element *element = &elements->at[i];
		const struct addrinfo *one = element->name ? element->name->found : NULL;

		if (!element->name) {
			if (count >= from && count < to) {
				tell(hosts, element, element->hostaddr);
			}
			count++;
		}
		for (; one; one = one->ai_next) {
			if (count >= from && count < to && resolved_text(one, text)) {
				tell(hosts, element, slice_from_str(text));
			}
			count++;
		}
	}
	return count;
}

/* libpq waits as long as it may for one that says nothing; then it begins one further. */
static void tell_all(struct pg_hosts *hosts, const struct elements *elements, unsigned turned)
{
	size_t count = tell_some(hosts, elements, 0, 0);
	size_t first = count ? turned % count : 0;

	tell_some(hosts, elements, first, count);
	tell_some(hosts, elements, 0, first);
}

int pg_hosts_look_up(struct pg_session *session, struct pg_parameters *parameters,
	struct pg_hosts *hosts, int64_t deadline_us, struct err *err)
{
	PQconninfoOption *options = effective_options(parameters);
	_cleanup_(elements_fini) struct elements elements = { .count = 0 };
	int r = 0;

	if (split(options, &elements)) {
		collect_names(&elements);
	}
	if (elements.name_count > 0) {
		r = look_up(session, &elements, deadline_us, err);
	}
	hosts->servers = elements.count;
	if (elements.name_count > 0 || (session->turned > 0 && elements.count > 1)) {
		tell_all(hosts, &elements, session->turned);
		pg_parameters_add(parameters, "host", buffer_str(&hosts->host));
		pg_parameters_add(parameters, "hostaddr", buffer_str(&hosts->hostaddr));
		pg_parameters_add(
			parameters, "port", elements.has_ports ? buffer_str(&hosts->port) : NULL);
		hosts->servers = hosts->count;
	}
	PQconninfoFree(options);
	return r;
}

struct slice pg_hosts_name(const struct pg_hosts *hosts, struct slice address)
{
	struct slice names = slice_from(buffer_str(&hosts->host), hosts->host.len);
	struct slice addresses = slice_from(buffer_str(&hosts->hostaddr), hosts->hostaddr.len);

	while (!slice_is_null(names)) {
		struct slice name = next_element(&names);

		if (slice_equal(next_element(&addresses), address)) {
			return name;
		}
	}
	return SLICE_NULL;
}
