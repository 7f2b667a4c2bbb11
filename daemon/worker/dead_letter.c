/*
 * dead_letter - the way out of poison, and on into retry topics
 *
 * Runs in: worker, main thread; dead_letter_add() on lanes, under the lock. The decision is durable
 * before a dead letter gets here. It is produced until the topic acknowledges it, and only then is
 * its record settled: the offset does not pass it. While a dead letter cannot be delivered its
 * strand is held. A record that goes on in a retry topic is a letter, too; of it nothing was
 * decided, for it may well be there twice: its event is known by its id.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/letter_headers.h"
#include "worker/trace.h"
#include "worker/worker_private.h"

#define RETRY_FIRST_US ((int64_t)200 * 1000)
#define RETRY_MAX_US ((int64_t)5 * 1000 * 1000)
#define LOG_INTERVAL_US ((int64_t)10 * 1000 * 1000)
/* An answer is looked for soon after sending, and less often the longer it takes. */
#define ANSWER_FIRST_US ((int64_t)1000)
#define ANSWER_MAX_US ((int64_t)50 * 1000)

/* Dead letters that wait hold memory: with so many nothing more is decided. */
enum { DEAD_LETTERS_MAX = 1000, LINES_PER_SECOND = 100 };

/* ---- from lanes ---- */

void dead_letter_add(struct worker *worker, struct unit_work *work)
{
	struct dead_letter *letter = NEW(struct dead_letter);

	letter->record = work->record;
	letter->reason = work->reason;
	letter->tier = work->end == UNIT_DEFERRED ? work->tier : -1;
	memcpy(letter->code, work->code, sizeof(letter->code));
	letter->text = xstrdup(work->text);
	if (work->event.id.data) {
		letter->event_id = xmalloc(work->event.id.len + 1);
		memcpy(letter->event_id, work->event.id.data, work->event.id.len);
		letter->event_id_len = work->event.id.len;
	}
	letter->is_written = work->is_written;
	letter->handler = work->handler ? work->handler->config->name : "";
	letter->next = worker->new_dead_letters;
	worker->new_dead_letters = letter;
	worker->uncounted_letters += letter->tier < 0;
	if (dead_letters_must_be_counted(worker)) {
		sched_pause_all(worker->sched, true);
	}
}

bool dead_letters_must_be_counted(const struct worker *worker)
{
	unsigned limit = worker->consumer->dlq_breaker.count;

	return limit > 0 && worker->uncounted_letters > limit;
}

static void letter_free(struct dead_letter *letter)
{
	record_free(letter->record);
	free(letter->text);
	free(letter->event_id);
	free(letter);
}

/* ---- producing ---- */

static int produce(struct worker *worker, struct dead_letter *letter, struct err *err)
{
	struct letter_headers headers;
	struct sink_message message;
	int r;

	dead_letter_compose(worker, letter, &headers, &message);
	FAILPOINT(letter->tier >= 0 ? "before_retry_produce" : "before_dlq_produce");
	r = worker->wiring->sink->send(worker->sink, &message, err);
	FAILPOINT(letter->tier >= 0 ? "after_retry_produce" : "after_dlq_produce");
	letter_headers_fini(&headers);
	return r;
}

/* ---- holding ---- */

static void hold_strand(struct worker *worker, struct dead_letter *letter)
{
	struct partition *p;

	if (letter->is_holding) {
		return;
	}
	pthread_mutex_lock(&worker->lock);
	p = partition_if_live(worker, letter->record->item.slot, letter->record->item.epoch);
	if (p) {
		sched_hold(worker->sched, p->id.slot, p->id.epoch, letter->record->item.key_hash);
		p->held++;
		letter->is_holding = true;
	}
	pthread_mutex_unlock(&worker->lock);
}

static void release_strand(struct worker *worker, struct dead_letter *letter)
{
	struct partition *p;

	if (!letter->is_holding) {
		return;
	}
	letter->is_holding = false;
	pthread_mutex_lock(&worker->lock);
	p = partition_if_live(worker, letter->record->item.slot, letter->record->item.epoch);
	if (p) {
		sched_release(
			worker->sched, p->id.slot, p->id.epoch, letter->record->item.key_hash);
		p->held -= p->held > 0;
		lanes_wake(worker, true);
	}
	pthread_mutex_unlock(&worker->lock);
}

