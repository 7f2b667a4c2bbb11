#include "kafka/message.h"

rd_kafka_headers_t *message_headers(const struct sink_message *message)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);

	for (size_t i = 0; i < message->header_count; i++) {
		const struct source_header *h = &message->headers[i];
		rd_kafka_header_add(headers, h->name.data, (ssize_t)h->name.len, h->value.data,
			h->value.data ? (ssize_t)h->value.len : 0);
	}
	return headers;
}
