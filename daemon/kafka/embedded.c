#include "kafka/embedded.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/memory.h"
#include "kafka/conf.h"

struct kafka_embedded {
	rd_kafka_t *rk; /* the cluster lives on a handle's threads */
	rd_kafka_mock_cluster_t *cluster;
};

static int create_topics(struct kafka_embedded *broker, const struct kafka_embedded_topic *topics,
	size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(
			broker->cluster, topics[i].name, topics[i].partitions, 1);

		if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
			return kafka_err(err, -EIO, code, "cannot create a topic");
		}
	}
	return 0;
}

int kafka_embedded_open(const struct kafka_embedded_topic *topics, size_t count,
	struct kafka_embedded **ret, struct err *err)
{
	_cleanup_(kafka_embedded_closep) struct kafka_embedded *broker = NEW(struct kafka_embedded);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[512];
	int r;

	rd_kafka_conf_set_log_cb(conf, kafka_log);
	broker->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!broker->rk) {
		rd_kafka_conf_destroy(conf);
		return err_set(err, -EIO, "cannot start the embedded broker: %s", text);
	}
	broker->cluster = rd_kafka_mock_cluster_new(broker->rk, 1);
	if (!broker->cluster) {
		return err_set(err, -EIO, "cannot start the embedded broker: no mock cluster");
	}
	r = create_topics(broker, topics, count, err);
	if (r < 0) {
		return r;
	}
	*ret = TAKE(broker);
	return 0;
}

const char *kafka_embedded_bootstrap(const struct kafka_embedded *broker)
{
	return rd_kafka_mock_cluster_bootstraps(broker->cluster);
}

void kafka_embedded_close(struct kafka_embedded *broker)
{
	if (!broker) {
		return;
	}
	if (broker->cluster) {
		rd_kafka_mock_cluster_destroy(broker->cluster);
	}
	if (broker->rk) {
		rd_kafka_destroy(broker->rk);
	}
	free(broker);
}
