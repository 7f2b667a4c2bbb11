/*
 * starved - the end of a process whose client got no thread
 */
#include "kafka/starved.h"

#include "base/log.h"
#include "base/shortage.h"

void kafka_end_if_starved(int code, const char *reason)
{
	if (code != RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE) {
		return;
	}
	log_error("the Kafka client lacks a thread or memory and would do a part of its work only: "
		  "aborting",
		LOG_STR("code", rd_kafka_err2name(code)), LOG_STR("error", reason));
	log_finish();
	shortage_abort();
}
