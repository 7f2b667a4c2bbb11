/*
 * kafka_rules - which librdkafka properties a configuration may set
 *
 * Names and values of [kafka] go to librdkafka as they are, and a short-lived child asks it whether
 * it takes them. Refused here, with the reason, is what runs code, what weakens TLS, and what onced
 * sets itself because its guarantees hang on it. Pure: a table.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Why the property may not have this value: a clause for after a colon. NULL where it may. */
const char *kafka_rules_refusal(const char *name, const char *value);

/* Never to be shown. */
bool kafka_rules_is_secret(const char *name);

/* Names this table knows, for the environment's upper-case spelling; NULL past the end. */
const char *kafka_rules_name_at(size_t i);
