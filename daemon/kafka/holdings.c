/*
 * holdings - which partitions the members of a group have
 *
 * Runs in: worker, the clerk's thread. Groups of the newer protocol (KIP-848) answer this question
 * with an error: nothing is said of them.
 */
#include "kafka/holdings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kafka/conf.h"

/* ---- the consumer protocol: version, topics with partitions, all big-endian ---- */

struct reader {
	const unsigned char *at, *end;
	bool is_short;
};

static uint32_t read_number(struct reader *reader, size_t size)
{
	uint32_t number = 0;

	if ((size_t)(reader->end - reader->at) < size) {
		reader->is_short = true;
		return 0;
	}
	for (size_t i = 0; i < size; i++) {
		number = number << 8 | *reader->at++;
	}
	return number;
}

static void read_topic(struct reader *reader, struct sink_holdings *holdings)
{
	size_t len = read_number(reader, 2);
	const char *name = (const char *)reader->at;
	uint32_t count;

	if (reader->is_short || (size_t)(reader->end - reader->at) < len) {
		reader->is_short = true;
		return;
	}
	reader->at += len;
	count = read_number(reader, 4);
	for (uint32_t i = 0; i < count && !reader->is_short; i++) {
		int32_t partition = (int32_t)read_number(reader, 4);

		if (!reader->is_short) {
			holdings->items = xrealloc(
				holdings->items, (holdings->count + 1) * sizeof(*holdings->items));
			holdings->items[holdings->count++] =
				(struct sink_holding){ xstrndup(name, len), partition };
		}
	}
}

static void drop_from(struct sink_holdings *holdings, size_t kept)
{
	while (holdings->count > kept) {
		free(holdings->items[--holdings->count].topic);
	}
}

int kafka_read_assignment(const void *bytes, size_t len, struct sink_holdings *holdings)
{
	struct reader reader = { bytes, (const unsigned char *)bytes + len, false };
	size_t before = holdings->count;
	uint32_t topics;

	if (len == 0) {
		return 0; /* has joined, and was given nothing yet */
	}
	(void)read_number(&reader, 2);
	topics = read_number(&reader, 4);
	for (uint32_t i = 0; i < topics && !reader.is_short; i++) {
		read_topic(&reader, holdings);
	}
	if (reader.is_short) {
		drop_from(holdings, before);
		return -EPROTO;
	}
	return 0;
}

/* ---- the question ---- */

static int read_group(const struct rd_kafka_group_info *group, struct sink_holdings *ret)
{
	bool is_settled = strcmp(group->state, "Stable") == 0 || strcmp(group->state, "Empty") == 0;

	if (group->err || !is_settled) {
		return -EAGAIN;
	}
	for (int i = 0; i < group->member_cnt; i++) {
		const struct rd_kafka_group_member_info *member = &group->members[i];

		if (kafka_read_assignment(member->member_assignment,
			    (size_t)member->member_assignment_size, ret) < 0) {
			return -EPROTO;
		}
	}
	return 0;
}

int kafka_ask_holdings(rd_kafka_t *rk, const char *group, int timeout_ms, struct sink_holdings *ret,
	struct err *err)
{
	const struct rd_kafka_group_list *list = NULL;
	rd_kafka_resp_err_t code = rd_kafka_list_groups(rk, group, &list, timeout_ms);
	int r = -EAGAIN;

	*ret = (struct sink_holdings){ 0 };
	if (list && list->group_cnt == 1) {
		r = read_group(&list->groups[0], ret);
	}
	if (list) {
		rd_kafka_group_list_destroy(list);
	}
	if (r < 0) {
		sink_holdings_fini(ret);
		kafka_err(err, r, code, "asking who has the group's partitions");
	}
	return r;
}
