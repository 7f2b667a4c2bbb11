#include "dlq_sender.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "kafka/kafka.h"

/* The client gives up a record after message.timeout.ms, so that no wait is endless. */
enum { WAIT_US = 5000, CLOSE_MS = 1000 };

/* What a record in flight is for. */
struct parcel {
	int32_t partition;
	int64_t offset;
};

void dlq_sender_done(struct dlq_sender *sender, int32_t partition, int64_t offset)
{
	struct dlq_offsets *done = &sender->done[partition];

	ARRAY_GROW(done->items, done->count, done->capacity);
	done->items[done->count++] = offset;
	sender->done_count++;
}

static void on_result(void *context, void *tag, enum sink_result result, const struct err *err)
{
	struct dlq_sender *sender = context;
	_cleanup_free_ struct parcel *parcel = tag;

	sender->waiting--;
	if (result == SINK_ACKED && parcel->partition >= 0) {
		dlq_sender_done(sender, parcel->partition, parcel->offset);
	}
	if (result != SINK_ACKED && !sender->has_failed) {
		sender->has_failed = true;
		err_set(&sender->failure, 0, "letter %d:%lld was not accepted: %s",
			(int)parcel->partition, (long long)parcel->offset, err->text);
	}
}

static void on_stored(void *context, const char *topic, int32_t partition, int64_t offset)
{
	struct dlq_sender *sender = context;

	if (sender->on_stored) {
		sender->on_stored(sender->on_stored_arg, topic, partition, offset);
	}
}

int dlq_sender_open(struct dlq_sender *sender, const struct config *config, size_t partition_count,
	struct err *err)
{
	const struct sink_listener listener = {
		.context = sender, .on_result = on_result, .on_stored = on_stored
	};
	const struct sink_options options = { .config = config,
		.client_id = "oncectl",
		.listener = &listener,
		.is_idempotent = true };

	*sender = DLQ_SENDER_INIT;
	sender->done = xcalloc(partition_count ? partition_count : 1, sizeof(*sender->done));
	sender->partition_count = partition_count;
	return kafka_sink_ops.open(&options, &sender->sink, err);
}

void dlq_sender_close(struct dlq_sender *sender)
{
	if (sender->sink) {
		kafka_sink_ops.close(sender->sink, CLOSE_MS);
	}
	for (size_t i = 0; i < sender->partition_count; i++) {
		free(sender->done[i].items);
	}
	free(sender->done);
	*sender = DLQ_SENDER_INIT;
}

int dlq_sender_poll(struct dlq_sender *sender, struct err *err)
{
	kafka_sink_ops.poll(sender->sink);
	if (!sender->has_failed) {
		return 0;
	}
	sender->has_failed = false;
	return err_set(err, -EIO, "%s", sender->failure.text);
}

int dlq_sender_wait(struct dlq_sender *sender, struct err *err)
{
	for (kafka_sink_ops.poll(sender->sink); sender->waiting > 0;) {
		usleep(WAIT_US);
		kafka_sink_ops.poll(sender->sink);
	}
	return dlq_sender_poll(sender, err);
}

int dlq_sender_send(struct dlq_sender *sender, const struct sink_message *message,
	int32_t partition, int64_t offset, struct err *err)
{
	struct sink_message tagged = *message;
	struct parcel *parcel = NEW(struct parcel);
	int r;

	*parcel = (struct parcel){ partition, offset };
	tagged.tag = parcel;
	while ((r = kafka_sink_ops.send(sender->sink, &tagged, err)) == 1 &&
		dlq_sender_poll(sender, err) == 0 && sender->waiting > 0) {
		usleep(WAIT_US);
	}
	if (r != 0) {
		free(parcel);
		return r < 0 ? r : -EIO;
	}
	sender->waiting++;
	return dlq_sender_poll(sender, err);
}
