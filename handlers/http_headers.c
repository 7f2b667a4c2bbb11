/*
 * http_headers - the headers that an http handler is configured to send
 *
 * Runs in: worker and probe, main thread.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_settings.h"
#include "template_use.h"

#define HEADERS_PREFIX "headers."
enum { HEADERS_PREFIX_LEN = sizeof(HEADERS_PREFIX) - 1 };

bool http_settings_has_header(const struct http_settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->header_count; i++) {
		if (strcasecmp(settings->headers[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Headers that are not the configuration's to set; NULL: this one may be. */
static const char *refusal_of_header(const struct http_settings *settings, const char *name)
{
	static const struct {
		const char *name, *reason;
	} refused[] = {
		{ "idempotency-key", "it is always the event id" },
		{ "content-length", "it follows from what is sent" },
		{ "transfer-encoding", "it follows from what is sent" },
		{ "content-encoding", "nothing is compressed" },
		{ "connection", "connections are kept by onced" },
		{ "keep-alive", "connections are kept by onced" },
		{ "upgrade", "connections are kept by onced" },
		{ "te", "connections are kept by onced" },
		{ "trailer", "there are no trailers" },
		{ "expect", "the request is sent at once" },
		{ "proxy-authorization", "no proxy is used" },
		{ "proxy-connection", "no proxy is used" },
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (strcasecmp(name, refused[i].name) == 0) {
			return refused[i].reason;
		}
	}
	if (settings->format != HTTP_FORMAT_RAW && strncasecmp(name, "ce-", 3) == 0) {
		return "the format sets the headers of CloudEvents; see cloudevents.source and "
		       "cloudevents.type";
	}
	if (settings->format == HTTP_FORMAT_CLOUDEVENTS_STRUCTURED &&
		strcasecmp(name, "content-type") == 0) {
		return "it follows from the format";
	}
	return NULL;
}

/* RFC 9110's token. */
static bool is_header_name(const char *name)
{
	for (const char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("!#$%&'*+-.^_`|~", *p)) {
			return false;
		}
	}
	return name[0] != '\0';
}

static int check_header(
	struct onced_setup *setup, const struct http_settings *settings, const char *name)
{
	const char *refusal = refusal_of_header(settings, name);

	if (!is_header_name(name)) {
		return onced_setup_fail(
			setup, HEADERS_PREFIX "%.60s: this is no header's name", name);
	}
	if (refusal) {
		return onced_setup_fail(
			setup, HEADERS_PREFIX "%.60s cannot be set: %s", name, refusal);
	}
	if (http_settings_has_header(settings, name)) {
		return onced_setup_fail(setup,
			HEADERS_PREFIX "%.60s is there twice; case makes no difference", name);
	}
	return 0;
}

static int check_header_value(struct onced_setup *setup, const struct http_header *header)
{
	for (size_t i = 0; i < header->value.piece_count; i++) {
		const struct template_piece *piece = &header->value.pieces[i];

		if (!piece->literal && strcasecmp(header->name, "host") == 0) {
			return onced_setup_fail(setup,
				HEADERS_PREFIX
				"host: the host is fixed by the configuration, without parameters");
		}
		for (const char *p = piece->literal; p && *p; p++) {
			if (iscntrl((unsigned char)*p)) {
				return onced_setup_fail(setup,
					HEADERS_PREFIX "%.60s: a header holds one line, without "
						       "control characters",
					header->name);
			}
		}
	}
	return 0;
}

static int add_header(
	struct onced_setup *setup, struct http_settings *settings, const struct onced_param *param)
{
	const char *name = param->name + HEADERS_PREFIX_LEN;
	struct http_header *headers, *header;

	if (check_header(setup, settings, name) < 0) {
		return -1;
	}
	headers = realloc(settings->headers, (settings->header_count + 1) * sizeof(*headers));
	if (!headers) {
		return onced_setup_fail(setup, "out of memory");
	}
	settings->headers = headers;
	header = &headers[settings->header_count];
	*header = (struct http_header){ .name = strdup(name) };
	if (!header->name) {
		return onced_setup_fail(setup, "out of memory");
	}
	settings->header_count++;
	if (template_of_param(setup, param->name, param->value, &header->value) < 0) {
		return -1;
	}
	return check_header_value(setup, header);
}

int http_settings_read_headers(struct onced_setup *setup, struct http_settings *settings)
{
	struct onced_param param;

	for (size_t i = 0; onced_setup_param_at(setup, i, &param); i++) {
		if (strncmp(param.name, HEADERS_PREFIX, HEADERS_PREFIX_LEN) == 0 &&
			add_header(setup, settings, &param) < 0) {
			return -1;
		}
	}
	return 0;
}
