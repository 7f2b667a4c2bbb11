#include "dlq_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/shown.h"
#include "config/value.h"
#include "dlq_mark.h"

/* No broker may be silent for so long. */
enum { POLL_MS = 500, SILENCE_MS = 30000 };

int dlq_session_fail(const struct dlq_session *session, int result, const struct err *err)
{
	struct err plain = *err;

	shown_plain(plain.text); /* it may name what a record named */
	fprintf(stderr, "oncectl %s: %s\n", session->ctl->verb->name, plain.text);
	return result == -EAGAIN ? CTL_NOT_REACHABLE : CTL_FAILED;
}

static int fail_usage(const struct dlq_session *session, const char *text)
{
	fprintf(stderr, "oncectl %s: %s\n", session->ctl->verb->name, text);
	return CTL_USAGE;
}

/* ---- what was asked for ---- */

static bool reads_topic(const struct config_consumer *consumer, struct slice topic)
{
	for (size_t i = 0; i < consumer->topics.count; i++) {
		if (slice_equal_str(topic, consumer->topics.items[i])) {
			return true;
		}
	}
	return false;
}

/* The consumer whose dead letters lie in the topic of `position`, or came from there. */
static const struct config_consumer *find_by_position(
	const struct config *config, const char *position)
{
	struct slice topic = slice_from(position, strcspn(position, ":"));

	for (size_t i = 0; i < config->consumer_count; i++) {
		const struct config_consumer *consumer = &config->consumers[i];

		if (consumer->dlq_topic &&
			(slice_equal_str(topic, consumer->dlq_topic) ||
				reads_topic(consumer, topic))) {
			return consumer;
		}
	}
	return NULL;
}

static int find_consumer(struct dlq_session *session, unsigned how)
{
	const struct ctl *ctl = session->ctl;
	size_t names = ctl->argument_count - ((how & DLQ_BY_POSITION) != 0);
	struct err err = ERR_INIT;

	session->topic = ctl_option(ctl, "--topic");
	if (names > 0) {
		session->consumer = config_find_consumer(session->config, ctl->arguments[0]);
		if (!session->consumer) {
			err_set(&err, 0, "%s has no [consumer %s]", ctl->config_path,
				ctl->arguments[0]);
			return dlq_session_fail(session, -ENOENT, &err);
		}
	} else if (!session->topic && how & DLQ_BY_POSITION) {
		session->consumer = find_by_position(session->config, ctl->arguments[0]);
	}
	if (!session->consumer && !session->topic) {
		return fail_usage(session, "whose dead letters? Name CONSUMER, or --topic TOPIC");
	}
	return CTL_OK;
}

static int find_topic(struct dlq_session *session, unsigned how)
{
	int status = find_consumer(session, how);
	struct err err = ERR_INIT;

	if (status) {
		return status;
	}
	if (!session->topic) {
		session->topic = session->consumer->dlq_topic;
	}
	if (!session->topic) {
		err_set(&err, 0, "[consumer %s] has dlq.topic = none; name one with --topic",
			session->consumer->name);
		return dlq_session_fail(session, -ENOENT, &err);
	}
	session->group = xasprintf("onced-dlq-%s", session->topic);
	return CTL_OK;
}

static const char *option_of(const struct dlq_session *session, unsigned how, const char *name)
{
	return how & DLQ_HAS_FILTER ? ctl_option(session->ctl, name) : NULL;
}

static int read_filter(struct dlq_session *session, unsigned how)
{
	const char *limit = option_of(session, how, "--limit");
	const struct dlq_filter_words words = {
		.reason = option_of(session, how, "--reason"),
		.code = option_of(session, how, "--code"),
		.since = option_of(session, how, "--since"),
		.until = option_of(session, how, "--until"),
		.event_id = option_of(session, how, "--event-id"),
		.key = option_of(session, how, "--key"),
		.where = option_of(session, how, "--where"),
		.position = option_of(session, how, "--position"),
		.consumer =
			session->consumer && how & DLQ_HAS_FILTER ? session->consumer->name : NULL,
	};
	struct err err = ERR_INIT;

	session->takes_all |= option_of(session, how, "--all") != NULL;
	if (limit && (value_parse_integer(limit, &session->limit) < 0 || session->limit == 0)) {
		return fail_usage(session, "--limit is not a number above 0");
	}
	if (dlq_filter_init(&session->filter, &words, clock_wall_ms(), &err) < 0) {
		return fail_usage(session, err.text);
	}
	return CTL_OK;
}