/* Which record cannot leave, and since when: whoever waits for a drain asks. */
static void tell_down(
	struct worker *worker, const struct dead_letter *letter, const struct err *err)
{
	const struct partition *p = worker->partitions[letter->record->item.slot];
	char since[CLOCK_RFC3339_MAX];

	page_text_set(&worker->page->dlq_text, "%.80s[%d] at offset %lld since %s: %.80s: %s",
		p->id.topic, (int)p->id.partition, (long long)letter->record->item.offset,
		clock_format_rfc3339(letter->failing_since_ms, since),
		dead_letter_target(worker, letter), err->text);
}

static void fail(struct worker *worker, struct dead_letter *letter, const struct err *err)
{
	int64_t now_us = clock_mono_us(), delay_us = RETRY_FIRST_US;
	const struct partition *p = worker->partitions[letter->record->item.slot];
	uint64_t held_back;

	for (unsigned i = 0; i < letter->failures && delay_us < RETRY_MAX_US; i++) {
		delay_us *= 2;
	}
	if (letter->failures++ == 0) {
		letter->failing_since_ms = clock_wall_ms();
	}
	letter->is_sent = false;
	letter->due_us = now_us + (delay_us < RETRY_MAX_US ? delay_us : RETRY_MAX_US);
	hold_strand(worker, letter);
	worker->page->dlq_is_down = 1;
	tell_down(worker, letter, err);
	page_text_set(&worker->partitions[letter->record->item.slot]->page->text,
		"held at offset %lld: its %s cannot be written to %s: %s",
		(long long)letter->record->item.offset, letter->tier >= 0 ? "retry" : "dead letter",
		dead_letter_target(worker, letter), err->text);
	if (log_every(&worker->dlq_limit, now_us, LOG_INTERVAL_US, &held_back)) {
		log_error(letter->tier >= 0 ? "retry not accepted, its strand is held and it is "
					      "repeated; does its topic exist?"
					    : "dead letter not accepted, its strand is held and it "
					      "is repeated",
			LOG_ID(DEAD_LETTER_REFUSED),
			LOG_STR("dlq_topic", dead_letter_target(worker, letter)),
			LOG_STR("topic", p->id.topic), LOG_INT("partition", p->id.partition),
			LOG_INT("offset", letter->record->item.offset), LOG_STR("error", err->text),
			LOG_INT("held_back", (int64_t)held_back));
	}
}

static void too_large(struct worker *worker, struct dead_letter *letter, const struct err *err)
{
	if (worker->consumer->dlq_oversized == DLQ_OVERSIZED_HEADERS_ONLY && letter->tier < 0 &&
		!letter->is_oversized) {
		letter->is_oversized = true;
		letter->is_sent = false;
		letter->due_us = 0;
		return;
	}
	fail(worker, letter, err);
}

/* ---- the list ---- */

static void append_letter(struct worker *worker, struct dead_letter *letter)
{
	letter->next = NULL;
	*worker->dead_letters_tail = letter;
	worker->dead_letters_tail = &letter->next;
	worker->dead_letter_count++;
	worker->dead_letter_bytes += letter->record->item.bytes;
}

/* Take the letter out of the list that `at` points into. */
static struct dead_letter *take_letter(struct worker *worker, struct dead_letter **at)
{
	struct dead_letter *letter = *at;

	*at = letter->next;
	if (!*at) {
		worker->dead_letters_tail = at;
	}
	worker->dead_letter_count--;
	worker->dead_letter_bytes -= letter->record->item.bytes;
	return letter;
}

static void unlink_letter(struct worker *worker, struct dead_letter *letter)
{
	struct dead_letter **at = &worker->dead_letters;

	while (*at && *at != letter) {
		at = &(*at)->next;
	}
	if (*at) {
		take_letter(worker, at);
	}
}

bool dead_letters_are_full(const struct worker *worker)
{
	return worker->dead_letter_count >= DEAD_LETTERS_MAX ||
		worker->dead_letter_bytes >= (uint64_t)worker->consumer->in_flight_bytes;
}

