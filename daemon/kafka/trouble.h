/*
 * trouble - what the library says went wrong, as one sentence for a person
 *
 * Pure, but for the callback that looks at certificates (any thread of the library).
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"

/* What a client has seen that its errors do not tell; lives as long as the client. */
struct kafka_witness {
	_Atomic int certificate; /* OpenSSL's X509_V_ERR_... of the last refusal; 0: none */
	bool has_scram; /* it logs in by SCRAM */
	_Atomic bool is_cut_off; /* a broker closed the connection at the first request */
};

struct kafka_trouble {
	rd_kafka_resp_err_t code;
	const char *text; /* the library's own words; may be NULL */
	const char *topic, *group; /* that it is about; NULL: not known */
	const char *right; /* the right that was asked for: "Read"; NULL: that of a consumer */
	const struct kafka_witness *witness; /* NULL: none */
};

/*
 * The sentence, with the library's name of the error as err->code. Returns whether nothing but a
 * change by a person ends it: a wrong password does not get better by waiting.
 */
bool kafka_explain(const struct kafka_trouble *trouble, struct err *ret);

/*
 * Have `conf` tell `witness` why a broker's certificate is refused: the library says the same of
 * a wrong authority and a wrong name. `on_certificate` calls
 * kafka_witness_judge().
 */
void kafka_witness_watch(rd_kafka_conf_t *conf, struct kafka_witness *witness,
	int (*on_certificate)(rd_kafka_t *rk, const char *broker, int32_t id, int *error, int depth,
		const char *der, size_t size, char *text, size_t text_size, void *opaque));

/* What such a callback does: notes a refusal, and refuses. Returns what it has to. */
int kafka_witness_judge(struct kafka_witness *witness, int error, char *text, size_t size);