static int load_config(struct dlq_session *session)
{
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;

	/* Handlers' keys are the daemon's business. */
	if (config_load(session->ctl->config_path, environ, NULL, &session->config, &errors) < 0) {
		fputs(buffer_str(&errors.text), stderr);
		return CTL_FAILED;
	}
	return CTL_OK;
}

/*
 * Offsets of a topic that was deleted and made anew say nothing about this one: all of it is open,
 * as far as marks do not say otherwise.
 */
static void forget_offsets_beyond(
	struct dlq_session *session, int64_t *committed, const int64_t *ends, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (committed[i] > ends[i]) {
			fprintf(stderr,
				"oncectl: group %s has offset %lld of %s, partition %zu, which "
				"ends at "
				"%lld; was the topic made anew? Its letters count as open.\n",
				session->group, (long long)committed[i], session->topic, i,
				(long long)ends[i]);
			committed[i] = SOURCE_OFFSET_NONE;
		}
	}
}

static int open_book(struct dlq_session *session)
{
	struct err err = ERR_INIT;
	int count = kafka_reader_partitions(session->reader, session->topic, &err);
	size_t size = count > 0 ? (size_t)count : 1;
	_cleanup_free_ int64_t *from = xcalloc(size, sizeof(*from));
	_cleanup_free_ int64_t *ends = xcalloc(size, sizeof(*ends));
	_cleanup_free_ int64_t *committed = xcalloc(size, sizeof(*committed));
	struct kafka_reader *reader = session->reader;
	int r = count;

	if (r >= 0) {
		r = kafka_reader_log_offsets(
			reader, session->topic, SOURCE_OFFSET_EARLIEST, from, size, &err);
	}
	if (r >= 0) {
		r = kafka_reader_log_offsets(
			reader, session->topic, SOURCE_OFFSET_LATEST, ends, size, &err);
	}
	if (r >= 0) {
		r = kafka_reader_committed(reader, session->topic, committed, size, &err);
	}
	if (r < 0) {
		return dlq_session_fail(session, r, &err);
	}
	forget_offsets_beyond(session, committed, ends, size);
	for (int i = 0; i < count && !session->takes_all; i++) {
		from[i] = committed[i] > from[i] ? committed[i] : from[i];
	}
	dlq_book_init(&session->book, from, committed, (size_t)count);
	return CTL_OK;
}

int dlq_session_open(struct dlq_session *session, const struct ctl *ctl, unsigned how)
{
	struct err err = ERR_INIT;
	int r, status;

	*session = (struct dlq_session){
		.ctl = ctl, .limit = INT64_MAX, .takes_all = (how & DLQ_TAKES_ALL) != 0
	};
	log_init(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_WARNING, NULL, NULL, -1);
	status = load_config(session);
	status = status ? status : find_topic(session, how);
	status = status ? status : read_filter(session, how);
	if (status) {
		return status;
	}
	r = kafka_reader_open(session->config, session->group, &session->reader, &err);
	if (r < 0) {
		return dlq_session_fail(session, r, &err);
	}
	status = open_book(session);
	return status || how & DLQ_UNREAD ? status : dlq_session_catch_up(session);
}

void dlq_session_close(struct dlq_session *session)
{
	dlq_filter_fini(&session->filter);
	dlq_book_fini(&session->book);
	kafka_reader_close(session->reader);
	free(session->group);
	config_free(session->config);
	*session = DLQ_SESSION_INIT;
}

/* ---- reading ---- */

/* 0; -errno; 1: the end of what is to be read. */
static int read_one(struct dlq_session *session, size_t partition, int64_t to, dlq_record_fn *fn,
	void *arg, int *silence_ms, struct err *err)
{
	struct kafka_reader_record record;
	int r = kafka_reader_next(session->reader, POLL_MS, &record, err);

	if (r < 0) {
		return r;
	}
	/* an end before `to`: a new leader that does not know yet how far the log was confirmed */
	if (r == KAFKA_READER_NOTHING ||
		(r == KAFKA_READER_END && record.partition == (int32_t)partition &&
			record.offset < to)) {
		*silence_ms += POLL_MS;
		return *silence_ms < SILENCE_MS
			? 0
			: err_set(err, -EAGAIN, "topic %s, partition %zu: no answer for %d s",
				  session->topic, partition, SILENCE_MS / 1000);
	}
	*silence_ms = 0;
	if (record.partition != (int32_t)partition) {
		return 0;
	}
	if (r == KAFKA_READER_END || record.offset >= to || !fn(arg, &record)) {
		return 1;
	}
	return record.offset + 1 >= to;
}