static void log_letter(struct worker *worker, const struct dead_letter *letter)
{
	const struct record *record = letter->record;
	const struct record_origin *origin = record->origin;
	const struct partition *p = worker->partitions[record->item.slot];

	if (letter->tier >= 0 || /* said when it failed */
		!lines_take(&worker->dead_letter_lines, clock_mono_us(), LINES_PER_SECOND,
			"dead letter")) {
		return;
	}
	log_warning("dead letter", LOG_ID(DEAD_LETTER),
		LOG_STR("topic", origin ? origin->topic : p->id.topic),
		LOG_INT("partition", origin ? origin->partition : p->id.partition),
		LOG_INT("offset", record_offset(record)),
		LOG_SLICE("event_id", slice_from(letter->event_id, letter->event_id_len)),
		LOG_INT("attempt", record->attempts),
		LOG_STR("reason", page_reason_names[letter->reason]), LOG_STR("code", letter->code),
		LOG_STR("error", letter->text), LOG_SLICE("traceparent", trace_of(letter->record)),
		LOG_STR("dlq_topic", worker->consumer->dlq_topic));
}

/* One of several topics takes letters again: that of every other one that failed may not. */
static bool is_any_failing(struct worker *worker)
{
	const struct dead_letter *letter = worker->dead_letters;

	while (letter && letter->failures == 0) {
		letter = letter->next;
	}
	return letter != NULL || transacting_has_unwritten(worker);
}

/* True: it was down, and no letter waits for it any more. */
static bool forget_down(struct worker *worker)
{
	if (!worker->page->dlq_is_down || is_any_failing(worker)) {
		return false;
	}
	worker->page->dlq_is_down = 0;
	page_text_set(&worker->page->dlq_text, "%s", "");
	return true;
}

static void tell_up(struct worker *worker, const char *topic)
{
	if (forget_down(worker)) {
		log_notice("dead letters are accepted again", LOG_ID(DEAD_LETTERS_ACCEPTED),
			LOG_STR("dlq_topic", topic));
	}
}

static void accepted(struct worker *worker, struct dead_letter *letter)
{
	const struct record *record = letter->record;
	struct partition *p = worker->partitions[record->item.slot];
	bool is_settled;

	FAILPOINT(letter->tier >= 0 ? "after_retry_ack" : "after_dlq_ack");
	pthread_mutex_lock(&worker->lock);
	is_settled = partition_settle(worker, record,
		letter->tier >= 0 ? PAGE_DEFERRED : PAGE_DEAD_LETTERED, clock_wall_ms());
	pthread_mutex_unlock(&worker->lock);
	if (is_settled && letter->tier >= 0) {
		page_add(&p->page->retries, 1);
	} else if (is_settled) {
		page_add(&p->page->dead_letters[letter->reason], 1);
	}
	if (letter->is_holding) {
		page_text_set(&p->page->text, "%s", "");
	}
	release_strand(worker, letter);
	log_letter(worker, letter);
	unlink_letter(worker, letter);
	tell_up(worker, dead_letter_target(worker, letter));
	letter_free(letter);
}

void dead_letter_answered(void *context, void *tag, enum sink_result result, const struct err *err)
{
	struct worker *worker = context;
	struct dead_letter *letter = tag;

	if (letter->is_orphan) {
		letter_free(letter);
		return;
	}
	switch (result) {
	case SINK_ACKED:
		accepted(worker, letter);
		return;
	case SINK_TOO_LARGE:
		too_large(worker, letter, err);
		return;
	case SINK_FAILED:
		fail(worker, letter, err);
		return;
	}
}

static void trip_breaker(struct worker *worker)
{
	const struct config_rate *limit = &worker->consumer->dlq_breaker;
	char reason[PAUSE_REASON_MAX];

	snprintf(reason, sizeof(reason),
		"more than %u dead letters in %lld s: looks like an outage or a bad release, not "
		"like poison",
		limit->count, (long long)(limit->window_us / 1000000));
	log_error("the dead-letter breaker pauses the consumer", LOG_ID(BREAKER),
		LOG_STR("reason", reason));
	pausing_begin(worker, "dead-letter breaker", reason);
}

/* What lanes decided, oldest first. */
static struct dead_letter *reversed(struct dead_letter *list)
{
	struct dead_letter *result = NULL;

	while (list) {
		struct dead_letter *next = list->next;
		list->next = result;
		result = list;
		list = next;
	}
	return result;
}

