/*
 * http_settings - the parameters of an http handler, read
 *
 * Runs in: worker and probe, main thread.
 */
#include "http_settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "template_use.h"

enum { REDIRECTS_MAX = 10 };

const struct onced_param_spec http_params[] = {
	{
		.name = "url",
		.help = "Where each event is sent: https://HOST/PATH?QUERY. Path and query may "
			"hold "
			"values of the event, percent-encoded: {payload.order_id}, {event_id}, "
			"{key}, "
			"{headers.NAME}; scheme and host are fixed",
		.is_required = true,
	},
	{
		.name = "method",
		.help = "POST, PUT, PATCH or DELETE",
		.default_value = "POST",
	},
	{
		.name = "format",
		.help = "What is sent: `raw` is the record's value; `cloudevents-binary` the same "
			"with headers ce-id, ce-source, ce-type and so on; "
			"`cloudevents-structured` "
			"one JSON object with all of it",
		.default_value = "raw",
	},
	{
		.name = "headers.*",
		.help = "A header of the request; the value may hold values of the event as in "
			"url. "
			"Idempotency-Key is always sent, and is the event id",
	},
	{
		.name = "cloudevents.source",
		.help = "The source of a CloudEvent; may hold values of the event",
		.default_value = "{source}",
	},
	{
		.name = "cloudevents.type",
		.help = "The type of a CloudEvent; may hold values of the event",
		.default_value = "{value.event_type}",
	},
	{
		.name = "connect.timeout",
		.help = "Longest time to connect, TLS included; all together takes at most "
			"`timeout`",
		.default_value = "5s",
	},
	{
		.name = "redirects",
		.help = "`no`, or how many redirects (307 and 308, to the same host and port, or "
			"there "
			"from http to https) are followed; others reject the event",
		.default_value = "no",
	},
	{
		.name = "retry.after.max",
		.help = "An answer's Retry-After is honoured up to this",
		.default_value = "10m",
	},
	{
		.name = "allow.addresses",
		.help = "Which addresses the host may turn out to have: public, private, loopback, "
			"link-local, reserved; a list. A host written as an address, and "
			"localhost, "
			"are allowed by being written",
		.default_value = "public",
	},
	{
		.name = "tls.ca",
		.help = "A file of certificates (PEM) to trust instead of the system's",
	},
	{
		.name = "tls.cert",
		.help = "A file with the client's certificate (PEM)",
	},
	{
		.name = "tls.key",
		.help = "A file with the key of tls.cert (PEM)",
	},
	{
		.name = "tls.key.password",
		.help = "The password of tls.key; name a file: @/path",
	},
	{ .name = NULL },
};

void http_settings_fini(struct http_settings *settings)
{
	http_url_fini(&settings->url);
	for (size_t i = 0; i < settings->header_count; i++) {
		free(settings->headers[i].name);
		template_fini(&settings->headers[i].value);
	}
	free(settings->headers);
	template_fini(&settings->ce_source);
	template_fini(&settings->ce_type);
	*settings = (struct http_settings){ .method = NULL };
}

/* ---- words and numbers ---- */

static int read_method(struct onced_setup *setup, struct http_settings *settings)
{
	static const char *const methods[] = { "POST", "PUT", "PATCH", "DELETE" };
	const char *method = onced_setup_param(setup, "method");

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(method, methods[i]) == 0) {
			settings->method = methods[i];
			return 0;
		}
	}
	return onced_setup_fail(
		setup, "method: `%s` is none of POST, PUT, PATCH and DELETE", method);
}

static int read_format(struct onced_setup *setup, struct http_settings *settings)
{
	static const char *const formats[] = {
		[HTTP_FORMAT_RAW] = "raw",
		[HTTP_FORMAT_CLOUDEVENTS_BINARY] = "cloudevents-binary",
		[HTTP_FORMAT_CLOUDEVENTS_STRUCTURED] = "cloudevents-structured",
	};
	const char *format = onced_setup_param(setup, "format");

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(format, formats[i]) == 0) {
			settings->format = (enum http_format)i;
			return 0;
		}
	}
	return onced_setup_fail(setup,
		"format: `%s` is none of raw, cloudevents-binary and cloudevents-structured",
		format);
}