int dlq_session_read(struct dlq_session *session, size_t partition, int64_t from, int64_t to,
	dlq_record_fn *fn, void *arg)
{
	_cleanup_free_ int64_t *offsets = xcalloc(session->book.count, sizeof(*offsets));
	struct err err = ERR_INIT;
	int silence_ms = 0, r;

	if (from >= to) {
		return CTL_OK;
	}
	for (size_t i = 0; i < session->book.count; i++) {
		offsets[i] = i == partition ? from : -1;
	}
	r = kafka_reader_assign(
		session->reader, session->topic, offsets, session->book.count, &err);
	while (r == 0) {
		r = read_one(session, partition, to, fn, arg, &silence_ms, &err);
	}
	return r < 0 ? dlq_session_fail(session, r, &err) : CTL_OK;
}

static bool book_record(void *arg, const struct kafka_reader_record *record)
{
	struct dlq_session *session = arg;

	if (!dlq_mark_is(record)) {
		dlq_book_add(&session->book, (size_t)record->partition, record->offset);
		return true;
	}
	dlq_book_pass(&session->book, (size_t)record->partition, record->offset + 1);
	if (!dlq_mark_apply(record, &session->book)) {
		fprintf(stderr, "oncectl: %s:%d:%lld says it is a mark, but cannot be read\n",
			session->topic, (int)record->partition, (long long)record->offset);
	}
	return true;
}

int dlq_session_catch_up(struct dlq_session *session)
{
	size_t count = session->book.count;
	_cleanup_free_ int64_t *ends = xcalloc(count ? count : 1, sizeof(*ends));
	struct err err = ERR_INIT;
	int r = kafka_reader_log_offsets(
		session->reader, session->topic, SOURCE_OFFSET_LATEST, ends, count, &err);
	int status = r < 0 ? dlq_session_fail(session, r, &err) : CTL_OK;

	for (size_t i = 0; i < count && !status; i++) {
		status = dlq_session_read(session, i, session->book.partitions[i].next, ends[i],
			book_record, session);
		if (!status) {
			dlq_book_pass(&session->book, i, ends[i]);
		}
	}
	return status;
}

struct each {
	struct dlq_session *session;
	dlq_letter_fn *fn;
	void *arg;
	int64_t count;
	bool has_ended;
};

static bool give_letter(void *arg, const struct kafka_reader_record *record)
{
	struct each *each = arg;
	struct dlq_session *session = each->session;
	enum dlq_state state =
		dlq_book_get(&session->book, (size_t)record->partition, record->offset);
	struct dlq_letter letter;

	if (state == DLQ_NOTHING || (state != DLQ_OPEN && !session->takes_all)) {
		return true;
	}
	dlq_letter_read(record, &letter);
	if (!dlq_filter_matches(&session->filter, &letter)) {
		return true;
	}
	each->has_ended = !each->fn(each->arg, &letter, state) || ++each->count >= session->limit;
	return !each->has_ended;
}

int dlq_session_each(struct dlq_session *session, dlq_letter_fn *fn, void *arg)
{
	struct each each = { .session = session, .fn = fn, .arg = arg };
	int status = CTL_OK;

	for (size_t i = 0; i < session->book.count && !status && !each.has_ended; i++) {
		const struct dlq_book_partition *p = &session->book.partitions[i];
		int64_t from =
			session->takes_all ? p->from : dlq_book_first_open(&session->book, i);

		status = dlq_session_read(session, i, from, p->next, give_letter, &each);
	}
	return status;
}

int dlq_session_commit(struct dlq_session *session)
{
	size_t count = session->book.count;
	_cleanup_free_ int64_t *offsets = xcalloc(count ? count : 1, sizeof(*offsets));
	struct err err = ERR_INIT;
	int r;

	for (size_t i = 0; i < count; i++) {
		struct dlq_book_partition *p = &session->book.partitions[i];
		int64_t first_open = dlq_book_first_open(&session->book, i);

		offsets[i] = first_open > p->committed ? first_open : -1;
	}
	r = kafka_reader_commit(session->reader, session->topic, offsets, count, &err);
	if (r < 0) {
		return dlq_session_fail(session, r, &err);
	}
	for (size_t i = 0; i < count; i++) {
		struct dlq_book_partition *p = &session->book.partitions[i];

		p->committed = offsets[i] >= 0 ? offsets[i] : p->committed;
	}
	return CTL_OK;
}