static void take_new(struct worker *worker, int64_t now_us)
{
	struct dead_letter *list, *letter;
	bool is_dead;

	pthread_mutex_lock(&worker->lock);
	list = worker->new_dead_letters;
	worker->new_dead_letters = NULL;
	worker->uncounted_letters = 0;
	pthread_mutex_unlock(&worker->lock);
	list = reversed(list);
	while ((letter = list)) {
		list = letter->next;
		if (letter->is_written) {
			tell_up(worker, worker->consumer->dlq_topic);
			log_letter(worker, letter);
			letter_free(letter);
			is_dead = true;
		} else {
			is_dead = letter->tier < 0;
			append_letter(worker, letter);
		}
		if (is_dead && rate_hit(&worker->breaker, now_us) && !worker->is_paused) {
			trip_breaker(worker);
		}
	}
}

/* Under way, waiting for its time, or sent now. Returns when to look at it again. */
static int64_t serve_letter(struct worker *worker, struct dead_letter *letter, int64_t now_us)
{
	struct err err = ERR_INIT;

	if (!letter->is_sent && now_us >= letter->due_us) {
		switch (produce(worker, letter, &err)) {
		case 0:
			letter->is_sent = true;
			letter->sent_us = now_us;
			break;
		case 2:
			too_large(worker, letter, &err);
			break;
		default:
			fail(worker, letter, &err);
			break;
		}
	}
	if (letter->is_sent) {
		int64_t wait_us = (now_us - letter->sent_us) / 4;
		wait_us = wait_us < ANSWER_FIRST_US ? ANSWER_FIRST_US : wait_us;
		return now_us + (wait_us < ANSWER_MAX_US ? wait_us : ANSWER_MAX_US);
	}
	return letter->due_us;
}

void dead_letters_tick(struct worker *worker, int64_t now_us)
{
	int64_t due_us = INT64_MAX;

	take_new(worker, now_us);
	if (worker->consumer->is_transactional) {
		(void)forget_down(worker); /* its record may have ended in another way */
	}
	for (struct dead_letter *letter = worker->dead_letters; letter; letter = letter->next) {
		int64_t at_us = serve_letter(worker, letter, now_us);
		due_us = at_us < due_us ? at_us : due_us;
	}
	worker->dead_letters_due_us = due_us;
}

unsigned dead_letters_of(struct worker *worker, const struct partition *p, bool is_due_now)
{
	unsigned count = 0;

	for (struct dead_letter *letter = worker->dead_letters; letter; letter = letter->next) {
		if (p && (letter->record->item.slot != p->id.slot || letter->is_orphan)) {
			continue;
		}
		count++;
		if (is_due_now && !letter->is_sent) {
			letter->due_us = 0;
			worker->dead_letters_due_us = 0;
		}
	}
	return count;
}

bool dead_letter_skip(struct worker *worker, const struct partition *p, int64_t offset)
{
	struct dead_letter *letter = worker->dead_letters;
	int64_t now_ms = clock_wall_ms();

	while (letter &&
		(letter->is_sent || letter->record->item.offset != offset ||
			letter->record->item.slot != p->id.slot ||
			letter->record->item.epoch != p->id.epoch)) {
		letter = letter->next;
	}
	if (!letter) {
		return false;
	}
	pthread_mutex_lock(&worker->lock);
	(void)partition_settle(worker, letter->record, PAGE_SKIPPED, now_ms);
	finish_note_skip(
		worker, letter->record, slice_from(letter->event_id, letter->event_id_len), now_ms);
	pthread_mutex_unlock(&worker->lock);
	page_text_set(&worker->partitions[p->id.slot]->page->text, "%s", "");
	release_strand(worker, letter);
	unlink_letter(worker, letter);
	letter_free(letter);
	(void)forget_down(worker); /* maybe it still is: the next letter will tell */
	return true;
}

void dead_letters_drop(struct worker *worker, uint32_t slot, uint32_t epoch)
{
	struct dead_letter **at;

	take_new(worker, clock_mono_us());
	at = &worker->dead_letters;
	while (*at) {
		struct dead_letter *letter = *at;
		if (letter->record->item.slot != slot || letter->record->item.epoch != epoch) {
			at = &letter->next;
			continue;
		}
		take_letter(worker, at);
		if (letter->is_sent) {
			letter->is_orphan = true; /* the answer frees it */
		} else {
			letter_free(letter);
		}
	}
	(void)forget_down(worker); /* its partition's next owner finds out for itself */
}

void dead_letters_fini(struct worker *worker)
{
	take_new(worker, clock_mono_us());
	while (worker->dead_letters) {
		letter_free(take_letter(worker, &worker->dead_letters));
	}
}
