/*
 * trouble - what the library says went wrong, as one sentence for a person
 *
 * The library has one code for many causes and tells them apart in its text alone; the texts below
 * are those of 2.0 to 2.11. What no row knows is passed on in the library's words.
 */
#include "kafka/trouble.h"

#include <stdio.h>
#include <string.h>

#include "kafka/conf.h"

/* X509_V_ERR_... of openssl/x509_vfy.h: part of OpenSSL's ABI, and all we need of it. */
enum {
	CERTIFICATE_NO_ISSUER = 2,
	CERTIFICATE_NOT_YET_VALID = 9,
	CERTIFICATE_EXPIRED = 10,
	CERTIFICATE_SELF_SIGNED = 18,
	CERTIFICATE_SELF_SIGNED_IN_CHAIN = 19,
	CERTIFICATE_NO_ISSUER_LOCALLY = 20,
	CERTIFICATE_NO_LEAF_SIGNATURE = 21,
	CERTIFICATE_OTHER_HOST = 62,
	CERTIFICATE_OTHER_ADDRESS = 64,
};

#define WRONG_CA                                                                                   \
	"the broker's certificate is signed by an authority that is not in ssl.ca.location: give " \
	"the CA certificate of this cluster there"
#define WRONG_HOST                                                                                 \
	"the broker's certificate is for another host name: write a name that is in it into "      \
	"bootstrap.servers (and the broker's advertised.listeners), or have one made for this "    \
	"name"

static const struct certificate {
	int error;
	const char *sentence;
} certificates[] = {
	{ CERTIFICATE_NO_ISSUER, WRONG_CA },
	{ CERTIFICATE_SELF_SIGNED, WRONG_CA },
	{ CERTIFICATE_SELF_SIGNED_IN_CHAIN, WRONG_CA },
	{ CERTIFICATE_NO_ISSUER_LOCALLY, WRONG_CA },
	{ CERTIFICATE_NO_LEAF_SIGNATURE, WRONG_CA },
	{ CERTIFICATE_OTHER_HOST, WRONG_HOST },
	{ CERTIFICATE_OTHER_ADDRESS, WRONG_HOST },
	{ CERTIFICATE_NOT_YET_VALID,
		"the broker's certificate is not valid yet: this host's clock is behind, or the "
		"certificate was made for later" },
	{ CERTIFICATE_EXPIRED,
		"the broker's certificate has expired: renew it (or this host's clock is ahead)" },
};

#define NO_TLS_THERE                                                                               \
	"nobody speaks TLS on this port of the broker: use its TLS port, or a security.protocol "  \
	"without SSL"
#define WANTS_MORE                                                                                 \
	"the broker closed the connection at the first request: it wants TLS or a login on this "  \
	"port, see security.protocol in [kafka]"

#define OTHER_PROTOCOL                                                                             \
	"these brokers do not offer the group protocol of assignment = consumer: Kafka 4.0 does "  \
	"(its feature group.version must be 1), else use assignment = eager or cooperative"

/* By code and a part of the text; the first row that fits. */
static const struct cause {
	rd_kafka_resp_err_t code;
	const char *part; /* NULL: any text */
	bool needs_person;
	const char *sentence; /* NULL: the library's words */
} causes[] = {
	{ RD_KAFKA_RESP_ERR__SSL, "alert number", true,
		"the broker refuses this client's certificate, or wants one: see "
		"ssl.certificate.location and ssl.key.location in [kafka]" },
	{ RD_KAFKA_RESP_ERR__SSL, "unexpected eof", true, NO_TLS_THERE },
	{ RD_KAFKA_RESP_ERR__SSL, "wrong version number", true, NO_TLS_THERE },
	{ RD_KAFKA_RESP_ERR__SSL, "PLAINTEXT broker listener", true, NO_TLS_THERE },
	{ RD_KAFKA_RESP_ERR__TRANSPORT, "PLAINTEXT broker listener", true, NO_TLS_THERE },
	{ RD_KAFKA_RESP_ERR__SSL, NULL, true, NULL },
	{ RD_KAFKA_RESP_ERR__AUTHENTICATION, "mechanism handshake failed", true,
		"the broker does not offer this sasl.mechanism: take one that it has" },
	{ RD_KAFKA_RESP_ERR__AUTHENTICATION, "nsupported SASL mechanism", true,
		"the broker does not offer this sasl.mechanism: take one that it has" },
	{ RD_KAFKA_RESP_ERR__AUTHENTICATION, NULL, true,
		"the broker refuses the login: wrong sasl.username or sasl.password in [kafka], or "
		"the user has none for this sasl.mechanism" },
	{ RD_KAFKA_RESP_ERR__TRANSPORT, "Disconnected while requesting ApiVersion", true,
		WANTS_MORE },
	{ RD_KAFKA_RESP_ERR__TRANSPORT, "security.protocol is correctly configured", true,
		WANTS_MORE },
	{ RD_KAFKA_RESP_ERR__TRANSPORT, "Connection refused", false,
		"nobody listens there: is the broker running, and bootstrap.servers right?" },
	{ RD_KAFKA_RESP_ERR__RESOLVE, NULL, false,
		"the broker's name cannot be resolved: see bootstrap.servers in [kafka], and "
		"advertised.listeners of the brokers" },
	{ RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, "ConsumerGroupHeartbeat", true, OTHER_PROTOCOL },
	{ RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, "ConsumerGroupHeartbeat", true, OTHER_PROTOCOL },
	{ RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, NULL, true,
		"the user of [kafka] may write to no topic at all: allow it Write on the topic" },
};

static const char *user_right(const struct kafka_trouble *trouble)
{
	return trouble->right ? trouble->right : "Read";
}