/* "500ms", "5s", "2m", "1h"; up to a day. */
static int read_duration(struct onced_setup *setup, const char *name, int64_t *ret_ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	const char *text = onced_setup_param(setup, name);
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (isdigit((unsigned char)text[0]) && !errno && strcmp(end, units[i].unit) == 0 &&
			number > 0 && number <= 86400000 / units[i].ms) {
			*ret_ms = number * units[i].ms;
			return 0;
		}
	}
	return onced_setup_fail(
		setup, "%s: `%s` is no duration like 500ms, 5s, 2m or 1h, up to 24h", name, text);
}

static int read_redirects(struct onced_setup *setup, struct http_settings *settings)
{
	const char *text = onced_setup_param(setup, "redirects");
	char *end;
	long number;

	settings->redirects_max = 0;
	if (strcmp(text, "no") == 0) {
		return 0;
	}
	number = strtol(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || number < 1 || number > REDIRECTS_MAX) {
		return onced_setup_fail(setup,
			"redirects: `%s` is neither no nor a number from 1 to %d", text,
			REDIRECTS_MAX);
	}
	settings->redirects_max = (unsigned)number;
	return 0;
}

/* ---- addresses ---- */

static int allow_class(
	struct onced_setup *setup, struct http_settings *settings, const char *word, size_t len)
{
	char name[32] = "";
	enum http_address_class class = HTTP_ADDRESS_CLASSES;

	if (len < sizeof(name)) {
		memcpy(name, word, len);
		class = http_address_class_find(name);
	}
	if (class == HTTP_ADDRESS_CLASSES) {
		return onced_setup_fail(setup,
			"allow.addresses: `%.*s` is none of public, private, loopback, link-local "
			"and "
			"reserved",
			len > 60 ? 60 : (int)len, word);
	}
	settings->is_allowed[class] = true;
	return 0;
}

static int read_addresses(struct onced_setup *setup, struct http_settings *settings)
{
	const char *p = onced_setup_param(setup, "allow.addresses");
	enum http_address_class literal;

	for (;;) {
		size_t len;

		p += strspn(p, ", \t\n");
		len = strcspn(p, ", \t\n");
		if (len == 0) {
			break;
		}
		if (allow_class(setup, settings, p, len) < 0) {
			return -1;
		}
		p += len;
	}
	if (http_address_of_host(settings->url.host, &literal)) {
		settings->is_allowed[literal] = true;
	}
	return 0;
}

/* ---- url ---- */

static int read_url(struct onced_setup *setup, struct http_settings *settings)
{
	const char *url = onced_setup_param(setup, "url");
	struct field_error error;

	if (!url) {
		return onced_setup_fail(setup, "url is required");
	}
	if (http_url_parse(url, &settings->url, &error) < 0) {
		return onced_setup_fail(setup, "url, column %u: %s", error.column, error.text);
	}
	return 0;
}

/* ---- TLS ---- */

static int read_tls(struct onced_setup *setup, struct http_settings *settings)
{
	settings->tls_ca = onced_setup_param(setup, "tls.ca");
	settings->tls_cert = onced_setup_param(setup, "tls.cert");
	settings->tls_key = onced_setup_param(setup, "tls.key");
	settings->tls_key_password = onced_setup_param(setup, "tls.key.password");
	if (!settings->tls_cert != !settings->tls_key) {
		return onced_setup_fail(setup, "tls.cert and tls.key go together");
	}
	if (!settings->url.is_https && (settings->tls_ca || settings->tls_cert)) {
		return onced_setup_fail(setup, "tls.ca and tls.cert need a url that is https");
	}
	return 0;
}

/* ---- all of it ---- */

int http_settings_read(struct onced_setup *setup, struct http_settings *ret)
{
	*ret = (struct http_settings){ .timeout_ms = onced_setup_timeout_ms(setup) };
	if (read_url(setup, ret) < 0 || read_method(setup, ret) < 0 ||
		read_format(setup, ret) < 0 || http_settings_read_headers(setup, ret) < 0 ||
		read_redirects(setup, ret) < 0 || read_addresses(setup, ret) < 0 ||
		read_duration(setup, "connect.timeout", &ret->connect_timeout_ms) < 0 ||
		read_duration(setup, "retry.after.max", &ret->retry_after_max_ms) < 0) {
		return -1;
	}
	if (template_of_param(setup, "cloudevents.source",
		    onced_setup_param(setup, "cloudevents.source"), &ret->ce_source) < 0 ||
		template_of_param(setup, "cloudevents.type",
			onced_setup_param(setup, "cloudevents.type"), &ret->ce_type) < 0) {
		return -1;
	}
	return read_tls(setup, ret);
}
