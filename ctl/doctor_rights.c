/*
 * doctor_rights - checks of `oncectl doctor`: may the user of [kafka] do what the consumer needs?
 *
 * Runs in: oncectl. Nothing is committed or written to find out (kafka/examine.h).
 */
#include <errno.h>

#include "doctor.h"

static bool is_read(const struct doctor_topic *topic)
{
	return topic->role <= DOCTOR_RETRY_TOPIC && topic->is_there;
}

static bool is_written(const struct doctor_topic *topic)
{
	return topic->role != DOCTOR_TOPIC && topic->is_there;
}

void doctor_check_reading(struct doctor *doctor)
{
	size_t good = 0, asked = 0;

	for (size_t i = 0; i < doctor->topic_count; i++) {
		const struct doctor_topic *topic = &doctor->topics[i];
		struct err err = ERR_INIT;
		int r;

		if (!is_read(topic)) {
			continue;
		}
		asked++;
		r = kafka_examine_reading(doctor->examiner, topic->name, &err);
		good += r == 0;
		if (r == -EACCES) {
			findings_add(&doctor->findings, FINDING_ERROR, NULL, "%s", err.text);
		} else if (r < 0) {
			findings_add(&doctor->findings, FINDING_WARNING, NULL,
				"topic %s: whether the group may read it cannot be found out: %s",
				topic->name, err.text);
		}
	}
	if (good == asked && asked > 0) {
		findings_add(&doctor->findings, FINDING_GOOD, NULL,
			"group %s may read its topics and commit", doctor->consumer->group_id);
	}
}

void doctor_check_writing(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->topic_count; i++) {
		const struct doctor_topic *topic = &doctor->topics[i];
		struct err err = ERR_INIT;
		int r;

		if (!is_written(topic)) {
			continue;
		}
		r = kafka_examine_writing(doctor->examiner, topic->name,
			topic->has_settings ? topic->settings.message_bytes_max : -1, &err);
		if (r == 0) {
			findings_add(&doctor->findings, FINDING_GOOD, NULL,
				"topic %s may be written", topic->name);
		} else if (r == -EACCES) {
			findings_add(&doctor->findings, FINDING_ERROR, NULL, "%s", err.text);
		} else {
			findings_add(&doctor->findings,
				r == -ENOTSUP ? FINDING_NOTE : FINDING_WARNING, NULL,
				"topic %s: whether it may be written cannot be found out: %s",
				topic->name, err.text);
		}
	}
}
