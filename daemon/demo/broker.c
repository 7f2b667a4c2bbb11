#include "demo/broker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kafka/embedded.h"

static const struct kafka_embedded_topic topics[] = {
	{ DEMO_TOPIC, DEMO_PARTITIONS },
	{ DEMO_LETTER_TOPIC, DEMO_LETTER_PARTITIONS },
};

/* Whoever started us is gone when there is nothing more to read. */
static void wait_for_end(int fd)
{
	char byte;

	while (read(fd, &byte, 1) > 0) {
	}
}

int demo_broker_run(int fd)
{
	_cleanup_(kafka_embedded_closep) struct kafka_embedded *broker = NULL;
	struct err err = ERR_INIT;
	char line[256];
	int len;

	/* A terminal's ^C reaches every process; the demonstration decides when we end. */
	signal(SIGINT, SIG_IGN);
	log_init(STDERR_FILENO, LOG_FORMAT_LOGFMT, LOG_LEVEL_WARNING, "broker", NULL, -1);
	if (kafka_embedded_open(topics, sizeof(topics) / sizeof(topics[0]), &broker, &err) < 0) {
		log_error("no embedded broker", LOG_STR("error", err.text));
		log_finish();
		return 1;
	}
	len = snprintf(line, sizeof(line), "%s\n", kafka_embedded_bootstrap(broker));
	if (write(fd, line, (size_t)len) != len) {
		return 1;
	}
	wait_for_end(fd);
	log_finish();
	return 0;
}
