/*
 * http_settings - the parameters of an http handler, read
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "http_address.h"
#include "http_url.h"
#include "onced/handler.h"

/* What is sent as the body. */
enum http_format {
	HTTP_FORMAT_RAW, /* the record's value */
	HTTP_FORMAT_CLOUDEVENTS_BINARY, /* the value, and the event's attributes as headers */
	HTTP_FORMAT_CLOUDEVENTS_STRUCTURED, /* one JSON object with all of it */
};

struct http_header {
	char *name;
	struct template value;
};

struct http_settings {
	struct http_url url;
	const char *method; /* of a constant table */
	enum http_format format;
	struct http_header *headers;
	size_t header_count;
	struct template ce_source, ce_type;
	int64_t timeout_ms, connect_timeout_ms, retry_after_max_ms;
	unsigned redirects_max; /* 0: none is followed */
	bool is_allowed[HTTP_ADDRESS_CLASSES]; /* by class; the class of a literal host included */
	/* files, NULL: none; borrowed from the setup */
	const char *tls_ca, *tls_cert, *tls_key, *tls_key_password;
};

extern const struct onced_param_spec http_params[];

/* 0, or -1 after onced_setup_fail(). http_settings_fini() in both cases. */
int http_settings_read(struct onced_setup *setup, struct http_settings *ret);
void http_settings_fini(struct http_settings *settings);

/* Is a header of that name (any case) configured? */
bool http_settings_has_header(const struct http_settings *settings, const char *name);

/* Part of http_settings_read(), in http_headers.c. */
int http_settings_read_headers(struct onced_setup *setup, struct http_settings *settings);