/* Of rights and topics: what it is about is in the sentence. */
static bool explain_named(const struct kafka_trouble *trouble, struct err *ret)
{
	const char *topic = trouble->topic ? trouble->topic : "", *space = topic[0] ? " " : "";

	switch (trouble->code) {
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		err_set(ret, 0,
			"the user of [kafka] lacks the right %s on topic%s%s: allow it (a topic "
			"that does not exist looks the same to a user without Describe)",
			user_right(trouble), space, topic);
		return true;
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		err_set(ret, 0, "the user of [kafka] lacks the right Read on group %s: allow it",
			trouble->group ? trouble->group : "");
		return true;
	case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
		err_set(ret, 0,
			"the user of [kafka] lacks the right Write on its transactional ids: "
			"allow it (onced names them after group.id)");
		return true;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		err_set(ret, 0, "there is no topic%s%s: create it", space, topic);
		return true;
	default:
		return false;
	}
}

static bool explain_certificate(const struct kafka_trouble *trouble, struct err *ret)
{
	int error = trouble->code == RD_KAFKA_RESP_ERR__SSL && trouble->witness && trouble->text &&
			strstr(trouble->text, "verif")
		? atomic_load(&trouble->witness->certificate)
		: 0;

	for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]); i++) {
		if (certificates[i].error == error) {
			err_set(ret, 0, "%s", certificates[i].sentence);
			return true;
		}
	}
	if (error) {
		err_set(ret, 0, "the broker's certificate is refused (OpenSSL's error %d)", error);
	}
	return error != 0;
}

/* It says so of the right password, too. */
static bool explain_scram(const struct kafka_trouble *trouble, struct err *ret)
{
	if (trouble->code != RD_KAFKA_RESP_ERR__AUTHENTICATION || !trouble->witness ||
		!trouble->witness->has_scram || rd_kafka_version() >= KAFKA_VERSION_SCRAM ||
		(trouble->text && strstr(trouble->text, "mechanism handshake"))) {
		return false;
	}
	err_set(ret, 0,
		"the broker refuses the login: wrong sasl.username or sasl.password in [kafka], or "
		"none of either: librdkafka %s cannot log in to Kafka 4 by SCRAM though the "
		"password is right (2.6.1 or newer can; PLAIN over TLS works)",
		rd_kafka_version_str());
	return true;
}

/* The library only logs why. */
static bool explain_cut_off(const struct kafka_trouble *trouble, struct err *ret)
{
	bool is_away = trouble->code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
		trouble->code == RD_KAFKA_RESP_ERR__TRANSPORT;

	if (!is_away || !trouble->witness || !atomic_load(&trouble->witness->is_cut_off)) {
		return false;
	}
	err_set(ret, 0, "%s", WANTS_MORE);
	return true;
}

static const struct cause *find_cause(const struct kafka_trouble *trouble)
{
	const char *text = trouble->text ? trouble->text : "";

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		if (causes[i].code == trouble->code &&
			(!causes[i].part || strstr(text, causes[i].part))) {
			return &causes[i];
		}
	}
	return NULL;
}

/* "sasl_ssl://b1.example:9093/bootstrap: SSL handshake failed: ..." is about b1.example:9093. */
static void prefix_broker(const struct kafka_trouble *trouble, struct err *ret)
{
	const char *at = trouble->text ? strstr(trouble->text, "://") : NULL;
	size_t len = at ? strcspn(at + 3, "/: ") : 0;

	if (at && at[3] == '[') {
		len = strcspn(at + 3, "/ ");
	} else if (len > 0 && at[3 + len] == ':') {
		len += 1 + strspn(at + 3 + len + 1, "0123456789");
	}
	if (len > 0 && len < 256) {
		err_prefix(ret, 0, "broker %.*s", (int)len, at + 3);
	}
}

bool kafka_explain(const struct kafka_trouble *trouble, struct err *ret)
{
	const struct cause *cause = find_cause(trouble);
	const char *words =
		trouble->text && trouble->text[0] ? trouble->text : rd_kafka_err2str(trouble->code);
	bool is_named = explain_named(trouble, ret) || explain_cut_off(trouble, ret);

	if (!is_named && (explain_certificate(trouble, ret) || explain_scram(trouble, ret))) {
		prefix_broker(trouble, ret);
	} else if (!is_named && cause && cause->sentence) {
		err_set(ret, 0, "%s", cause->sentence);
		prefix_broker(trouble, ret);
	} else if (!is_named) {
		err_set(ret, 0, "%s", words);
	}
	snprintf(ret->code, sizeof(ret->code), "%s", rd_kafka_err2name(trouble->code));
	return is_named || (cause && cause->needs_person);
}

void kafka_witness_watch(rd_kafka_conf_t *conf, struct kafka_witness *witness,
	int (*on_certificate)(rd_kafka_t *rk, const char *broker, int32_t id, int *error, int depth,
		const char *der, size_t size, char *text, size_t text_size, void *opaque))
{
	char mechanism[64] = "";
	size_t size = sizeof(mechanism);

	(void)rd_kafka_conf_get(conf, "sasl.mechanisms", mechanism, &size);
	atomic_store(&witness->certificate, 0);
	witness->has_scram = strncmp(mechanism, "SCRAM", 5) == 0;
	/* a build without TLS has no certificates */
	(void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate);
}

int kafka_witness_judge(struct kafka_witness *witness, int error, char *text, size_t size)
{
	if (error == 0) {
		return 1;
	}
	atomic_store(&witness->certificate, error);
	snprintf(text, size, "OpenSSL's error %d", error);
	return 0;
}
